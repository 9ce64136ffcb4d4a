/*
 * edges_asked.c
 *		What a question for edges asks for.
 */
#include "postgres.h"

#include "window/edges_asked.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "store/query.h"

static void
take_level(void *context, TupleTableSlot *slot)
{
	edges_asked *asked = context;

	asked->level = DatumGetChar(slot->tts_values[0]);
}

static void
take_graph(void *context, TupleTableSlot *slot)
{
	edges_asked *asked = context;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(asked->graphs));

	if (asked->count == asked->room)
	{
		asked->room *= 2;
		asked->graphs = repalloc(asked->graphs, asked->room * sizeof(asked_graph));
		asked->labels = repalloc(asked->labels, asked->room * sizeof(Datum));
	}
	asked->labels[asked->count] = PointerGetDatum(DatumGetTextPCopy(slot->tts_values[0]));
	asked->graphs[asked->count++] = (asked_graph){
		.name = TextDatumGetCString(slot->tts_values[0]),
		.schema = pstrdup(NameStr(*DatumGetName(slot->tts_values[1]))),
	};
	MemoryContextSwitchTo(old);
}

static void
ask(edges_asked *asked, const char *text, query_args *args, row_sink sink)
{
	query_run(query_prepare(text, args->count, args->types, QUERY_ONCE), args, sink, asked);
}

void
edges_asked_read(edges_asked *asked, FunctionCallInfo fcinfo, int graphs, int level)
{
	query_args level_args = {.count = 1,
							 .types = {TEXTOID},
							 .values = {PG_GETARG_DATUM(level)},
							 .nulls = {PG_ARGISNULL(level)}};
	query_args graph_args = {.count = 1,
							 .types = {TEXTARRAYOID},
							 .values = {PG_GETARG_DATUM(graphs)},
							 .nulls = {PG_ARGISNULL(graphs)}};

	asked->count = 0;
	asked->room = 4;
	asked->graphs = palloc(asked->room * sizeof(asked_graph));
	asked->labels = palloc(asked->room * sizeof(Datum));
	ask(asked, "SELECT topo.level_code($1)", &level_args, take_level);
	ask(asked, "SELECT g.name, g.schema_name FROM topo.graphs_asked($1) g", &graph_args,
		take_graph);
}
