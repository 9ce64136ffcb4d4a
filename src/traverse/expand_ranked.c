/*
 * expand_ranked.c
 *		The live adjacency, at most so many edges a node, the first of an order.
 *
 * A frontier costs one query (in chunks of QUERY_CHUNK ids) over all graphs,
 * since an edge that several graphs know is one edge to the limit.  In the
 * orders by traffic and by time that query also reads the live windows, or the
 * live edges, of every graph: it costs in proportion to those, not to the
 * frontier.
 */
#include "postgres.h"

#include "traverse/expand.h"

typedef struct ranked_source
{
	edge_source base;
	SPIPlanPtr plan;
	query_args args;
	time_budget *budget;
} ranked_source;

typedef struct edge_target
{
	edge_sink sink;
	void *context;
} edge_target;

static void
take_edge(void *context, TupleTableSlot *slot)
{
	edge_target *target = context;

	target->sink(target->context, DatumGetInt64(slot->tts_values[0]),
				 DatumGetInt64(slot->tts_values[1]), (uint64) DatumGetInt64(slot->tts_values[2]));
}

static void
ranked_expand(edge_source *base, const int64 *frontier, size_t count, edge_sink sink, void *context)
{
	ranked_source *source = (ranked_source *) base;
	edge_target target = {.sink = sink, .context = context};

	for (size_t begin = 0; begin < count && !time_is_over(source->budget); begin += QUERY_CHUNK)
	{
		ArrayType *chunk = query_bigint_array(frontier + begin, Min(QUERY_CHUNK, count - begin));

		source->args.values[0] = PointerGetDatum(chunk);
		source->args.nulls[0] = false;
		query_run(source->plan, &source->args, take_edge, &target);
		pfree(chunk);
	}
}

edge_source *
edge_source_open_ranked(const edge_scope *scope)
{
	ranked_source *source = palloc0(sizeof(ranked_source));

	source->base.expand = ranked_expand;
	source->budget = scope->budget;
	source->args = edge_query_args(scope);
	source->plan =
		query_prepare(edge_query_text(scope), source->args.count, source->args.types, QUERY_ONCE);
	return &source->base;
}
