/*
 * memo_sql.c
 *		What SQL sees of memos.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"

#include "memo/memo_store.h"

PG_FUNCTION_INFO_V1(topology_memos);
PG_FUNCTION_INFO_V1(topology_forget_memos);

enum
{
	MEMO_MEMORY,
	MEMO_MEMOS,
	MEMO_BYTES,
	MEMO_HITS,
	MEMO_MISSES,
	MEMO_KEPT,
	MEMO_RENEWED,
	MEMO_EVICTED,
	MEMO_OVERSIZED,
	MEMO_NO_ROOM,
	MEMO_COLUMNS
};

Datum
topology_memos(PG_FUNCTION_ARGS)
{
	memo_store_figures figures = memo_store_status();
	Datum values[MEMO_COLUMNS];
	bool nulls[MEMO_COLUMNS] = {false};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[MEMO_MEMORY] = Int64GetDatum((int64) figures.memory);
	values[MEMO_MEMOS] = Int64GetDatum((int64) figures.ring.memos);
	values[MEMO_BYTES] = Int64GetDatum((int64) figures.ring.bytes);
	values[MEMO_HITS] = Int64GetDatum((int64) figures.hits);
	values[MEMO_MISSES] = Int64GetDatum((int64) figures.misses);
	values[MEMO_KEPT] = Int64GetDatum((int64) figures.ring.kept);
	values[MEMO_RENEWED] = Int64GetDatum((int64) figures.ring.renewed);
	values[MEMO_EVICTED] = Int64GetDatum((int64) figures.ring.evicted);
	values[MEMO_OVERSIZED] = Int64GetDatum((int64) figures.ring.too_large);
	values[MEMO_NO_ROOM] = Int64GetDatum((int64) figures.ring.crowded);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

Datum
topology_forget_memos(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) memo_store_forget());
}
