/*
 * adjacency.c
 *		A graph held in memory by a call that has to look at its edges many times.
 *
 * Edges are gathered as they come, sorted, and merged; then both directions are
 * laid out by counting (Knuth, TAOCP 5.2).  Costs 24 bytes an edge while it is
 * gathered and 16 bytes an edge and 16 a node for good; time is that of the sort.
 */
#include "postgres.h"

#include "traverse/adjacency.h"
#include "traverse/closed_nodes.h"
#include "traverse/memory_limit.h"
#include "traverse/range_edges.h"
#include "traverse/traverse.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* Edges between two looks for an interrupt. */
#define EDGES_BETWEEN_LOOKS 4096

typedef struct gathered_edge
{
	int64 source;
	int64 target;
	uint64 graphs;
} gathered_edge;

typedef struct gathering
{
	gathered_edge *edges;
	size_t count;
	size_t capacity;
	MemoryContext memory;
	edge_sink sink; /* whom edges are handed on to, or NULL */
	void *sink_context;
} gathering;

static void
gather(gathering *edges, int64 source, int64 target, uint64 graphs)
{
	if (edges->count == edges->capacity)
	{
		edges->capacity += edges->capacity / 2;
		edges->edges = repalloc_huge(edges->edges, edges->capacity * sizeof(gathered_edge));
		memory_check(edges->memory);
	}
	edges->edges[edges->count++] =
		(gathered_edge){.source = source, .target = target, .graphs = graphs};
}

static void
gathering_init(gathering *edges)
{
	memset(edges, 0, sizeof(*edges));
	edges->capacity = 1024;
	edges->memory = CurrentMemoryContext;
	edges->edges = palloc(edges->capacity * sizeof(gathered_edge));
}

static int
compare_edges(const void *a, const void *b)
{
	const gathered_edge *left = a;
	const gathered_edge *right = b;

	CHECK_FOR_INTERRUPTS();
	if (left->source != right->source)
		return left->source < right->source ? -1 : 1;
	return (left->target > right->target) - (left->target < right->target);
}

/* One edge for each pair of nodes, in order. */
static void
merge_edges(gathering *edges)
{
	size_t kept = 0;

	qsort(edges->edges, edges->count, sizeof(gathered_edge), compare_edges);
	for (size_t i = 0; i < edges->count; i++)
	{
		if (kept > 0 && compare_edges(&edges->edges[kept - 1], &edges->edges[i]) == 0)
			edges->edges[kept - 1].graphs |= edges->edges[i].graphs;
		else
			edges->edges[kept++] = edges->edges[i];
	}
	edges->count = kept;
	if (kept >= ADJACENCY_NONE)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the search has too many edges"), errhint("Bound its depth.")));
}

static int
compare_ids(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	CHECK_FOR_INTERRUPTS();
	return (left > right) - (left < right);
}

static void
number_nodes(adjacency *map, const gathering *edges)
{
	size_t count = 0;
	size_t kept = 0;

	map->ids =
		MemoryContextAllocHuge(CurrentMemoryContext, Max(edges->count * 2, 1) * sizeof(int64));
	/* sources are in order already: each is added once */
	for (size_t i = 0; i < edges->count; i++)
	{
		if (i == 0 || edges->edges[i].source != edges->edges[i - 1].source)
			map->ids[count++] = edges->edges[i].source;
		map->ids[count++] = edges->edges[i].target;
	}
	qsort(map->ids, count, sizeof(int64), compare_ids);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || map->ids[kept - 1] != map->ids[i])
			map->ids[kept++] = map->ids[i];
	map->ids = repalloc_huge(map->ids, Max(kept, 1) * sizeof(int64));
	map->node_count = (uint32) kept;
}

static uint32 *
alloc_places(size_t count)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(count, 1) * sizeof(uint32),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* From how many each node has, in begin[node + 1], to where they begin. */
static void
sum_up(uint32 *begin, uint32 node_count)
{
	for (uint32 node = 0; node < node_count; node++)
		begin[node + 1] += begin[node];
}

static void
lay_out_edges(adjacency *map, const gathering *edges)
{
	uint32 source = 0;

	map->edge_count = (uint32) edges->count;
	map->out_begin = alloc_places((size_t) map->node_count + 1);
	map->out = alloc_places(edges->count);
	map->graphs =
		MemoryContextAllocHuge(CurrentMemoryContext, Max(edges->count, 1) * sizeof(uint64));
	for (size_t i = 0; i < edges->count; i++)
	{
		if (i % EDGES_BETWEEN_LOOKS == 0)
			CHECK_FOR_INTERRUPTS();
		while (map->ids[source] != edges->edges[i].source)
			source++;
		map->out_begin[source + 1]++;
		map->out[i] = adjacency_find(map, edges->edges[i].target);
		map->graphs[i] = edges->edges[i].graphs;
	}
	sum_up(map->out_begin, map->node_count);
}

static void
lay_out_reverse(adjacency *map)
{
	uint32 *next = alloc_places(map->node_count);

	map->in_begin = alloc_places((size_t) map->node_count + 1);
	map->in = alloc_places(map->edge_count);
	for (uint32 i = 0; i < map->edge_count; i++)
		map->in_begin[map->out[i] + 1]++;
	sum_up(map->in_begin, map->node_count);
	memcpy(next, map->in_begin, map->node_count * sizeof(uint32));
	for (uint32 node = 0; node < map->node_count; node++)
	{
		CHECK_FOR_INTERRUPTS();
		for (uint32 i = map->out_begin[node]; i < map->out_begin[node + 1]; i++)
			map->in[next[map->out[i]]++] = node;
	}
	pfree(next);
}

/* Mark the nodes whose edges do not count: closed ones, and those that are hidden from the user. */
static void
bar_nodes(const adjacency *map, const edge_scope *scope, bool *barred)
{
	node_filter *visible = node_filter_of_visible();

	if (visible != NULL)
	{
		int64 *shown =
			MemoryContextAllocHuge(CurrentMemoryContext, map->node_count * sizeof(int64));
		size_t count;

		memcpy(shown, map->ids, map->node_count * sizeof(int64));
		memset(barred, true, map->node_count);
		count = node_filter_apply(visible, shown, map->node_count);
		for (size_t i = 0; i < count; i++)
			barred[adjacency_find(map, shown[i])] = false;
		pfree(shown);
	}
	if (!scope->through_closed)
	{
		size_t count;
		int64 *closed = closed_nodes_among(map->ids, map->node_count, &count);

		for (size_t i = 0; i < count; i++)
			barred[adjacency_find(map, closed[i])] = true;
		pfree(closed);
	}
}

static void
drop_barred(gathering *edges, const adjacency *map, const edge_scope *scope)
{
	bool *barred = MemoryContextAllocExtended(CurrentMemoryContext, map->node_count + 1,
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	size_t kept = 0;

	bar_nodes(map, scope, barred);
	for (size_t i = 0; i < edges->count; i++)
	{
		if (i % EDGES_BETWEEN_LOOKS == 0)
			CHECK_FOR_INTERRUPTS();
		if (!barred[adjacency_find(map, edges->edges[i].source)] &&
			!barred[adjacency_find(map, edges->edges[i].target)])
			edges->edges[kept++] = edges->edges[i];
	}
	edges->count = kept;
	pfree(barred);
}

/* scope: what leaves edges out; NULL: they were left out when they were gathered. */
static adjacency *
lay_out(gathering *edges, const edge_scope *scope)
{
	adjacency *map = palloc0(sizeof(adjacency));

	merge_edges(edges);
	number_nodes(map, edges);
	if (scope != NULL)
		drop_barred(edges, map, scope);
	lay_out_edges(map, edges);
	pfree(edges->edges);
	lay_out_reverse(map);
	memory_check(edges->memory);
	return map;
}

/* A source that keeps a copy of the edges that another hands over. */
typedef struct gathering_source
{
	edge_source base;
	edge_source *inner;
	gathering edges;
} gathering_source;

static void
gather_and_pass(void *context, int64 near, int64 far, uint64 graphs)
{
	gathering *edges = context;

	gather(edges, near, far, graphs);
	edges->sink(edges->sink_context, near, far, graphs);
}

static void
gathering_expand(edge_source *base, const int64 *frontier, size_t count, edge_sink sink,
				 void *context)
{
	gathering_source *source = (gathering_source *) base;

	source->edges.sink = sink;
	source->edges.sink_context = context;
	source->inner->expand(source->inner, frontier, count, gather_and_pass, &source->edges);
}

adjacency *
adjacency_from(const edge_scope *scope, int64 start, int32 max_depth)
{
	gathering_source copying = {
		.base.expand = gathering_expand,
		.inner = edge_source_open(scope),
	};
	traverse_goal goal = {
		.start = &start,
		.start_count = 1,
		.max_depth = max_depth,
		.through_closed = scope->through_closed,
	};

	gathering_init(&copying.edges);
	(void) traverse_run(&copying.base, &goal);
	return lay_out(&copying.edges, NULL);
}

static void
gather_range(gathering *edges, const edge_scope *scope)
{
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "edges of a range", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	const range_edges *range = range_edges_read(scope);

	MemoryContextSwitchTo(old);
	for (uint32 edge = 0; edge < range->count; edge++)
	{
		int64 src = range->ids[range->edges[edge].src];
		int64 dst = range->ids[range->edges[edge].dst];

		if (edge % EDGES_BETWEEN_LOOKS == 0)
			CHECK_FOR_INTERRUPTS();
		if (scope->direction & EDGE_OUT)
			gather(edges, src, dst, range_edge_graphs(range, edge));
		if (scope->direction & EDGE_IN)
			gather(edges, dst, src, range_edge_graphs(range, edge));
	}
	MemoryContextDelete(memory);
}

static void
gather_row(void *context, TupleTableSlot *slot)
{
	gather(context, DatumGetInt64(slot->tts_values[0]), DatumGetInt64(slot->tts_values[1]),
		   (uint64) DatumGetInt64(slot->tts_values[2]));
}

static void
gather_live(gathering *edges, edge_scope *scope)
{
	query_args args;

	scope->everywhere = true;
	args = edge_query_args(scope);
	query_run(query_prepare(edge_query_text(scope), args.count, args.types, QUERY_ONCE), &args,
			  gather_row, edges);
}

adjacency *
adjacency_of_all(edge_scope *scope)
{
	gathering edges;

	gathering_init(&edges);
	if (scope->timed)
		gather_range(&edges, scope);
	else
		gather_live(&edges, scope);
	return lay_out(&edges, scope);
}

uint32
adjacency_find(const adjacency *map, int64 id)
{
	const int64 *found = bsearch(&id, map->ids, map->node_count, sizeof(int64), compare_ids);

	return found == NULL ? ADJACENCY_NONE : (uint32) (found - map->ids);
}

uint64
adjacency_graphs(const adjacency *map, uint32 source, uint32 target)
{
	uint32 low = map->out_begin[source];
	uint32 high = map->out_begin[source + 1];

	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;

		if (map->out[middle] < target)
			low = middle + 1;
		else
			high = middle;
	}
	return low < map->out_begin[source + 1] && map->out[low] == target ? map->graphs[low] : 0;
}
