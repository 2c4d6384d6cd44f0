/*
 * vacuum_notes.c
 *		What a vacuum remembers between its pass and its repairs; see
 *		vacuum_notes.h.
 */
#include "postgres.h"
#include "compat.h"

#include "am/vacuum_notes.h"
#include "commands/vacuum.h"
#include "miscadmin.h"

/* Words of a chunk: lists one behind the other. */
#define CHUNK_WORDS		8192

/* A list's words before its ids: the owner; how many, and of which level. */
#define NOTE_HEADER		2
#define NOTE_UPPER		0x80000000u

struct VsNoteChunk
{
	VsNoteChunk *next;
	uint32		used;
	uint32		words[CHUNK_WORDS];
};

void
vs_notes_init(VsNotes *notes, MemoryContext context, Size limit, VsId nslots)
{
	memset(notes, 0, sizeof(VsNotes));
	notes->context = context;
	notes->limit = limit;
	notes->nslots = nslots;
	vs_idset_init(&notes->alive, context);
	vs_idset_init(&notes->dead, context);
	vs_idset_init(&notes->suspects, context);
	vs_idset_init(&notes->upper_suspects, context);
	vs_idset_init(&notes->tall, context);
	vs_idset_init(&notes->upper_noted, context);
	vs_idset_init(&notes->empty_slots, context);
	vs_idset_init(&notes->roomy, context);
	vs_idset_init(&notes->led_to, context);
	if (nslots > limit / 2)
		return;
	notes->degrees.size = nslots;
	notes->degrees.counts = MemoryContextAllocExtended(context, Max(nslots, 1),
													   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	notes->bytes = nslots;
}

/* Whether so many bytes more are allowed. */
static bool
has_room(const VsNotes *notes, Size bytes)
{
	return notes->bytes + notes->dead.bytes + notes->suspects.bytes +
		notes->upper_suspects.bytes + notes->tall.bytes + notes->upper_noted.bytes +
		notes->empty_slots.bytes + notes->roomy.bytes +
		notes->led_to.bytes + bytes <= notes->limit;
}

/*
 * Room for so many words; NULL if there is none, then or ever after: the part
 * of the index whose lists are remembered ends here.
 */
static uint32 *
take_words(VsNotes *notes, uint32 n)
{
	VsNoteChunk *chunk = notes->chunks;

	if (notes->full)
		return NULL;
	if (chunk == NULL || chunk->used + n > CHUNK_WORDS)
	{
		if (n > CHUNK_WORDS || !has_room(notes, sizeof(VsNoteChunk)))
		{
			notes->full = true;
			return NULL;
		}
		chunk = MemoryContextAlloc(notes->context, sizeof(VsNoteChunk));
		chunk->next = notes->chunks;
		chunk->used = 0;
		notes->chunks = chunk;
		notes->bytes += sizeof(VsNoteChunk);
	}
	chunk->used += n;
	return chunk->words + chunk->used - n;
}

static void
suspect(VsNotes *notes, VsId owner, bool upper)
{
	vs_idset_add(upper ? &notes->upper_suspects : &notes->suspects, owner);
}

void
vs_notes_list(VsNotes *notes, VsId owner, bool upper, const VsId *ids, int n,
			  VsId horizon)
{
	uint32		forward = 0;
	uint32	   *words;

	if (owner >= notes->nslots)
		return;
	for (int i = 0; i < n; i++)
	{
		if (ids[i] < horizon && vs_idset_has(&notes->dead, ids[i]))
		{
			suspect(notes, owner, upper);
			return;
		}
		forward += ids[i] >= horizon && ids[i] < notes->nslots;
	}
	if (forward == 0)
		return;
	words = take_words(notes, NOTE_HEADER + forward);
	if (words == NULL)
	{
		suspect(notes, owner, upper);
		return;
	}
	*words++ = owner;
	*words++ = forward | (upper ? NOTE_UPPER : 0);
	for (int i = 0; i < n; i++)
		if (ids[i] >= horizon && ids[i] < notes->nslots)
			*words++ = ids[i];
}

/* Find suspects among a chunk's lists. */
static void
resolve_chunk(VsNotes *notes, const VsNoteChunk *chunk)
{
	const uint32 *word = chunk->words;

	while (word < chunk->words + chunk->used)
	{
		VsId		owner = word[0];
		bool		upper = (word[1] & NOTE_UPPER) != 0;
		uint32		n = word[1] & ~NOTE_UPPER;
		bool		broken = false;

		word += NOTE_HEADER;
		for (uint32 i = 0; i < n && !broken; i++)
			broken = vs_idset_has(&notes->dead, word[i]);
		if (broken)
			suspect(notes, owner, upper);
		word += n;
	}
}

void
vs_notes_resolve(VsNotes *notes)
{
	while (notes->chunks)
	{
		VsNoteChunk *chunk = notes->chunks;

		vs_vacuum_delay_point();
		if (notes->dead.count > 0)
			resolve_chunk(notes, chunk);
		notes->chunks = chunk->next;
		notes->bytes -= sizeof(VsNoteChunk);
		pfree(chunk);
	}
}
