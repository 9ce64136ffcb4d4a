/*
 * expand_windows.c
 *		The edges that carried traffic in a range of time.
 *
 * Windows are indexed by time alone, so a look-up per frontier would read the
 * whole range at every depth.  Instead the range is read once, when the source
 * is opened, and its distinct edges are held in memory, ordered by their near
 * node: 24 bytes an edge and direction, whatever the number of its windows.
 *
 * Where the time is over before the range is read, there are no edges: from a part
 * of them depths would be wrong.
 */
#include "postgres.h"

#include "traverse/expand.h"
#include "traverse/memory_limit.h"

#include "miscadmin.h"
#include "utils/memutils.h"

typedef struct window_edge
{
	int64 near;
	int64 far;
	uint64 graphs;
} window_edge;

typedef struct windows_source
{
	edge_source base;
	window_edge *edges; /* ordered by near */
	size_t count;
	size_t capacity;
	MemoryContext memory;
	time_budget *budget;
} windows_source;

/* Edges between two looks at the clock. */
#define EDGES_BETWEEN_LOOKS 1024

static void
hold_edge(void *context, TupleTableSlot *slot)
{
	windows_source *source = context;
	window_edge *edge;

	if (source->count % EDGES_BETWEEN_LOOKS == 0 && time_is_over(source->budget))
		return;
	if (source->count == source->capacity)
	{
		source->capacity *= 2;
		source->edges = repalloc_huge(source->edges, source->capacity * sizeof(window_edge));
		memory_check(source->memory);
	}
	edge = &source->edges[source->count++];
	edge->near = DatumGetInt64(slot->tts_values[0]);
	edge->far = DatumGetInt64(slot->tts_values[1]);
	edge->graphs = (uint64) DatumGetInt64(slot->tts_values[2]);
}

/* Index of the first edge whose near node is not below id. */
static size_t
first_edge(const windows_source *source, int64 id)
{
	size_t low = 0;
	size_t high = source->count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (source->edges[middle].near < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
windows_expand(edge_source *base, const int64 *frontier, size_t count, edge_sink sink,
			   void *context)
{
	windows_source *source = (windows_source *) base;

	for (size_t i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (source->budget != NULL && source->budget->over)
			return;
		for (size_t e = first_edge(source, frontier[i]);
			 e < source->count && source->edges[e].near == frontier[i]; e++)
			sink(context, source->edges[e].near, source->edges[e].far, source->edges[e].graphs);
	}
}

edge_source *
edge_source_open_windows(const edge_scope *scope)
{
	windows_source *source = palloc0(sizeof(windows_source));
	query_args args = edge_query_args(scope);
	SPIPlanPtr plan = query_prepare(edge_query_text(scope), args.count, args.types, QUERY_ONCE);

	source->base.expand = windows_expand;
	source->memory = CurrentMemoryContext;
	source->budget = scope->budget;
	source->capacity = 1024;
	source->edges = palloc(source->capacity * sizeof(window_edge));
	query_run(plan, &args, hold_edge, source);
	if (time_is_over(source->budget))
		source->count = 0;
	return &source->base;
}
