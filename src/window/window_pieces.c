/*
 * window_pieces.c
 *		Which windows answer a range of time: tables, and conditions on them.
 */
#include "postgres.h"

#include "window/window_pieces.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "store/query.h"

static const char CONDITIONS_QUERY[] =
	"SELECT format('%I.%I', g.schema_name, c.relation), c.condition FROM topo.graph g, "
	"topo.window_conditions(g, coalesce($2, tstzrange(topo.live_since(g.name), NULL))) c "
	"WHERE g.name = $1";

static const char SERIES_QUERY[] =
	"SELECT format('%I.%I', g.schema_name, c.relation), c.condition FROM topo.graph g, "
	"topo.window_conditions(g, tstzrange($2[1], $2[cardinality($2)]), "
	"coalesce(topo.widest_window(g.name, $2), interval '0')) c WHERE g.name = $1";

static void
take_piece(void *context, TupleTableSlot *slot)
{
	window_pieces *pieces = context;
	window_piece *piece;

	if (pieces->count == pieces->room)
	{
		pieces->room *= 2;
		pieces->list = repalloc(pieces->list, pieces->room * sizeof(window_piece));
	}
	piece = &pieces->list[pieces->count++];
	/* the sink's own memory is gone when it returns, that of the list is not */
	piece->relation = MemoryContextStrdup(GetMemoryChunkContext(pieces->list),
										  TextDatumGetCString(slot->tts_values[0]));
	piece->condition = MemoryContextStrdup(GetMemoryChunkContext(pieces->list),
										   TextDatumGetCString(slot->tts_values[1]));
}

static void
find_by(window_pieces *pieces, const char *query, const query_args *args)
{
	pieces->count = 0;
	pieces->room = 4;
	pieces->list = palloc(pieces->room * sizeof(window_piece));
	query_run(query_prepare(query, args->count, args->types, QUERY_ONCE), args, take_piece, pieces);
}

void
window_pieces_find(window_pieces *pieces, const char *graph, const Datum *during)
{
	query_args args = {
		.count = 2,
		.types = {TEXTOID, TSTZRANGEOID},
		.values = {CStringGetTextDatum(graph), during == NULL ? (Datum) 0 : *during},
		.nulls = {false, during == NULL},
	};

	find_by(pieces, CONDITIONS_QUERY, &args);
}

void
window_pieces_find_series(window_pieces *pieces, const char *graph, Datum begins)
{
	query_args args = {
		.count = 2,
		.types = {TEXTOID, TIMESTAMPTZARRAYOID},
		.values = {CStringGetTextDatum(graph), begins},
	};

	find_by(pieces, SERIES_QUERY, &args);
}

char *
window_pieces_query(const window_pieces *pieces, const char *columns, const char *condition)
{
	StringInfoData query;

	initStringInfo(&query);
	for (int i = 0; i < pieces->count; i++)
		appendStringInfo(&query, "%sSELECT %s FROM %s w WHERE (%s) AND %s",
						 i == 0 ? "" : " UNION ALL ", columns, pieces->list[i].relation,
						 pieces->list[i].condition, condition);
	return query.data;
}
