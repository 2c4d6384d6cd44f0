/*
 * result.c
 *		A statement of SQL whose rows are the result of a function, without a copy in
 *		between.
 */
#include "postgres.h"
#include "compat.h"

#include "executor/tstoreReceiver.h"
#include "hybrid/result.h"
#include "nodes/execnodes.h"

void
vs_set_param(ParamListInfo params, int number, Oid type, Datum value, bool isnull)
{
	params->params[number].ptype = type;
	params->params[number].value = value;
	params->params[number].isnull = isnull;
	params->params[number].pflags = PARAM_FLAG_CONST;
}

DestReceiver *
vs_result_receiver(FunctionCallInfo fcinfo, const char *mismatch)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DestReceiver *receiver = CreateTuplestoreDestReceiver();

	SetTuplestoreDestReceiverParams(receiver, result->setResult,
									result->econtext->ecxt_per_query_memory, false,
									result->setDesc, mismatch);
	return receiver;
}
