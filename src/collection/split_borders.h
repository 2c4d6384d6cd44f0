/*
 * split_borders.h
 *		Where a text may be cut, and how well, for split_text.c.  Pure C: no
 *		postgres.h here.
 */
#ifndef VECSTORE_SPLIT_BORDERS_H
#define VECSTORE_SPLIT_BORDERS_H

#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include "collection/split_text.h"
#include "hybrid/words.h"

/* What ends at a border, the better the higher. */
typedef enum VsLevel
{
	VS_LEVEL_NONE,				/* within a grapheme cluster */
	VS_LEVEL_QUIET,				/* of what should stay whole: a heading, a code block */
	VS_LEVEL_GRAPHEME,
	VS_LEVEL_WORD,
	VS_LEVEL_SENTENCE,
	VS_LEVEL_LINE,
	VS_LEVEL_INNER_ITEM,		/* of a list within a list */
	VS_LEVEL_ITEM,
	VS_LEVEL_PARAGRAPH,
	VS_LEVEL_SECTION,			/* a heading of level 6 follows, */
	VS_LEVEL_CHAPTER = VS_LEVEL_SECTION + 5,	/* and here one of level 1 */
	VS_LEVEL_TEXT
} VsLevel;

/* A line of the text. */
typedef struct VsLine
{
	const char *text;			/* all of it */
	int32_t		length;
	int32_t		start;
	int32_t		end;			/* behind its newline, or a limit if it is long */
	bool		whole;			/* it does end there */
} VsLine;

/* How to treat it. */
typedef struct VsLineVerdict
{
	VsLevel		level;			/* of the border before it */
	bool		quiet;			/* no border within */
} VsLineVerdict;

/* Where a reader of Markdown is. */
typedef struct VsMarkdown
{
	int32_t		chunk_size;
	bool		bytes;
	bool		after_blank;
	bool		after_heading;
	bool		after_block;	/* a code block has just ended */
	bool		in_list;
	bool		underline_next; /* the next line makes this one a heading */
	bool		delimiter_next; /* the next line is the second one of a table */
	char		fence;			/* of the code block we are in, or 0 */
	int32_t		fence_length;
	bool		fence_fits;		/* the block is not larger than a chunk */
} VsMarkdown;

typedef struct VsBorders
{
	const char *text;
	int32_t		length;
	VsSplitMethod method;
	int32_t		read;			/* up to here all borders are known; here begins a cluster */

	uint8_t    *levels;			/* VsLevel of each place from base to read */
	int32_t		base;
	int32_t		room;

	/* grapheme clusters: whether ICU's reader stands at read, and where it began */
	UBreakIterator *graphemes;
	UText		grapheme_text;
	bool		graphemes_on;
	int32_t		grapheme_base;
	bool		after_white;

	UBreakIterator *sentences;
	UText		sentence_text;
	int32_t		sentence_next;

	VsWords		words;
	int32_t		word_end;		/* of the last one, -1: there was none */
	int32_t		word_start;		/* of the next one */
	int32_t		word_next;		/* the border between them */

	bool		line_begins;	/* at read */
	bool		after_blank;	/* line */
	VsMarkdown	markdown;
	bool		quiet;			/* the line that is read */
} VsBorders;

/* Make ready a reader that is all zeros; false: no memory, or no data of ICU. */
extern bool vs_borders_init(VsBorders *borders);
extern void vs_borders_finish(VsBorders *borders);

extern void vs_borders_begin(VsBorders *borders, const VsSplitOptions *options, const char *text, int32_t length);

/* Return the memory that a text took. */
extern void vs_borders_release(VsBorders *borders);

/* Read on, a bounded piece; false: no memory. */
extern bool vs_borders_read(VsBorders *borders);

/* Forget all before a place. */
extern void vs_borders_forget(VsBorders *borders, int32_t at);

/* The level of a place that was read and is not forgotten. */
static inline VsLevel
vs_level(const VsBorders *borders, int32_t at)
{
	return (VsLevel) borders->levels[at - borders->base];
}

/* The line that starts at a place. */
extern VsLine vs_line_at(const char *text, int32_t length, int32_t start);

/* Is there nothing in it but white space? */
extern bool vs_line_is_blank(const VsLine *line);

/* Read the next line of a text of Markdown. */
extern VsLineVerdict vs_markdown_line(VsMarkdown *markdown, const VsLine *line);

/* Does a character end before this place? */
static inline bool
vs_character_ends(const char *text, int32_t length, bool bytes, int32_t at)
{
	return bytes || at == length || !U8_IS_TRAIL(text[at]);
}

#endif							/* VECSTORE_SPLIT_BORDERS_H */
