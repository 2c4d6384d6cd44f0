/*
 * vecstore.c
 *		The door of the shared library: what happens when a backend loads it.
 *
 * There is no shared_preload_libraries entry.  A backend loads the library when
 * it first calls one of its functions; all there is to do then is to declare
 * the settings and, from PostgreSQL 18 on, to offer lines to EXPLAIN.
 */
#include "postgres.h"

#include "compat.h"

#include "am/am.h"
#include "fmgr.h"
#include "hybrid/bm25_am.h"
#include "type/vector.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

/*
 * Declare the settings of every part, then refuse unknown ones that start
 * with "vecstore.": a misspelt setting should not pass in silence.
 */
void
_PG_init(void)
{
	vs_type_init();
	vs_am_init();
	vs_bm25_init();

	MarkGUCPrefixReserved("vecstore");
}
