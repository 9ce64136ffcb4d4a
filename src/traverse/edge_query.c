/*
 * edge_query.c
 *		The text of the query for a scope's live edges where an index look-up of the
 *		adjacency will not do: ranked, or all of them.
 *
 * It has three layers.  Innermost, for each graph, the measures of its edges at
 * the level asked for, where a cluster stands for the app it is part of.
 * Around it, for each graph and direction, (near, far, graph, measures): the
 * live adjacency with those measures.  Outermost these are merged over graphs and
 * types, ranked among the edges of their near node, and cut to the limit.
 *
 * Which windows say what is busy is for topo.window_source() to say, whose text becomes
 * part of the query.
 *
 * Arguments: $1 frontier, $2 types.
 */
#include "postgres.h"

#include "traverse/expand.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static bool
is_ranked(const edge_scope *scope)
{
	return scope->limit >= 0;
}

static bool
is_measured(const edge_scope *scope)
{
	return is_ranked(scope) && scope->order != EDGE_NAME;
}

/* What edges are ranked by, most first: three columns of every layer. */
static const char *
measures(const edge_scope *scope)
{
	if (!is_measured(scope))
		return "NULL::numeric AS m1, NULL::numeric AS m2, NULL::numeric AS m3";
	if (scope->order == EDGE_LATEST)
		return "extract(epoch FROM max(w.last_seen)) AS m1, NULL::numeric AS m2, "
			   "NULL::numeric AS m3";
	return "sum(topo.requests(w.traffic)) AS m1, sum(topo.connections(w.traffic)) AS m2, "
		   "sum(topo.bytes_sent(w.traffic)::numeric + topo.bytes_received(w.traffic)) AS m3";
}

static const char *
ranking(const edge_scope *scope)
{
	switch (scope->order)
	{
		case EDGE_BUSIEST:
			return "coalesce(sum(e.m1), 0) DESC, coalesce(sum(e.m2), 0) DESC, "
				   "coalesce(sum(e.m3), 0) DESC, ";
		case EDGE_LATEST:
			return "max(e.m1) DESC NULLS LAST, ";
		case EDGE_NAME:
			break;
	}
	return "";
}

static const char WINDOW_SOURCE_QUERY[] =
	"SELECT topo.window_source(g, tstzrange(topo.live_since(g.name), NULL))"
	" FROM topo.graph g WHERE g.name = $1";

/* Where a text that was found goes. */
typedef struct text_sink
{
	MemoryContext memory;
	char *text;
} text_sink;

static void
take_text(void *context, TupleTableSlot *slot)
{
	text_sink *sink = context;

	sink->text = MemoryContextStrdup(sink->memory, TextDatumGetCString(slot->tts_values[0]));
}

/* Which windows of a graph say what is busy; palloc'd. */
static char *
window_source(const edge_graph *graph)
{
	text_sink sink = {.memory = CurrentMemoryContext};
	query_args args = {
		.count = 1,
		.types = {TEXTOID},
		.values = {CStringGetTextDatum(graph->name)},
	};

	query_run(query_prepare(WINDOW_SOURCE_QUERY, args.count, args.types, QUERY_ONCE), &args,
			  take_text, &sink);
	if (sink.text == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("graph \"%s\" does not exist", graph->name),
						errhint("Another session may have dropped it just now.")));
	return sink.text;
}

/* Windows, or live edges, called w. */
static void
append_rows(StringInfo text, const edge_scope *scope, const edge_graph *graph)
{
	if (scope->order == EDGE_BUSIEST)
		appendStringInfo(text, "%s w", window_source(graph));
	else
		appendStringInfo(text, "%s.live_edge w", quote_identifier(graph->schema));
}

/* (src, dst, type, m1, m2, m3) of one graph. */
static void
append_measured(StringInfo text, const edge_scope *scope, const edge_graph *graph)
{
	bool apps = scope->level == 'a';

	appendStringInfo(text, "SELECT %s AS src, %s AS dst, w.type, %s FROM ",
					 apps ? "coalesce(s.parent, w.src)" : "w.src",
					 apps ? "coalesce(d.parent, w.dst)" : "w.dst", measures(scope));
	append_rows(text, scope, graph);
	if (apps)
		appendStringInfoString(text,
							   " LEFT JOIN topo.node s ON s.id = w.src AND s.type = 'cluster'"
							   " LEFT JOIN topo.node d ON d.id = w.dst AND d.type = 'cluster'");
	if (scope->typed)
		appendStringInfoString(text, " WHERE w.type = ANY ($2)");
	appendStringInfoString(text, " GROUP BY 1, 2, 3");
}

/* (near, far, graph, m1, m2, m3) of one graph in one direction. */
static void
append_edges(StringInfo text, const edge_scope *scope, int graph, edge_direction direction)
{
	const edge_graph *g = &scope->graphs[graph];
	const char *near = direction == EDGE_OUT ? "src" : "dst";
	const char *far = direction == EDGE_OUT ? "dst" : "src";

	appendStringInfo(text, "SELECT l.%s AS near, l.%s AS far, " INT64_FORMAT "::bigint AS graph, ",
					 near, far, (int64) (UINT64CONST(1) << graph));
	appendStringInfoString(text, is_measured(scope) ? "m.m1, m.m2, m.m3" : measures(scope));
	appendStringInfo(text, " FROM %s.link l", quote_identifier(g->schema));
	if (is_measured(scope))
	{
		appendStringInfoString(text, " LEFT JOIN (");
		append_measured(text, scope, g);
		appendStringInfoString(text, ") m USING (src, dst, type)");
	}
	appendStringInfo(text, " WHERE l.level = '%c'", scope->level);
	if (!scope->everywhere)
		appendStringInfo(text, " AND l.%s = ANY ($1)", near);
	if (scope->typed)
		appendStringInfoString(text, " AND l.type + 0 = ANY ($2)");
}

static void
append_all_edges(StringInfo text, const edge_scope *scope)
{
	const char *separator = "";

	for (int graph = 0; graph < scope->graph_count; graph++)
	{
		for (int direction = EDGE_OUT; direction <= EDGE_IN; direction++)
		{
			if (!(scope->direction & direction))
				continue;
			appendStringInfoString(text, separator);
			append_edges(text, scope, graph, direction);
			separator = " UNION ALL ";
		}
	}
}

char *
edge_query_text(const edge_scope *scope)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "SELECT r.near, r.far, r.graphs FROM "
								  "(SELECT e.near, e.far, bit_or(e.graph) AS graphs");
	if (is_ranked(scope))
		appendStringInfo(&text,
						 ", row_number() OVER (PARTITION BY e.near ORDER BY %s"
						 "CASE WHEN f.type = 'app' AND position(':' IN f.name) = 0 THEN f.name "
						 "ELSE f.type || ':' || f.name END COLLATE \"C\", e.far) AS rank",
						 ranking(scope));
	appendStringInfoString(&text, " FROM (");
	append_all_edges(&text, scope);
	appendStringInfoString(&text, ") e");
	if (is_ranked(scope))
		appendStringInfoString(&text, " LEFT JOIN topo.node f ON f.id = e.far");
	appendStringInfo(&text, " GROUP BY e.near, e.far%s) r",
					 is_ranked(scope) ? ", f.type, f.name" : "");
	if (is_ranked(scope))
		appendStringInfo(&text, " WHERE r.rank <= %d", scope->limit);
	return text.data;
}

query_args
edge_query_args(const edge_scope *scope)
{
	query_args args = {
		.count = 2,
		.types = {INT8ARRAYOID, INT4ARRAYOID},
		.values = {(Datum) 0, scope->types},
		.nulls = {true, !scope->typed},
		.stop = scope->budget != NULL ? &scope->budget->over : NULL,
	};

	return args;
}
