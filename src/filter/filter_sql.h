/*
 * filter_sql.h
 *		The filter language: from text to SQL.
 */
#ifndef VECSTORE_FILTER_SQL_H
#define VECSTORE_FILTER_SQL_H

#include "utils/jsonb.h"

/*
 * A filter as a condition of SQL on the rows of a relation, which goes by
 * alias (NULL: columns are not qualified).  params, a JSON object or NULL, has
 * the values of placeholders.  The condition needs no parentheses beside AND.
 * It is true for the rows that match; false and NULL are not told apart.
 *
 * Reads only catalogs and takes no lock.  Operators and types are named so that
 * they mean the same thing under the search_path of the moment.
 */
extern char *vs_filter_sql(const char *filter, Oid relation, Jsonb *params, const char *alias);

#endif							/* VECSTORE_FILTER_SQL_H */
