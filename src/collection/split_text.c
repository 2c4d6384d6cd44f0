/*
 * split_text.c
 *		Long texts in chunks, for retrieval.  Pure C: no postgres.h here.
 *
 * A chunk is what fits between two borders of the text (split_borders.c).
 * Among the borders within reach the best ones count, and of those the last:
 * if paragraphs fit, as many paragraphs as fit, otherwise lines, and so on.
 * A unit that fits if a chunk begins with it is never cut for the sake of
 * overlap, which takes what the first such unit leaves.  White space at the ends
 * is neither counted nor returned.
 *
 * From each chunk on, the text is read until it is clear how far the next one
 * can reach; find_reach() goes on where it was when it has to wait for that.
 * Then choose() looks at what was read and decides.
 */
#include "collection/split_text.h"

#include <stdlib.h>

#include "collection/split_borders.h"

const char *const vs_split_method_names[] = {"recursive", "sentence", "token", "markdown", NULL};

typedef enum Phase
{
	PHASE_SKIP,					/* white space before the chunk */
	PHASE_COUNT,				/* what it can hold */
	PHASE_TRAIL,				/* white space behind that */
	PHASE_DONE
} Phase;

struct VsSplit
{
	VsBorders	borders;
	VsSplitOptions options;
	const char *text;
	int32_t		length;

	int32_t		start;			/* of the last chunk, -1: there was none */
	int32_t		end;			/* all before it has been returned */
	int32_t		counted;		/* byte, */
	int32_t		position;		/* and how many characters are before it */

	/* How far the next chunk can reach. */
	Phase		phase;
	int32_t		at;
	int32_t		left;			/* to count */
	int32_t		first;			/* not white space */
	int32_t		full;			/* all is counted */
};

/* Make a splitter. */
VsSplit *
vs_split_create(void)
{
	VsSplit    *split = (VsSplit *) calloc(1, sizeof(VsSplit));

	if (split && !vs_borders_init(&split->borders))
	{
		vs_split_free(split);
		split = NULL;
	}
	return split;
}

/* Free it. */
void
vs_split_free(VsSplit *split)
{
	vs_borders_finish(&split->borders);
	free(split);
}

/* Begin a text. */
void
vs_split_begin(VsSplit *split, const VsSplitOptions *options, const char *text, int32_t length)
{
	split->options = *options;
	split->text = text;
	split->length = length;
	split->start = -1;
	split->end = 0;
	split->counted = 0;
	split->position = 0;
	split->phase = PHASE_SKIP;
	split->at = 0;
	vs_borders_begin(&split->borders, options, text, length);
}

/* ---- places ---- */

/* Is the level of a place known for good? */
static bool
is_known(const VsSplit *split, int32_t at)
{
	return at < split->borders.read || split->borders.read == split->length;
}

/* Does a unit that is counted end before a place? */
static bool
counts(const VsSplit *split, int32_t at)
{
	if (split->options.method == VS_SPLIT_TOKEN)
		return vs_level(&split->borders, at) >= VS_LEVEL_WORD;
	return vs_character_ends(split->text, split->length, split->options.bytes, at);
}

/* The end of a cluster of white space at a place, or the place. */
static int32_t
white_cluster_end(const VsSplit *split, int32_t at)
{
	bool		within_crlf = at > 0 && split->text[at] == '\n' && split->text[at - 1] == '\r';
	int32_t		next = at;
	UChar32		c;

	U8_NEXT_OR_FFFD(split->text, next, split->length, c);
	if (!vs_is_white_space(c) ||
		(vs_level(&split->borders, at) == VS_LEVEL_NONE && !within_crlf))
		return at;
	if (c == '\r' && next < split->length && split->text[next] == '\n')
		next++;
	return vs_level(&split->borders, next) == VS_LEVEL_NONE ? at : next;
}

/* Behind white space, as far as is known. */
static int32_t
skip_white(const VsSplit *split, int32_t at)
{
	int32_t		next;

	while (at < split->length && is_known(split, at) && (next = white_cluster_end(split, at)) > at)
		at = next;
	return at;
}

/* Before the white space that ends at a place, but not before a limit. */
static int32_t
trim_white(const VsSplit *split, int32_t limit, int32_t at)
{
	while (at > limit)
	{
		int32_t		before = at - 1;

		while (before > limit && vs_level(&split->borders, before) == VS_LEVEL_NONE)
			before--;
		if (white_cluster_end(split, before) != at)
			break;
		at = before;
	}
	return at;
}

/* Where what is counted before a border ends; that of a word is the border. */
static int32_t
content_end(const VsSplit *split, int32_t border)
{
	return split->options.method == VS_SPLIT_TOKEN ? border : trim_white(split, split->first, border);
}

/* How many units are counted from one place to another. */
static int32_t
measure(const VsSplit *split, int32_t from, int32_t to)
{
	int32_t		n = 0;

	while (from < to)
		n += counts(split, ++from);
	return n;
}

/* So many units back, but not before a limit. */
static int32_t
back(const VsSplit *split, int32_t at, int32_t units, int32_t limit)
{
	while (units > 0 && at > limit)
		units -= counts(split, --at);
	return at;
}

/* The first border of a level behind a place, or -1. */
static int32_t
first_border(const VsSplit *split, int32_t at, int32_t end, VsLevel level)
{
	while (++at <= end)
	{
		if (vs_level(&split->borders, at) >= level)
			return at;
	}
	return -1;
}

/* ---- a chunk ---- */

/*
 * Find how far a chunk reaches that begins where the last one ended; false:
 * read on first.
 */
static bool
find_reach(VsSplit *split)
{
	if (split->phase == PHASE_SKIP)
	{
		split->at = skip_white(split, split->at);
		if (!is_known(split, split->at))
			return false;
		split->first = split->at;
		split->left = split->options.chunk_size;
		split->phase = PHASE_COUNT;
	}
	if (split->phase == PHASE_COUNT)
	{
		while (split->left > 0 && split->at < split->length && is_known(split, split->at + 1))
			split->left -= counts(split, ++split->at);
		if (split->left > 0 && split->at < split->length)
			return false;
		split->full = split->at;
		split->phase = PHASE_TRAIL;
	}
	if (split->phase == PHASE_TRAIL)
	{
		split->at = skip_white(split, split->at);
		if (!is_known(split, split->at))
			return false;
		split->phase = PHASE_DONE;
	}
	return true;
}

/* How far a chunk reaches that begins before the one of find_reach(). */
static int32_t
reach_from(const VsSplit *split, int32_t start)
{
	int32_t		left = split->options.chunk_size;
	int32_t		at = start;

	while (left > 0 && at < split->length)
		left -= counts(split, ++at);
	return skip_white(split, at);
}

/*
 * Where in the end of the last chunk the next one may begin: at a sentence, or
 * else at a word; within a word only if the last chunk ended there.
 */
static int32_t
overlap_start(const VsSplit *split, int32_t earliest)
{
	VsLevel		worst = vs_level(&split->borders, split->end) >= VS_LEVEL_WORD ? VS_LEVEL_WORD : VS_LEVEL_GRAPHEME;

	for (int level = VS_LEVEL_SENTENCE; level >= (int) worst; level--)
	{
		int32_t		border = first_border(split, earliest - 1, split->end - 1, (VsLevel) level);

		if (border >= 0)
			return skip_white(split, border);
	}
	return split->first;
}

/* The begin of a line, if there is nothing but white space before a place. */
static int32_t
line_start(const VsSplit *split, int32_t limit, int32_t at)
{
	int32_t		start = at;

	while (start > limit && (split->text[start - 1] == ' ' || split->text[start - 1] == '\t'))
		start--;
	return start == 0 || (split->text[start - 1] >= '\n' && split->text[start - 1] <= '\r') ? start : at;
}

/*
 * Where the chunk begins, if its first unit leaves so much room: with the end
 * of the last one, or with the indentation of its line.  A section begins with
 * its heading.
 */
static int32_t
choose_start(const VsSplit *split, int32_t room)
{
	bool		section = vs_level(&split->borders, split->end) >= VS_LEVEL_SECTION;
	int32_t		earliest = split->end;
	int32_t		start = split->first;

	if (split->start >= 0 && !section)
		earliest = back(split, split->end, split->options.overlap, split->start + 1);
	earliest = back(split, split->first, room, earliest);
	if (earliest < split->end)
		start = overlap_start(split, earliest);
	if (split->options.method == VS_SPLIT_MARKDOWN)
		start = line_start(split, earliest, start);
	return start;
}

/* Decide on the next chunk. */
static void
choose(VsSplit *split, VsChunk *chunk)
{
	VsLevel		best = VS_LEVEL_NONE;
	int32_t		unit = split->full;
	int32_t		end = split->full;
	int32_t		room;

	for (int32_t at = split->first + 1; at <= split->at; at++)
	{
		if (vs_level(&split->borders, at) > best)
			best = vs_level(&split->borders, at);
	}
	/* Where words are counted, the last ones are no better than others. */
	if (split->options.method == VS_SPLIT_TOKEN && best > VS_LEVEL_WORD)
		best = VS_LEVEL_WORD;
	/* Without any border, the chunk is a part of a cluster. */
	if (best > VS_LEVEL_NONE)
		unit = first_border(split, split->first, split->at, best);
	room = split->options.chunk_size - measure(split, split->first, content_end(split, unit));
	chunk->start = choose_start(split, room);
	if (best > VS_LEVEL_NONE)
	{
		/* (Where bytes are counted, it may reach into the white space behind.) */
		end = reach_from(split, chunk->start);
		while (end > unit && vs_level(&split->borders, end) < best)
			end--;
		if (end < unit)
			end = unit;
	}
	chunk->end = trim_white(split, split->first, end);
	split->start = chunk->start;
	split->end = end;
}

/* The character of a place, from 1.  Starts never go back. */
static int32_t
position_of(VsSplit *split, int32_t at)
{
	while (split->counted < at)
		split->position += vs_character_ends(split->text, split->length, split->options.bytes, ++split->counted);
	return split->position + 1;
}

/* The next chunk. */
VsSplitStatus
vs_split_next(VsSplit *split, VsChunk *chunk)
{
	if (!find_reach(split))
		return vs_borders_read(&split->borders) ? VS_SPLIT_AGAIN : VS_SPLIT_FAILED;
	if (split->first == split->length)
		return VS_SPLIT_END;
	choose(split, chunk);
	chunk->position = position_of(split, chunk->start);
	vs_borders_forget(&split->borders, chunk->start);
	split->phase = PHASE_SKIP;
	split->at = split->end;
	return VS_SPLIT_CHUNK;
}

/* Return the memory that a text took. */
void
vs_split_finish(VsSplit *split)
{
	vs_borders_release(&split->borders);
}
