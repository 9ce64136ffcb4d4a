/*
 * expand_windows.c
 *		The edges that carried traffic in a range of time.
 *
 * Windows are indexed by time alone, so a look-up per frontier would read the whole
 * range at every depth.  Instead the range is read once, when the source is opened
 * (range_edges.c), and its edges are laid out by their near node, by counting: 4 bytes an
 * edge, and in both directions only where both are asked for.
 */
#include "postgres.h"

#include "traverse/expand.h"
#include "traverse/memory_limit.h"
#include "traverse/range_edges.h"
#include "traverse/range_rank.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* Edges between two looks for an interrupt. */
#define EDGES_BETWEEN_LOOKS 4096

typedef struct windows_source
{
	edge_source base;
	range_edges *range;
	uint64 *begin; /* by number of the near node: where its edges begin, and behind them end */
	uint32 *edges; /* by near node */
	time_budget *budget;
} windows_source;

static void
windows_expand(edge_source *base, const int64 *frontier, size_t count, edge_sink sink,
			   void *context)
{
	const windows_source *source = (const windows_source *) base;
	const range_edges *range = source->range;

	for (size_t i = 0; i < count; i++)
	{
		uint32 near = numbering_find(range->numbers, frontier[i]);

		CHECK_FOR_INTERRUPTS();
		if (source->budget != NULL && source->budget->over)
			return;
		if (near == NUMBERING_NONE)
			continue;
		for (uint64 at = source->begin[near]; at < source->begin[near + 1]; at++)
		{
			range_edge ends = range->edges[source->edges[at]];

			sink(context, frontier[i], range->ids[ends.src == near ? ends.dst : ends.src],
				 range_edge_graphs(range, source->edges[at]));
		}
	}
}

/* In begin[node + 2]: how many edges each node has. */
static void
count_edges(windows_source *source, edge_direction direction)
{
	const range_edges *range = source->range;

	for (uint32 edge = 0; edge < range->count; edge++)
	{
		if (edge % EDGES_BETWEEN_LOOKS == 0)
			CHECK_FOR_INTERRUPTS();
		if (direction & EDGE_OUT)
			source->begin[range->edges[edge].src + 2]++;
		if (direction & EDGE_IN)
			source->begin[range->edges[edge].dst + 2]++;
	}
}

/* From begin[node + 1], where a node's edges begin, to where they end: where the next ones begin.
 */
static void
place_edges(windows_source *source, edge_direction direction)
{
	const range_edges *range = source->range;

	for (uint32 edge = 0; edge < range->count; edge++)
	{
		if (edge % EDGES_BETWEEN_LOOKS == 0)
			CHECK_FOR_INTERRUPTS();
		if (direction & EDGE_OUT)
			source->edges[source->begin[range->edges[edge].src + 1]++] = edge;
		if (direction & EDGE_IN)
			source->edges[source->begin[range->edges[edge].dst + 1]++] = edge;
	}
}

static void
lay_out(windows_source *source, edge_direction direction)
{
	uint32 nodes = source->range->node_count;
	uint64 count = (uint64) source->range->count * (direction == EDGE_BOTH ? 2 : 1);

	source->begin =
		MemoryContextAllocExtended(CurrentMemoryContext, ((Size) nodes + 2) * sizeof(uint64),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	source->edges = MemoryContextAllocHuge(CurrentMemoryContext, Max(count, 1) * sizeof(uint32));
	memory_check(CurrentMemoryContext);
	count_edges(source, direction);
	for (uint32 node = 0; node < nodes; node++)
		source->begin[node + 2] += source->begin[node + 1];
	place_edges(source, direction);
}

/* Leave at each node the first edges of the scope's order. */
static void
cut(windows_source *source, const edge_scope *scope)
{
	range_rank *rank = range_rank_create(scope, source->range);
	uint64 kept = 0;
	uint64 end = 0;

	for (uint32 node = 0; node < source->range->node_count; node++)
	{
		uint64 begin = end;
		uint32 count;

		end = source->begin[node + 1];
		count = range_rank_cut(rank, node, source->edges + begin, (uint32) (end - begin));
		memmove(source->edges + kept, source->edges + begin, count * sizeof(uint32));
		source->begin[node] = kept;
		kept += count;
	}
	source->begin[source->range->node_count] = kept;
}

edge_source *
edge_source_open_windows(const edge_scope *scope)
{
	windows_source *source = palloc0(sizeof(windows_source));

	source->base.expand = windows_expand;
	source->budget = scope->budget;
	source->range = range_edges_read(scope);
	lay_out(source, scope->direction);
	if (scope->limit >= 0)
		cut(source, scope);
	return &source->base;
}
