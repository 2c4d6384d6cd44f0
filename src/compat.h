/*
 * compat.h
 *		Every difference between PostgreSQL 15, 16, 17 and 18 that vecstore
 *		meets.  No other file tests PG_VERSION_NUM.
 *
 * Include right after postgres.h.
 */
#ifndef VECSTORE_COMPAT_H
#define VECSTORE_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "vecstore needs PostgreSQL 15 or newer"
#endif

/*
 * The library is built with hidden symbols; before 16 PGDLLEXPORT is empty on
 * platforms other than Windows, and the functions SQL calls would be hidden
 * too.
 */
#if PG_VERSION_NUM < 160000 && !defined(WIN32)
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

#endif							/* VECSTORE_COMPAT_H */
