/*
 * srf.c
 *		What the set-returning functions of traversal share.
 */
#include "postgres.h"

#include "traverse/srf.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#if PG_VERSION_NUM >= 150000

void
srf_materialize(FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, 0);
}

#else

void
srf_materialize(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *output = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (output == NULL || !IsA(output, ReturnSetInfo) || !(output->allowedModes & SFRM_Materialize))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));

	old = MemoryContextSwitchTo(output->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &output->setDesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	output->returnMode = SFRM_Materialize;
	output->setResult = tuplestore_begin_heap((output->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(old);
}

#endif

static ArrayType *
make_array(const edge_scope *scope, uint64 graphs)
{
	Datum names[EDGE_MAX_GRAPHS];
	int count = 0;

	for (int i = 0; i < scope->graph_count; i++)
		if (graphs & (UINT64CONST(1) << i))
			names[count++] = CStringGetTextDatum(scope->graphs[i].name);
	return construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
}

Datum
graph_names_array(graph_names *names, uint64 graphs)
{
	if (names->array == NULL || names->graphs != graphs)
	{
		if (names->array != NULL)
			pfree(names->array);
		names->array = make_array(names->scope, graphs);
		names->graphs = graphs;
	}
	return PointerGetDatum(names->array);
}
