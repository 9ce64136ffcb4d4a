/*
 * range_rank.c
 *		Of the edges of a range of time, the first of an order at each node.
 */
#include "postgres.h"

#include "traverse/range_rank.h"
#include "traverse/memory_limit.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* An edge, with what its neighbour has over all edges to it. */
typedef struct candidate
{
	uint32 edge;
	uint32 far;
	int64 id;    /* of the neighbour */
	text *label; /* NULL: it is hidden from the user */
	range_measures measures;
} candidate;

struct range_rank
{
	const range_edges *range;
	uint32 limit;
	edge_order order;
	MemoryContext memory;
	text **labels; /* of nodes, by number */
	candidate *candidates;
	uint32 room;
};

range_rank *
range_rank_create(const edge_scope *scope, const range_edges *range)
{
	range_rank *rank = palloc0(sizeof(*rank));

	rank->range = range;
	rank->limit = (uint32) scope->limit;
	rank->order = scope->order;
	rank->memory = CurrentMemoryContext;
	rank->labels = MemoryContextAllocHuge(rank->memory, Max(range->node_count, 1) * sizeof(text *));
	for (uint32 node = 0; node < range->node_count; node++)
		(void) edge_nodes_note(range->nodes, range->ids[node]);
	edge_nodes_load_labels(range->nodes);
	for (uint32 node = 0; node < range->node_count; node++)
		rank->labels[node] = edge_nodes_find(range->nodes, range->ids[node])->label;
	memory_check(rank->memory);
	return rank;
}

static int
compare_neighbours(const void *a, const void *b)
{
	const candidate *left = a;
	const candidate *right = b;

	CHECK_FOR_INTERRUPTS();
	return (left->far > right->far) - (left->far < right->far);
}

/* Those without a label last. */
static int
compare_labels(const text *left, const text *right)
{
	if (left == NULL || right == NULL)
		return (left == NULL) - (right == NULL);
	return edge_nodes_compare_labels(left, right);
}

static int
compare_ranks(const void *a, const void *b)
{
	const candidate *left = a;
	const candidate *right = b;
	int order;

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < RANGE_MEASURES; i++)
		if (left->measures.of[i] != right->measures.of[i])
			return left->measures.of[i] > right->measures.of[i] ? -1 : 1;
	order = compare_labels(left->label, right->label);
	if (order != 0)
		return order;
	return (left->id > right->id) - (left->id < right->id);
}

static candidate
make_candidate(const range_rank *rank, uint32 node, uint32 edge)
{
	const range_edges *range = rank->range;
	range_edge ends = range->edges[edge];
	candidate made = {.edge = edge, .far = ends.src == node ? ends.dst : ends.src};

	made.id = range->ids[made.far];
	made.label = rank->labels[made.far];
	if (range->measures != NULL)
		made.measures = range->measures[edge];
	return made;
}

static void
reserve(range_rank *rank, uint32 count)
{
	if (count <= rank->room)
		return;
	if (rank->candidates != NULL)
		pfree(rank->candidates);
	rank->room = count;
	rank->candidates = MemoryContextAllocHuge(rank->memory, count * sizeof(candidate));
	memory_check(rank->memory);
}

/* Of candidates in order of neighbours: each is given the measures of all to its neighbour. */
static void
add_up(const range_rank *rank, candidate *candidates, uint32 count)
{
	uint32 first = 0;

	for (uint32 i = 1; i <= count; i++)
	{
		if (i < count && candidates[i].far == candidates[first].far)
		{
			range_measures_add(rank->order, &candidates[first].measures, &candidates[i].measures);
			continue;
		}
		for (uint32 same = first + 1; same < i; same++)
			candidates[same].measures = candidates[first].measures;
		first = i;
	}
}

uint32
range_rank_cut(range_rank *rank, uint32 node, uint32 *edges, uint32 count)
{
	candidate *candidates;
	uint32 neighbours = 0;
	uint32 kept = 0;

	reserve(rank, count);
	candidates = rank->candidates;
	for (uint32 i = 0; i < count; i++)
		candidates[i] = make_candidate(rank, node, edges[i]);
	qsort(candidates, count, sizeof(candidate), compare_neighbours);
	add_up(rank, candidates, count);
	qsort(candidates, count, sizeof(candidate), compare_ranks);
	for (; kept < count; kept++)
	{
		neighbours += kept == 0 || candidates[kept].far != candidates[kept - 1].far;
		if (neighbours > rank->limit)
			break;
		edges[kept] = candidates[kept].edge;
	}
	return kept;
}
