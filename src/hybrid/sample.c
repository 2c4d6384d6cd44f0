/*
 * sample.c
 *		A sample of a column's documents.
 *
 * Blocks are drawn with a fixed seed, so a table that has not changed gives the
 * same sample to every backend.  This is a TABLESAMPLE scan with a method of our
 * own, which any table access method can serve.
 *
 * A document in the TOAST table costs an index scan and several pages, and on a
 * block there is room for the pointers to a hundred: of those, a few a block are
 * read, and stand for the others.
 */
#include "postgres.h"
#include "compat.h"

#include "access/tableam.h"
#include "access/tsmapi.h"
#include "executor/tuptable.h"
#include "hybrid/sample.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"
#include "utils/sampling.h"
#include "utils/snapmgr.h"

/* Documents of a block that are read from the TOAST table. */
#define TOASTED_A_BLOCK		10

/* A pass over the sample. */
typedef struct Pass
{
	BlockSamplerData sampler;
	bool		begun;			/* the sampler is initialized */
	int			wanted;			/* blocks */
	BlockNumber nread;			/* blocks that were drawn */
	OffsetNumber next;			/* in the block at hand */
	const VsTerm *const *terms;
	int			nterms;

	/*
	 * Rows, and of those with a document, apart for documents in the row (0)
	 * and in the TOAST table (1): how many, how many were measured, what came
	 * out for those.
	 */
	double		rows;
	double		documents[2];
	double		measured[2];
	double		length[2];
	double	   *having[2];		/* for each term */
	int			block_toasted;	/* measured in the block at hand */
} Pass;

/* TABLESAMPLE's callback: the next block to read. */
static BlockNumber
next_sample_block(SampleScanState *node, BlockNumber nblocks)
{
	Pass	   *pass = (Pass *) node->tsm_state;

	if (!pass->begun)
		BlockSampler_Init(&pass->sampler, nblocks, pass->wanted, 0);
	pass->begun = true;
	pass->next = FirstOffsetNumber;
	pass->block_toasted = 0;
	if (!BlockSampler_HasMore(&pass->sampler))
		return InvalidBlockNumber;
	pass->nread++;
	return BlockSampler_Next(&pass->sampler);
}

/* TABLESAMPLE's callback: the next row of the block; all of them are wanted. */
static OffsetNumber
next_sample_tuple(SampleScanState *node, BlockNumber block, OffsetNumber max)
{
	Pass	   *pass = (Pass *) node->tsm_state;

	return pass->next > max ? InvalidOffsetNumber : pass->next++;
}

/* Add one document to the sample. */
static void
measure_document(Pass *pass, Datum value)
{
	int			kind = VARATT_IS_EXTERNAL(DatumGetPointer(value)) ? 1 : 0;
	TSVector	document;
	int			from = 0;

	pass->documents[kind]++;
	if (kind == 1 && pass->block_toasted++ >= TOASTED_A_BLOCK)
		return;
	document = DatumGetTSVector(value);
	pass->measured[kind]++;
	pass->length[kind] += vs_document_length(document);

	/* Terms of a query are in order, those that are not known yet as well. */
	for (int i = 0; i < pass->nterms; i++)
	{
		VsTerm		term = *pass->terms[i];

		term.classes = VS_ANY_CLASS;
		if (vs_term_frequency(document, &term, NULL, &from) > 0)
			pass->having[kind][i]++;
	}
}

/* The sum over all documents, from the sums over those measured of either kind. */
static double
both_kinds(const Pass *pass, double in_rows, double in_toast)
{
	double		sum = in_rows;

	if (pass->measured[1] > 0)
		sum += in_toast * pass->documents[1] / pass->measured[1];
	return sum;
}

/* Read the rows of a sample that the active snapshot sees. */
static void
read_rows(Relation rel, AttrNumber attnum, Pass *pass)
{
	TsmRoutine *routine = makeNode(TsmRoutine);
	SampleScanState *node = makeNode(SampleScanState);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan_sampling(rel, GetActiveSnapshot(), 0, NULL,
												  true, false, true);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "document sample",
											  ALLOCSET_DEFAULT_SIZES);

	routine->NextSampleBlock = next_sample_block;
	routine->NextSampleTuple = next_sample_tuple;
	node->tsmroutine = routine;
	node->tsm_state = pass;

	while (table_scan_sample_next_block(scan, node))
	{
		while (table_scan_sample_next_tuple(scan, node, slot))
		{
			MemoryContext old;
			bool		isnull;
			Datum		value = slot_getattr(slot, attnum, &isnull);

			CHECK_FOR_INTERRUPTS();
			pass->rows++;
			if (isnull)
				continue;
			old = MemoryContextSwitchTo(row);
			measure_document(pass, value);
			MemoryContextSwitchTo(old);
			MemoryContextReset(row);
		}
	}
	MemoryContextDelete(row);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	pfree(node);
	pfree(routine);
}

void
vs_sample_documents(Relation rel, AttrNumber attnum, int blocks, const VsTerm *const *terms,
					int nterms, VsSample *sample, double *having)
{
	Pass		pass = {0};

	pass.wanted = blocks;
	pass.terms = terms;
	pass.nterms = nterms;
	pass.having[0] = (double *) palloc0(Max(nterms, 1) * sizeof(double));
	pass.having[1] = (double *) palloc0(Max(nterms, 1) * sizeof(double));
	read_rows(rel, attnum, &pass);

	sample->blocks = pass.nread;
	sample->rows = pass.rows;
	sample->documents = pass.documents[0] + pass.documents[1];
	sample->length = both_kinds(&pass, pass.length[0], pass.length[1]);
	for (int i = 0; i < nterms; i++)
		having[i] = both_kinds(&pass, pass.having[0][i], pass.having[1][i]);
	pfree(pass.having[0]);
	pfree(pass.having[1]);
}
