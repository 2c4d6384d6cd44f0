/*
 * opclass.h
 *		For the validators of both access methods.
 */
#ifndef VECSTORE_OPCLASS_H
#define VECSTORE_OPCLASS_H

/* Report one fault; the opclass is not valid, which the caller's variable says. */
#define vs_complain(valid, ...) \
	do { \
		(valid) = false; \
		ereport(INFO, \
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg(__VA_ARGS__))); \
	} while (0)

#endif							/* VECSTORE_OPCLASS_H */
