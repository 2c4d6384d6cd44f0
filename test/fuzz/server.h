/*
 * server.h
 *		What a fuzz target needs of a server, without one: errors that can be caught,
 *		memory that goes all at once, an index of a few pages in memory.
 *
 * The code under test is compiled with PostgreSQL's own headers; server.c has the
 * functions that it calls, cut down to what reading bytes takes.  Functions that are
 * missing there are linked as address 0: a target that gets to one of them crashes.
 */
#ifndef VECSTORE_FUZZ_SERVER_H
#define VECSTORE_FUZZ_SERVER_H

#include "postgres.h"
#include "compat.h"

#include "storage/bufpage.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The relation whose blocks are the pages below. */
extern Relation fuzz_relation;

/* Begin anew: no page, no memory. */
extern void fuzz_begin(void);

/* Append a page with a special space of so many bytes to the relation. */
extern Page fuzz_add_page(Size special);

/* Say that there are so many blocks: who reads those without a page raises. */
extern void fuzz_set_blocks(BlockNumber n);

/* Call a function; false if it raised an error, which is fuzz_sqlstate then. */
extern bool fuzz_try(void (*function) (void *), void *argument);
extern int	fuzz_sqlstate;

/* Stop with the case if something does not hold. */
extern void fuzz_require(bool holds, const char *what);

/* Input, taken from its front: zeros once it is empty. */
typedef struct FuzzInput
{
	const uint8_t *at;
	size_t		left;
} FuzzInput;

/* Take n bytes into a field; returns how many of them the input had. */
extern size_t fuzz_take(FuzzInput *input, void *to, size_t n);

/* Take a number of two bytes, less than a limit. */
extern int	fuzz_take_number(FuzzInput *input, int limit);

#endif							/* VECSTORE_FUZZ_SERVER_H */
