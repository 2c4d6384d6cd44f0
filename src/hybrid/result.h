/*
 * result.h
 *		A statement of SQL whose rows are the result of a function, without a copy in
 *		between.
 */
#ifndef VECSTORE_RESULT_H
#define VECSTORE_RESULT_H

#include "fmgr.h"
#include "nodes/params.h"
#include "tcop/dest.h"

/* Set parameter number, from 0 on; its value is known when the statement is planned. */
extern void vs_set_param(ParamListInfo params, int number, Oid type, Datum value, bool isnull);

/*
 * Where SPI is to put rows so that they are a set-returning function's, after
 * InitMaterializedSRF(); mismatch is the error if their columns are others.  To be
 * destroyed when the statement has run.
 */
extern DestReceiver *vs_result_receiver(FunctionCallInfo fcinfo, const char *mismatch);

#endif							/* VECSTORE_RESULT_H */
