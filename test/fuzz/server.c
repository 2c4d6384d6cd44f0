/*
 * server.c
 *		The part of a server that code reading bytes calls; see server.h.
 */
#include "server.h"

#include <setjmp.h>

#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#undef palloc
#undef pfree

/* ---- memory: a list of blocks, each malloc's own, so that its ends are watched ---- */

typedef struct Chunk
{
	struct Chunk *next;
	struct Chunk **at;			/* what points here */
} Chunk;

static Chunk *chunks = NULL;

MemoryContext CurrentMemoryContext = NULL;

void *
palloc(Size size)
{
	Chunk	   *chunk;

	if (size > MaxAllocHugeSize)
		elog(ERROR, "invalid memory alloc request size %zu", size);
	chunk = malloc(sizeof(Chunk) + size);
	if (chunk == NULL)
		abort();
	chunk->next = chunks;
	chunk->at = &chunks;
	if (chunks)
		chunks->at = &chunk->next;
	chunks = chunk;
	return chunk + 1;
}

void
pfree(void *pointer)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;

	*chunk->at = chunk->next;
	if (chunk->next)
		chunk->next->at = chunk->at;
	free(chunk);
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return palloc(size);
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return palloc(size);
}

void *
repalloc(void *pointer, Size size)
{
	Chunk	   *chunk = realloc((Chunk *) pointer - 1, sizeof(Chunk) + size);

	if (chunk == NULL)
		abort();
	*chunk->at = chunk;
	if (chunk->next)
		chunk->next->at = &chunk->next;
	return chunk + 1;
}

void *
repalloc_huge(void *pointer, Size size)
{
	return repalloc(pointer, size);
}

char *
pnstrdup(const char *text, Size length)
{
	Size		n = strnlen(text, length);
	char	   *copy = palloc(n + 1);

	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *
pstrdup(const char *text)
{
	return pnstrdup(text, strlen(text));
}

struct varlena *
pg_detoast_datum(struct varlena *datum)
{
	return datum;
}

/* ---- errors ---- */

static sigjmp_buf *handler = NULL;
int			fuzz_sqlstate;

bool
errstart(int elevel, const char *domain)
{
	return elevel >= ERROR;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	siglongjmp(*handler, 1);
}

int
errcode(int sqlerrcode)
{
	fuzz_sqlstate = sqlerrcode;
	return 0;
}

/* Form a message, as the server would: what it names must be readable. */
static int
form_message(const char *format, va_list arguments)
{
	char		message[1024];

	pg_vsnprintf(message, sizeof(message), format, arguments);
	return 0;
}

#define MESSAGE_FUNCTION(name) \
int \
name(const char *fmt,...) \
{ \
	va_list		arguments; \
\
	va_start(arguments, fmt); \
	form_message(fmt, arguments); \
	va_end(arguments); \
	return 0; \
}

MESSAGE_FUNCTION(errmsg)
MESSAGE_FUNCTION(errmsg_internal)
MESSAGE_FUNCTION(errdetail)
MESSAGE_FUNCTION(errhint)

bool
fuzz_try(void (*function) (void *), void *argument)
{
	sigjmp_buf	here;
	bool		returned = false;

	fuzz_sqlstate = ERRCODE_INTERNAL_ERROR;
	handler = &here;
	if (sigsetjmp(here, 0) == 0)
	{
		function(argument);
		returned = true;
	}
	handler = NULL;
	return returned;
}

void
fuzz_require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

volatile sig_atomic_t InterruptPending = false;

/* ---- pages: buffers of this session alone, each block by itself ---- */

#define MAX_PAGES 64

static FormData_pg_class class = {.relname = {"fuzz"},.relpersistence = RELPERSISTENCE_PERMANENT};
static RelationData relation = {.rd_rel = &class};
Relation	fuzz_relation = &relation;

static Block pages[MAX_PAGES];
static int	npages = 0;
static BlockNumber nblocks = 0;
Block	   *LocalBufferBlockPointers = pages;
int			NLocBuffer = MAX_PAGES;
int			NBuffers = 0;
char	   *BufferBlocks = NULL;

void
fuzz_begin(void)
{
	while (chunks)
		pfree(chunks + 1);
	npages = 0;
	nblocks = 0;
	relation.rd_amcache = NULL;
}

Page
fuzz_add_page(Size special)
{
	PageHeader	header = palloc0(BLCKSZ);

	fuzz_require(npages < MAX_PAGES, "few pages");
	pages[npages++] = (Block) header;
	nblocks = npages;
	header->pd_lower = SizeOfPageHeaderData;
	header->pd_upper = header->pd_special = BLCKSZ - MAXALIGN(special);
	PageSetPageSizeAndVersion((Page) header, BLCKSZ, PG_PAGE_LAYOUT_VERSION);
	return (Page) header;
}

void
fuzz_set_blocks(BlockNumber n)
{
	nblocks = n;
}

BlockNumber
RelationGetNumberOfBlocksInFork(Relation rel, ForkNumber fork)
{
	return nblocks;
}

/* What the server refuses of a page that it reads, checksums aside. */
static bool
page_is_plausible(Page page)
{
	PageHeader	header = (PageHeader) page;

	return PageIsNew(page) ||
		((header->pd_flags & ~PD_VALID_FLAG_BITS) == 0 && header->pd_lower <= header->pd_upper &&
		 header->pd_upper <= header->pd_special && header->pd_special <= BLCKSZ &&
		 header->pd_special == MAXALIGN(header->pd_special));
}

Buffer
ReadBuffer(Relation rel, BlockNumber block)
{
	if (block >= npages || !page_is_plausible((Page) pages[block]))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid page in block %u", block)));
	return -(Buffer) block - 1;
}

void
LockBuffer(Buffer buffer, int mode)
{
}

void
ReleaseBuffer(Buffer buffer)
{
}

void
UnlockReleaseBuffer(Buffer buffer)
{
}

/* ---- messages of the binary protocol ---- */

static void
take_bytes(StringInfo message, void *to, int n)
{
	if (n > message->len - message->cursor)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("insufficient data left in message")));
	memcpy(to, message->data + message->cursor, n);
	message->cursor += n;
}

unsigned int
pq_getmsgint(StringInfo message, int bytes)
{
	uint16		two;
	uint32		four;

	if (bytes == 2)
	{
		take_bytes(message, &two, 2);
		return pg_ntoh16(two);
	}
	take_bytes(message, &four, 4);
	return pg_ntoh32(four);
}

float4
pq_getmsgfloat4(StringInfo message)
{
	uint32		bits = pq_getmsgint(message, 4);
	float4		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

void
pq_begintypsend(StringInfo message)
{
	initStringInfo(message);
	appendStringInfoSpaces(message, VARHDRSZ);
}

void
pq_sendfloat4(StringInfo message, float4 value)
{
	uint32		bits;

	memcpy(&bits, &value, sizeof(bits));
	pq_sendint32(message, bits);
}

bytea *
pq_endtypsend(StringInfo message)
{
	SET_VARSIZE(message->data, message->len);
	return (bytea *) message->data;
}

/* In an encoding of one byte a character. */
int
pg_mbcliplen(const char *text, int length, int limit)
{
	return Min(length, limit);
}

/* ---- input ---- */

size_t
fuzz_take(FuzzInput *input, void *to, size_t n)
{
	size_t		taken = Min(n, input->left);

	memset(to, 0, n);
	memcpy(to, input->at, taken);
	input->at += taken;
	input->left -= taken;
	return taken;
}

int
fuzz_take_number(FuzzInput *input, int limit)
{
	uint16		number;

	fuzz_take(input, &number, sizeof(number));
	return number % limit;
}
