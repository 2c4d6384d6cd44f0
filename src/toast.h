/*
 * toast.h
 *		Values of rows that are dead, but maybe not to all.
 */
#ifndef VECSTORE_TOAST_H
#define VECSTORE_TOAST_H

/*
 * A build looks at a dead row's value: make of a value in TOAST one in memory (palloc'd,
 * maybe compressed).  False, and no value, if its TOAST is gone or a part of it: then nobody
 * sees the row any more, and an index does not need it.
 */
extern bool vs_toast_take_dead(Datum *value);

#endif							/* VECSTORE_TOAST_H */
