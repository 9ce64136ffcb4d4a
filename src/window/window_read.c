/*
 * window_read.c
 *		Read the windows that answer a range of time, each once, as they are stored.
 *
 * Of a graph there are two queries: for packs, and for windows in rows of their own.
 * What is remembered of its packs comes among them, where its sources are.
 */
#include "postgres.h"

#include "window/window_read.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/pack_error.h"
#include "store/query.h"
#include "window/window_memo.h"

/* One reading of a range. */
typedef struct reading
{
	const window_visitor *visitor;
	MemoryContext memory; /* for a pack or row at a time */
	window_memo memo;
	MemoryContext memos; /* for what is remembered */
	int next_memo;       /* the next of its packs */
	pack_reader reader;
} reading;

static void
hand_over(reading *r, const uint8 *bytes, size_t length)
{
	pack_reader_open(&r->reader, bytes, length);
	r->visitor->pack(r->visitor->context, &r->reader);
	pack_refuse_damage(r->reader.problem, "pack");
}

static bool
is_stopped(const reading *r)
{
	return r->visitor->stop != NULL && *r->visitor->stop;
}

/* Of what is remembered, the packs that come before a source, or begin with it. */
static void
hand_over_memos(reading *r, int64 src)
{
	const memo_pack *pack;

	while ((pack = memo_packs_up_to(&r->memo.packs, &r->next_memo, src)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(r->memory);

		CHECK_FOR_INTERRUPTS();
		if (!is_stopped(r))
			hand_over(r, pack->bytes, pack->length);
		MemoryContextSwitchTo(old);
		MemoryContextReset(r->memory);
	}
}

static void
take_pack(void *context, TupleTableSlot *slot)
{
	reading *r = context;
	MemoryContext old;
	const struct varlena *pack;

	hand_over_memos(r, DatumGetInt64(slot->tts_values[0]));
	old = MemoryContextSwitchTo(r->memory);
	pack = PG_DETOAST_DATUM_PACKED(slot->tts_values[1]);
	hand_over(r, (const uint8 *) VARDATA_ANY(pack), VARSIZE_ANY_EXHDR(pack));
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->memory);
}

/* The columns of a window in a row of its own. */
enum
{
	ROW_SRC,
	ROW_DST,
	ROW_TYPE,
	ROW_ENDPOINT,
	ROW_VIA,
	ROW_CONFIDENCE,
	ROW_APP_CONFIDENCE,
	ROW_FIRST_SEEN,
	ROW_LAST_SEEN,
	ROW_TRAFFIC
};

static pack_window
window_in_row(const Datum *values, const bool *nulls)
{
	pack_window window = {
		.src = DatumGetInt64(values[ROW_SRC]),
		.dst = DatumGetInt64(values[ROW_DST]),
		.type = DatumGetInt32(values[ROW_TYPE]),
		.has_endpoint = !nulls[ROW_ENDPOINT],
		.first_seen = DatumGetTimestampTz(values[ROW_FIRST_SEEN]),
		.last_seen = DatumGetTimestampTz(values[ROW_LAST_SEEN]),
		.confidence = DatumGetFloat4(values[ROW_CONFIDENCE]),
	};

	if (window.has_endpoint)
		window.endpoint = DatumGetInt64(values[ROW_ENDPOINT]);
	window.app_confidence =
		nulls[ROW_APP_CONFIDENCE] ? window.confidence : DatumGetFloat4(values[ROW_APP_CONFIDENCE]);
	return window;
}

static void
take_row(void *context, TupleTableSlot *slot)
{
	reading *r = context;
	const Datum *values = slot->tts_values;
	const bool *nulls = slot->tts_isnull;
	window_row row = {
		.window = window_in_row(values, nulls),
		.has_via = !nulls[ROW_VIA],
		.via = values[ROW_VIA],
		.traffic = values[ROW_TRAFFIC],
	};
	MemoryContext old = MemoryContextSwitchTo(r->memory);

	r->visitor->row(r->visitor->context, &row);
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->memory);
}

static const char ROW_COLUMNS[] = "w.src, w.dst, w.type, w.endpoint, w.via, w.confidence, "
								  "w.app_confidence, w.first_seen, w.last_seen, w.traffic";

static void
read_rows(reading *r, const window_pieces *pieces)
{
	query_args none = {.count = 0, .stop = r->visitor->stop};
	char *query = window_pieces_query(pieces, ROW_COLUMNS, "w.pack IS NULL");

	query_run(query_prepare(query, 0, NULL, QUERY_ONCE), &none, take_row, r);
}

static void
recall(reading *r, const window_pieces *pieces, const char *graph, const Datum *during)
{
	MemoryContext old = MemoryContextSwitchTo(r->memos);

	window_memo_recall(&r->memo, pieces, graph, during, r->visitor->stop == NULL);
	MemoryContextSwitchTo(old);
}

static void
read_packs(reading *r, const window_pieces *pieces)
{
	query_args none = {.count = 0, .stop = r->visitor->stop};
	char *condition = psprintf("w.pack IS NOT NULL AND %s", r->memo.rest);
	char *query =
		psprintf("%s ORDER BY 1", window_pieces_query(pieces, "w.src, w.pack", condition));

	query_run(query_prepare(query, 0, NULL, QUERY_ONCE), &none, take_pack, r);
	hand_over_memos(r, PG_INT64_MAX);
}

void
window_read_range(const char *graph, const Datum *during, const window_visitor *visitor)
{
	window_pieces pieces;
	reading *r;

	window_pieces_find(&pieces, graph, during);
	if (pieces.count == 0)
		return;
	r = palloc0(sizeof(*r));
	r->visitor = visitor;
	r->memory = AllocSetContextCreate(CurrentMemoryContext, "windows", ALLOCSET_DEFAULT_SIZES);
	r->memos = AllocSetContextCreate(CurrentMemoryContext, "memos", ALLOCSET_DEFAULT_SIZES);
	read_rows(r, &pieces);
	if (!is_stopped(r))
	{
		recall(r, &pieces, graph, during);
		read_packs(r, &pieces);
	}
	MemoryContextDelete(r->memos);
	MemoryContextDelete(r->memory);
	pfree(r);
}
