/*
 * window_read.c
 *		Read the windows that answer a range of time, each once, as they are stored.
 *
 * Of a graph there are two queries: for packs, and for windows in rows of their own.
 * What answers is for topo.window_conditions() to say.
 */
#include "postgres.h"

#include "window/window_read.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/query.h"

/* One reading of a range. */
typedef struct reading
{
	const window_visitor *visitor;
	MemoryContext memory; /* for a pack or row at a time */
	pack_reader reader;
} reading;

void
window_refuse_damage(const char *problem, const char *what)
{
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("a stored pack of windows is corrupt"),
				 errdetail("The %s %s.", what, problem)));
}

static void
take_pack(void *context, TupleTableSlot *slot)
{
	reading *r = context;
	MemoryContext old = MemoryContextSwitchTo(r->memory);
	const struct varlena *pack = PG_DETOAST_DATUM_PACKED(slot->tts_values[1]);

	pack_reader_open(&r->reader, (const uint8_t *) VARDATA_ANY(pack), VARSIZE_ANY_EXHDR(pack));
	r->visitor->pack(r->visitor->context, &r->reader);
	window_refuse_damage(r->reader.problem, "pack");
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

static const char CONDITIONS_QUERY[] =
	"SELECT format('%I.%I', g.schema_name, c.relation), c.condition FROM topo.graph g, "
	"topo.window_conditions(g, coalesce($2, tstzrange(topo.live_since(g.name), NULL))) c "
	"WHERE g.name = $1";

/* The queries for the windows of a graph; empty: there are none. */
typedef struct window_queries
{
	StringInfoData packs;
	StringInfoData rows;
} window_queries;

static void
take_condition(void *context, TupleTableSlot *slot)
{
	window_queries *queries = context;
	char *relation = TextDatumGetCString(slot->tts_values[0]);
	char *condition = TextDatumGetCString(slot->tts_values[1]);
	const char *separator = queries->rows.len == 0 ? "" : " UNION ALL ";

	appendStringInfo(&queries->packs,
					 "%sSELECT w.src, w.pack FROM %s w WHERE (%s) AND w.pack IS NOT NULL",
					 separator, relation, condition);
	appendStringInfo(&queries->rows,
					 "%sSELECT w.src, w.dst, w.type, w.endpoint, w.via, w.confidence, "
					 "w.app_confidence, w.first_seen, w.last_seen, w.traffic FROM %s w "
					 "WHERE (%s) AND w.pack IS NULL",
					 separator, relation, condition);
}

static void
find_queries(window_queries *queries, const char *graph, const Datum *during)
{
	query_args args = {
		.count = 2,
		.types = {TEXTOID, TSTZRANGEOID},
		.values = {CStringGetTextDatum(graph), during == NULL ? (Datum) 0 : *during},
		.nulls = {false, during == NULL},
	};

	initStringInfo(&queries->packs);
	initStringInfo(&queries->rows);
	query_run(query_prepare(CONDITIONS_QUERY, args.count, args.types, QUERY_ONCE), &args,
			  take_condition, queries);
	if (queries->packs.len > 0)
		appendStringInfoString(&queries->packs, " ORDER BY 1");
}

static void
read_some(reading *r, const char *query, row_sink sink)
{
	query_args none = {.count = 0, .stop = r->visitor->stop};

	query_run(query_prepare(query, 0, NULL, QUERY_ONCE), &none, sink, r);
}

void
window_read_range(const char *graph, const Datum *during, const window_visitor *visitor)
{
	window_queries queries;
	reading *r;

	find_queries(&queries, graph, during);
	if (queries.rows.len == 0)
		return;
	r = palloc(sizeof(*r));
	r->visitor = visitor;
	r->memory = AllocSetContextCreate(CurrentMemoryContext, "windows", ALLOCSET_DEFAULT_SIZES);
	read_some(r, queries.rows.data, take_row);
	if (visitor->stop == NULL || !*visitor->stop)
		read_some(r, queries.packs.data, take_pack);
	MemoryContextDelete(r->memory);
	pfree(r);
}
