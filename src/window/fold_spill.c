/*
 * fold_spill.c
 *		Windows under merge in temporary files, in order of their ends.
 *
 * A window is written as it is, followed by the nodes of its way and the bytes of its
 * traffic.  The server's own sort has the files.  It sorts by all that tells windows
 * apart but their ways, so that what is read has to be kept for one edge and endpoint.
 */
#include "postgres.h"

#include "window/fold_spill.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "store/traffic.h"

enum
{
	COLUMN_SRC,
	COLUMN_DST,
	COLUMN_TYPE,
	COLUMN_ENDPOINT,
	COLUMN_WINDOW,
	COLUMNS
};

#define SORTED_COLUMNS COLUMN_WINDOW

struct fold_spill
{
	Tuplesortstate *sort;
	TupleTableSlot *in;
	TupleTableSlot *out;
	StringInfoData bytes;
	int64 last_src;
};

static TupleDesc
describe(void)
{
	TupleDesc desc = CreateTemplateTupleDesc(COLUMNS);

	TupleDescInitEntry(desc, COLUMN_SRC + 1, "src", INT8OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_DST + 1, "dst", INT8OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_TYPE + 1, "type", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_ENDPOINT + 1, "endpoint", INT8OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_WINDOW + 1, "window", BYTEAOID, -1, 0);
	return desc;
}

fold_spill *
fold_spill_create(void)
{
	fold_spill *spill = palloc(sizeof(*spill));
	TupleDesc desc = describe();
	AttrNumber keys[] = {COLUMN_SRC + 1, COLUMN_DST + 1, COLUMN_TYPE + 1, COLUMN_ENDPOINT + 1};
	Oid operators[] = {Int8LessOperator, Int8LessOperator, Int4LessOperator, Int8LessOperator};
	Oid collations[SORTED_COLUMNS] = {InvalidOid};
	bool nulls_first[SORTED_COLUMNS] = {false};

	spill->sort = tuplesort_begin_heap(desc, SORTED_COLUMNS, keys, operators, collations,
									   nulls_first, work_mem, NULL, 0);
	spill->in = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	spill->out = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	spill->last_src = PG_INT64_MIN;
	initStringInfo(&spill->bytes);
	return spill;
}

/* The window as a bytea. */
static Datum
form_window(StringInfo bytes, const front_window *window)
{
	int nodes = Max(window->window.via_count, 0);

	resetStringInfo(bytes);
	appendStringInfoSpaces(bytes, VARHDRSZ);
	appendBinaryStringInfo(bytes, (const char *) &window->window, sizeof(window->window));
	if (nodes > 0)
		appendBinaryStringInfo(bytes, (const char *) window->via, (int) (nodes * sizeof(int64)));
	enlargeStringInfo(bytes, (int) traffic_value_encoded_max(&window->traffic));
	bytes->len +=
		(int) traffic_value_encode(&window->traffic, (uint8_t *) bytes->data + bytes->len);
	SET_VARSIZE(bytes->data, bytes->len);
	return PointerGetDatum(bytes->data);
}

static void
write_window(void *context, const front_window *window)
{
	fold_spill *spill = context;
	TupleTableSlot *slot = spill->in;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, 0, COLUMNS * sizeof(bool));
	slot->tts_values[COLUMN_SRC] = Int64GetDatum(window->window.src);
	slot->tts_values[COLUMN_DST] = Int64GetDatum(window->window.dst);
	slot->tts_values[COLUMN_TYPE] = Int32GetDatum(window->window.type);
	slot->tts_values[COLUMN_ENDPOINT] = Int64GetDatum(window->window.endpoint);
	slot->tts_isnull[COLUMN_ENDPOINT] = !window->window.has_endpoint;
	slot->tts_values[COLUMN_WINDOW] = form_window(&spill->bytes, window);
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(spill->sort, slot);
	spill->last_src = Max(spill->last_src, window->window.src);
}

void
fold_spill_write(fold_spill *spill, pack_fold *fold)
{
	pack_fold_take_out(fold, write_window, spill);
}

int64
fold_spill_last_src(const fold_spill *spill)
{
	return spill->last_src;
}

/* Add one that was written; what it takes to read it is in CurrentMemoryContext. */
static void
add_again(pack_fold *fold, const struct varlena *bytes)
{
	const char *next = VARDATA_ANY(bytes);
	const char *end = next + VARSIZE_ANY_EXHDR(bytes);
	pack_window window;
	int64 *via;
	traffic_value traffic;
	Size way;

	memcpy(&window, next, sizeof(window));
	next += sizeof(window);
	way = Max(window.via_count, 0) * sizeof(int64);
	via = palloc(Max(way, 1));
	memcpy(via, next, way);
	next += way;
	traffic_value_init(&traffic, CurrentMemoryContext);
	if (traffic_value_decode((const uint8_t *) next, end - next, &traffic) != NULL ||
		!pack_fold_pass(fold, &window) ||
		pack_fold_add_window(fold, &window, via, &traffic).problem != NULL)
		elog(ERROR, "a window in a temporary file is damaged");
}

void
fold_spill_drain(fold_spill *spill, pack_fold *fold)
{
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "window that was written",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);

	tuplesort_performsort(spill->sort);
	while (tuplesort_gettupleslot(spill->sort, true, false, spill->out, NULL))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(spill->out);
		add_again(fold,
				  (const struct varlena *) DatumGetPointer(spill->out->tts_values[COLUMN_WINDOW]));
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
	fold_spill_end(spill);
}

void
fold_spill_end(fold_spill *spill)
{
	ExecDropSingleTupleTableSlot(spill->in);
	ExecDropSingleTupleTableSlot(spill->out);
	tuplesort_end(spill->sort);
	pfree(spill->bytes.data);
	pfree(spill);
}
