/*
 * edge_spill.c
 *		Merged edges in temporary files, in order of their ends.
 *
 * An edge is written as it is, followed by its endpoints and, of each lane, the length
 * and the bytes of its traffic.  The server's own sort has the files.
 */
#include "postgres.h"

#include "window/edge_spill.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/tuplesort.h"

enum
{
	COLUMN_SRC,
	COLUMN_DST,
	COLUMN_EDGE,
	COLUMNS
};

struct edge_spill
{
	Tuplesortstate *sort;
	TupleTableSlot *in;
	TupleTableSlot *out;
	StringInfoData bytes;
};

static TupleDesc
describe(void)
{
	TupleDesc desc = CreateTemplateTupleDesc(COLUMNS);

	TupleDescInitEntry(desc, COLUMN_SRC + 1, "src", INT8OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_DST + 1, "dst", INT8OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_EDGE + 1, "edge", BYTEAOID, -1, 0);
	return desc;
}

edge_spill *
edge_spill_create(void)
{
	edge_spill *spill = palloc(sizeof(*spill));
	TupleDesc desc = describe();
	AttrNumber keys[] = {COLUMN_SRC + 1, COLUMN_DST + 1};
	Oid operators[] = {Int8LessOperator, Int8LessOperator};
	Oid collations[] = {InvalidOid, InvalidOid};
	bool nulls_first[] = {false, false};

	spill->sort = tuplesort_begin_heap(desc, lengthof(keys), keys, operators, collations,
									   nulls_first, work_mem, NULL, 0);
	spill->in = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	spill->out = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	initStringInfo(&spill->bytes);
	return spill;
}

static void
append_lane(StringInfo bytes, const traffic_value *lane)
{
	uint32 length = 0;
	size_t most = lane == NULL ? 0 : traffic_value_encoded_max(lane);

	enlargeStringInfo(bytes, (int) (sizeof(length) + most));
	if (lane != NULL)
		length = (uint32) traffic_value_encode(lane, (uint8_t *) bytes->data + bytes->len +
														 sizeof(length));
	memcpy(bytes->data + bytes->len, &length, sizeof(length));
	bytes->len += (int) (sizeof(length) + length);
}

void
edge_spill_write(edge_spill *spill, const merged_edge *edge)
{
	StringInfo bytes = &spill->bytes;
	TupleTableSlot *slot = spill->in;

	resetStringInfo(bytes);
	appendStringInfoSpaces(bytes, VARHDRSZ);
	appendBinaryStringInfo(bytes, (const char *) edge, sizeof(*edge));
	appendBinaryStringInfo(bytes, (const char *) edge->endpoints,
						   (int) (edge->endpoint_count * sizeof(int64)));
	for (int i = 0; i < EDGE_LANES; i++)
		append_lane(bytes, edge->lanes[i]);
	SET_VARSIZE(bytes->data, bytes->len);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, 0, COLUMNS * sizeof(bool));
	slot->tts_values[COLUMN_SRC] = Int64GetDatum(edge->src);
	slot->tts_values[COLUMN_DST] = Int64GetDatum(edge->dst);
	slot->tts_values[COLUMN_EDGE] = PointerGetDatum(bytes->data);
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(spill->sort, slot);
}

void
edge_spill_sort(edge_spill *spill)
{
	tuplesort_performsort(spill->sort);
}

static const char *
read_lane(const char *next, traffic_value **lane)
{
	uint32 length;

	memcpy(&length, next, sizeof(length));
	next += sizeof(length);
	*lane = NULL;
	if (length == 0)
		return next;
	*lane = palloc(sizeof(traffic_value));
	traffic_value_init(*lane, CurrentMemoryContext);
	if (traffic_value_decode((const uint8_t *) next, length, *lane) != NULL)
		elog(ERROR, "traffic in a temporary file is damaged");
	return next + length;
}

bool
edge_spill_read(edge_spill *spill, merged_edge *edge)
{
	const char *next;
	const struct varlena *bytes;

	CHECK_FOR_INTERRUPTS();
	if (!tuplesort_gettupleslot(spill->sort, true, false, spill->out, NULL))
		return false;
	slot_getallattrs(spill->out);
	bytes = (const struct varlena *) DatumGetPointer(spill->out->tts_values[COLUMN_EDGE]);
	next = VARDATA_ANY(bytes);
	memcpy(edge, next, sizeof(*edge));
	next += sizeof(*edge);
	edge->endpoint_room = edge->endpoint_count;
	edge->endpoints = palloc(Max(edge->endpoint_count, 1) * sizeof(int64));
	memcpy(edge->endpoints, next, edge->endpoint_count * sizeof(int64));
	next += edge->endpoint_count * sizeof(int64);
	for (int i = 0; i < EDGE_LANES; i++)
		next = read_lane(next, &edge->lanes[i]);
	return true;
}

void
edge_spill_end(edge_spill *spill)
{
	ExecDropSingleTupleTableSlot(spill->in);
	ExecDropSingleTupleTableSlot(spill->out);
	tuplesort_end(spill->sort);
}
