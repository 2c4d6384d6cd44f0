/*
 * split_markdown.c
 *		Lines of Markdown: where a text may be cut, and how well.  Pure C: no
 *		postgres.h here.
 *
 * What the chunks of a text need of CommonMark and no more: headings, with
 * number signs or underlined, code blocks with fences, lists, tables, blank
 * lines.  Blocks within block quotes and blocks of HTML are lines of text.
 *
 * Behind a heading is the worst of all borders, so that it stays with what it
 * is about.  A code block that is not larger than a chunk has no border within;
 * there is always one before it, so it is never cut.
 */
#include "collection/split_borders.h"

#include <string.h>

/* The first byte of a line that is neither space nor tab. */
static int32_t
skip_blanks(const VsLine *line, int32_t at)
{
	while (at < line->end && (line->text[at] == ' ' || line->text[at] == '\t'))
		at++;
	return at;
}

/* How many times a byte stands at a place. */
static int32_t
count_same(const VsLine *line, int32_t at, char c)
{
	int32_t		n = 0;

	while (at + n < line->end && line->text[at + n] == c)
		n++;
	return n;
}

/* Is there nothing but white space from a place on? */
static bool
rest_is_blank(const VsLine *line, int32_t at)
{
	VsLine		rest = *line;

	rest.start = at;
	return vs_line_is_blank(&rest);
}

/* The level of a heading with number signs, or 0. */
static int
heading_level(const VsLine *line)
{
	int32_t		first = skip_blanks(line, line->start);
	int32_t		n = count_same(line, first, '#');
	int32_t		behind = first + n;

	if (n < 1 || n > 6 || first - line->start > 3)
		return 0;
	return behind == line->end || vs_is_white_space((unsigned char) line->text[behind]) ? n : 0;
}

/* The level of the heading that a line makes of the one before it, or 0. */
static int
underline_level(const VsLine *line)
{
	int32_t		first = skip_blanks(line, line->start);
	char		c = first < line->end ? line->text[first] : 0;

	if (c != '=' && c != '-')
		return 0;
	return rest_is_blank(line, first + count_same(line, first, c)) ? (c == '=' ? 1 : 2) : 0;
}

/* The length of the fence that a line begins with, or 0. */
static int32_t
fence_length(const VsLine *line, int32_t first)
{
	char		c = first < line->end ? line->text[first] : 0;
	int32_t		n = c == '`' || c == '~' ? count_same(line, first, c) : 0;

	if (n < 3)
		return 0;
	/* A code span within a line has backticks at its end, too. */
	if (c == '`' && memchr(line->text + first + n, c, (size_t) (line->end - first - n)))
		return 0;
	return n;
}

/* Does a line end the code block? */
static bool
closes_fence(const VsMarkdown *markdown, const VsLine *line)
{
	int32_t		first = skip_blanks(line, line->start);
	int32_t		n = count_same(line, first, markdown->fence);

	return n >= markdown->fence_length && rest_is_blank(line, first + n);
}

/*
 * Take a line's characters from what is left of a chunk; false if they are
 * more.  White space behind the last line does not count.
 */
static bool
take_line(const VsMarkdown *markdown, const VsLine *line, bool last, int32_t *left)
{
	for (int32_t at = line->start + 1; at <= line->end; at++)
	{
		if (!vs_character_ends(line->text, line->length, markdown->bytes, at))
			continue;
		if (*left == 0)
			return last && rest_is_blank(line, at - 1);
		(*left)--;
	}
	return true;
}

/* Is the code block that starts with a line not larger than a chunk? */
static bool
fence_fits(const VsMarkdown *markdown, const VsLine *first)
{
	VsLine		line = *first;
	int32_t		left = markdown->chunk_size;
	bool		last;

	if (!take_line(markdown, &line, false, &left))
		return false;
	do
	{
		if (line.end == line.length)
			return true;
		line = vs_line_at(line.text, line.length, line.end);
		last = closes_fence(markdown, &line);
		if (!take_line(markdown, &line, last, &left))
			return false;
	} while (!last);
	return true;
}

/* Does an item of a list begin at a place? */
static bool
begins_item(const VsLine *line, int32_t first)
{
	int32_t		at = first;

	while (at < line->end && at < first + 9 && line->text[at] >= '0' && line->text[at] <= '9')
		at++;
	if (at >= line->end || strchr(at > first ? ".)" : "-+*", line->text[at]) == NULL)
		return false;
	at++;
	return at == line->end || vs_is_white_space((unsigned char) line->text[at]);
}

/* Is it a rule across the page, "---" or "* * *"? */
static bool
is_rule(const VsLine *line, int32_t first)
{
	char		c = first < line->end ? line->text[first] : 0;
	int32_t		n = 0;
	int32_t		at = first;

	if (c != '-' && c != '*' && c != '_')
		return false;
	for (; at < line->end && (line->text[at] == c || line->text[at] == ' '); at++)
		n += line->text[at] == c;
	return n >= 3 && rest_is_blank(line, at);
}

/* Is it the second line of a table, "|---|:--:|"? */
static bool
is_delimiter_row(const VsLine *line)
{
	bool		bars = false;
	bool		dashes = false;
	int32_t		at = line->start;

	for (; at < line->end && line->text[at] && strchr("|-: \t", line->text[at]); at++)
	{
		bars |= line->text[at] == '|';
		dashes |= line->text[at] == '-';
	}
	return bars && dashes && rest_is_blank(line, at);
}

/* Go on in a code block. */
static VsLineVerdict
line_of_code(VsMarkdown *markdown, const VsLine *line)
{
	VsLineVerdict verdict = {
		.level = markdown->fence_fits ? VS_LEVEL_QUIET : VS_LEVEL_LINE,
		.quiet = markdown->fence_fits
	};

	if (closes_fence(markdown, line))
	{
		markdown->fence = 0;
		markdown->after_block = true;
	}
	return verdict;
}

/* Begin a code block. */
static VsLineVerdict
begin_code(VsMarkdown *markdown, const VsLine *line, int32_t first, int32_t length)
{
	bool		of_item = markdown->in_list && first > line->start;

	markdown->fence = line->text[first];
	markdown->fence_length = length;
	markdown->fence_fits = fence_fits(markdown, line);
	markdown->in_list = of_item;
	return (VsLineVerdict)
	{
		.level = of_item ? VS_LEVEL_LINE : VS_LEVEL_PARAGRAPH,
		.quiet = markdown->fence_fits
	};
}

/* Begin a heading; a long one may be cut. */
static VsLineVerdict
begin_heading(VsMarkdown *markdown, const VsLine *line, int level)
{
	int32_t		left = markdown->chunk_size;

	markdown->in_list = false;
	return (VsLineVerdict)
	{
		.level = (VsLevel) (VS_LEVEL_CHAPTER + 1 - level),
		.quiet = line->whole && take_line(markdown, line, true, &left)
	};
}

/* The level before an item of a list. */
static VsLevel
item_level(VsMarkdown *markdown, const VsLine *line, int32_t first)
{
	/* What leads up to a list stays with it, unless there is a blank line. */
	bool		begins = !markdown->in_list && (markdown->after_blank || markdown->after_block);

	markdown->in_list = true;
	if (begins)
		return VS_LEVEL_PARAGRAPH;
	return first - line->start < 2 ? VS_LEVEL_ITEM : VS_LEVEL_INNER_ITEM;
}

/* The level before a line of text, of a quotation or of a table. */
static VsLevel
text_level(VsMarkdown *markdown, const VsLine *line, int32_t first)
{
	bool		begins = markdown->after_blank || markdown->after_block;

	if (!begins && !markdown->delimiter_next)
		return VS_LEVEL_LINE;
	if (markdown->in_list && first > line->start)
		return VS_LEVEL_LINE;	/* one more paragraph of an item */
	markdown->in_list = false;
	return VS_LEVEL_PARAGRAPH;
}

/*
 * Look at the line behind this one, which may say what this one is: the level
 * of the heading that it makes of it, or 0.
 */
static int
look_ahead(VsMarkdown *markdown, const VsLine *line, int32_t first)
{
	bool		begins = line->start == 0 || markdown->after_blank || markdown->after_block || markdown->after_heading;
	VsLine		next;

	markdown->delimiter_next = false;
	if (!line->whole || line->end == line->length)
		return 0;
	next = vs_line_at(line->text, line->length, line->end);
	if (memchr(line->text + first, '|', (size_t) (line->end - first)))
		markdown->delimiter_next = is_delimiter_row(&next);
	if (!begins || markdown->delimiter_next || line->text[first] == '>' ||
		begins_item(line, first) || is_rule(line, first))
		return 0;
	return underline_level(&next);
}

/* The second line of a heading or a table stays with the first. */
static VsLineVerdict
second_line(VsMarkdown *markdown)
{
	markdown->after_heading = markdown->underline_next;
	markdown->underline_next = false;
	markdown->delimiter_next = false;
	return (VsLineVerdict) {.level = VS_LEVEL_QUIET,.quiet = true};
}

/* A line that is neither blank nor code. */
static VsLineVerdict
begin_line(VsMarkdown *markdown, const VsLine *line)
{
	int32_t		first = skip_blanks(line, line->start);
	int32_t		fence = fence_length(line, first);
	int			heading = heading_level(line);
	bool		rule = false;
	VsLineVerdict verdict = {0};

	if (heading == 0 && fence == 0)
	{
		heading = look_ahead(markdown, line, first);
		markdown->underline_next = heading > 0;
		rule = heading == 0 && is_rule(line, first);
	}
	if (fence > 0)
		verdict = begin_code(markdown, line, first, fence);
	else if (heading > 0)
		verdict = begin_heading(markdown, line, heading);
	else if (rule)
		verdict.level = VS_LEVEL_PARAGRAPH;
	else if (begins_item(line, first))
		verdict.level = item_level(markdown, line, first);
	else
		verdict.level = text_level(markdown, line, first);

	if (markdown->after_heading)
		verdict.level = VS_LEVEL_GRAPHEME;
	markdown->after_heading = heading > 0;
	markdown->after_block = rule;
	markdown->in_list &= !rule;
	return verdict;
}

/* Read the next line of a text of Markdown. */
VsLineVerdict
vs_markdown_line(VsMarkdown *markdown, const VsLine *line)
{
	VsLineVerdict verdict = {.level = VS_LEVEL_GRAPHEME};

	if (markdown->fence)
		return line_of_code(markdown, line);
	if (vs_line_is_blank(line))
	{
		markdown->after_blank = true;
		return verdict;
	}
	if (markdown->underline_next || markdown->delimiter_next)
		verdict = second_line(markdown);
	else
		verdict = begin_line(markdown, line);
	markdown->after_blank = false;
	return verdict;
}
