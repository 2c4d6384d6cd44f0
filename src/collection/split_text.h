/*
 * split_text.h
 *		Long texts in chunks, for retrieval.  Pure C: no postgres.h here.
 *
 * A splitter is made once and then splits one text after the other:
 *
 *		vs_split_begin(split, &options, text, length);
 *		while ((status = vs_split_next(split, &chunk)) != VS_SPLIT_END)
 *			...
 *		vs_split_finish(split);
 *
 * VS_SPLIT_AGAIN says that a piece of text was read and that there is no chunk
 * yet: the caller may look for interrupts, or jump out for good, since no frame
 * of ours is on its stack.  Time is linear in the text and what comes out.
 * Memory is a byte for each byte of a chunk and what is looked at for the next.
 */
#ifndef VECSTORE_SPLIT_TEXT_H
#define VECSTORE_SPLIT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum VsSplitMethod
{
	VS_SPLIT_RECURSIVE,			/* paragraphs, lines, sentences, words, characters */
	VS_SPLIT_SENTENCE,			/* sentences, words, characters */
	VS_SPLIT_TOKEN,				/* words, and nothing else is counted */
	VS_SPLIT_MARKDOWN			/* sections, blocks, items, and then as RECURSIVE */
} VsSplitMethod;

typedef struct VsSplitOptions
{
	VsSplitMethod method;
	int32_t		chunk_size;		/* characters, or words; at least 1 */
	int32_t		overlap;		/* at least 0, less than chunk_size */
	bool		bytes;			/* a character is a byte, whatever ICU sees */
} VsSplitOptions;

typedef struct VsChunk
{
	int32_t		start;			/* first byte */
	int32_t		end;			/* byte behind its last one */
	int32_t		position;		/* of the first character, from 1 */
} VsChunk;

typedef enum VsSplitStatus
{
	VS_SPLIT_CHUNK,
	VS_SPLIT_AGAIN,
	VS_SPLIT_END,
	VS_SPLIT_FAILED				/* memory ran out */
} VsSplitStatus;

typedef struct VsSplit VsSplit;

/* Names of the methods, in the order of VsSplitMethod, NULL at the end. */
extern const char *const vs_split_method_names[];

/* NULL if memory ran out or ICU lacks its data. */
extern VsSplit *vs_split_create(void);
extern void vs_split_free(VsSplit *split);

/*
 * Begin a text, which must stay until its last chunk; find the next chunk;
 * return the memory that a text took, at its end or before.
 */
extern void vs_split_begin(VsSplit *split, const VsSplitOptions *options, const char *text, int32_t length);
extern VsSplitStatus vs_split_next(VsSplit *split, VsChunk *chunk);
extern void vs_split_finish(VsSplit *split);

#endif							/* VECSTORE_SPLIT_TEXT_H */
