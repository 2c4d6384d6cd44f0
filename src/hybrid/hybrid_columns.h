/*
 * hybrid_columns.h
 *		What hybrid search needs to know of a relation: which columns to search,
 *		how, and what tells its rows apart.
 */
#ifndef VECSTORE_HYBRID_COLUMNS_H
#define VECSTORE_HYBRID_COLUMNS_H

#include "distance/metrics.h"
#include "nodes/pg_list.h"

/* In the SQL made here a row of the relation is t, and these are the parameters. */
#define VS_HYBRID_ROW		"t"
#define VS_HYBRID_WORDS		"$1"	/* text */
#define VS_HYBRID_VECTOR	"$2"	/* vecstore */
#define VS_HYBRID_TSQUERY	"$3"	/* any of the words */

/* A column that is part of the key. */
typedef struct VsHybridKey
{
	const char *name;			/* of the column */
	const char *value;			/* in SQL, on t */
	const char *equal;			/* the operator, in SQL */
} VsHybridKey;

typedef struct VsHybridRelation
{
	Oid			relid;
	Oid			base;			/* the table below, if relid is a view */
	const char *name;			/* in SQL */
	Oid			schema;			/* vecstore's */
	List	   *columns;		/* of relid: expressions on base as table 1, or NULL */
	bool		primary;		/* the key is a primary key, else tableoid and ctid */
	int			nkeys;			/* 0: a view without its table's primary key */
	VsHybridKey *keys;
} VsHybridRelation;

/* What can be searched: a column or the expression of an index. */
typedef struct VsHybridSide
{
	const char *column;			/* NULL: an expression */
	const char *index;			/* NULL: none */
	bool		partial;		/* the index has not all rows */
	const char *order;			/* in SQL: less is better */
	const char *condition;		/* in SQL: rows that match; NULL: order tells */
	VsMetric	metric;
	int			dims;			/* -1: not known */
} VsHybridSide;

/*
 * Look at a relation that the user may read, and lock it until the transaction ends.
 * schema is vecstore's own.
 */
extern VsHybridRelation *vs_hybrid_relation(Oid relid, Oid schema);

/* The side for vectors, or text; by the name of a column or index, or the only one. */
extern VsHybridSide *vs_hybrid_vector_side(const VsHybridRelation *relation, const char *name);
extern VsHybridSide *vs_hybrid_text_side(const VsHybridRelation *relation, const char *name);

#endif							/* VECSTORE_HYBRID_COLUMNS_H */
