/*
 * graph_search.c
 *		Breadth-first search over a view of links.
 *
 * A plain view in one direction is searched over its arrays alone.  Where the
 * frontier has a good part of the links that are left, it is searched from the
 * other side: each node that was not reached looks for one of the frontier among
 * its own links, and stops at the first (Beamer, Asanovic, Patterson, 2012).  Rows
 * are in order, so the first is the one with the least id; from this side, a
 * frontier in order finds the same.
 *
 * Any other view is searched link by link, and parents are compared.
 *
 * Interrupts and the clock are heeded every few thousand nodes.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "traverse/graph_search.h"

/* The frontier is searched from the other side from this part of the links that are left on. */
#define TURN_SHARE 14

/* ... until it has less than this part of the nodes. */
#define RETURN_SHARE 24

#define INTERRUPT_NODES 1024

static void *
allocate(size_t count, size_t size, int flags)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(count, 1) * size,
									  MCXT_ALLOC_HUGE | flags);
}

static void
reserve_level(graph_search *search)
{
	if (search->depth + 2 < search->level_room)
		return;
	search->level_room *= 2;
	search->levels = repalloc(search->levels, search->level_room * sizeof(size_t));
}

static size_t
frontier_begin(const graph_search *search)
{
	return search->levels[search->depth];
}

static void
start_at(graph_search *search, const uint32 *start, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (view_bit(search->visited, start[i]))
			continue;
		view_set_bit(search->visited, start[i]);
		search->order[search->count++] = start[i];
		if (search->graphs != NULL)
			search->graphs[start[i]] = 0;
		if (search->depths != NULL)
			search->depths[start[i]] = 0;
	}
	sort_nodes(search->order, search->count);
	search->started = search->count;
	search->levels[0] = 0;
	search->levels[1] = search->count;
}

graph_search *
search_begin(const link_view *view, edge_direction direction, search_memory memory,
			 node_filter *filter, const uint32 *start, size_t start_count)
{
	graph_search *search = palloc0(sizeof(graph_search));
	size_t words = view_words(view);
	bool fast = view->plain && direction != EDGE_BOTH;

	search->view = view;
	search->direction = direction;
	search->filter = filter;
	search->visited = allocate(words, sizeof(uint64), MCXT_ALLOC_ZERO);
	if (!fast)
		search->fresh = allocate(words, sizeof(uint64), MCXT_ALLOC_ZERO);
	search->order = allocate(view->node_count, sizeof(uint32), 0);
	if (memory != SEARCH_COUNTS)
		search->parents = allocate(view->node_count, sizeof(uint32), 0);
	if (memory != SEARCH_COUNTS && view->graph_count > 1)
		search->graphs = allocate(view->node_count, sizeof(uint64), 0);
	if (memory == SEARCH_DEPTHS)
		search->depths = allocate(view->node_count, sizeof(uint32), 0);
	search->level_room = 64;
	search->levels = palloc(search->level_room * sizeof(size_t));
	start_at(search, start, start_count);
	return search;
}

/* The arrays of a plain view's one graph in the direction of the search, or against it. */
typedef struct plain_rows
{
	const uint32 *offsets;
	const uint32 *targets;
	uint32 count; /* nodes that have a row */
} plain_rows;

static plain_rows
rows_along(const graph_search *search, bool against)
{
	const view_graph *graph = &search->view->graphs[0];
	csr_direction direction = (search->direction == EDGE_OUT) != against ? CSR_OUT : CSR_IN;

	return (plain_rows){.offsets = graph->offsets[direction],
						.targets = graph->targets[direction],
						.count = graph->csr->node_count};
}

/* The nodes that this depth is not gone on from, a bit each, or NULL: start nodes never are among
 * them. */
static const uint64 *
closed_here(const graph_search *search)
{
	return search->depth == 0 ? NULL : search->view->closed;
}

static inline bool
goes_on(const uint64 *closed, uint32 node)
{
	return closed == NULL || !view_bit(closed, node);
}

/* Heed interrupts; whether the time is over. */
static bool
must_stop(const graph_search *search)
{
	CHECK_FOR_INTERRUPTS();
	return time_is_over(search->budget);
}

/* Links at the frontier. */
static uint64
frontier_links(const graph_search *search, const plain_rows *rows)
{
	const uint64 *closed = closed_here(search);
	uint64 links = 0;

	for (size_t i = frontier_begin(search); i < search->count; i++)
	{
		uint32 node = search->order[i];

		if (node < rows->count && goes_on(closed, node))
			links += rows->offsets[node + 1] - rows->offsets[node];
	}
	return links;
}

/* The links of one node of the frontier. */
static inline size_t
reach_from(graph_search *search, const plain_rows *rows, uint32 node, size_t count)
{
	uint32 end = rows->offsets[node + 1];
	uint64 *visited = search->visited;
	uint32 *parents = search->parents;

	for (uint32 i = rows->offsets[node]; i < end; i++)
	{
		uint32 far = rows->targets[i];
		uint64 bit = UINT64CONST(1) << (far % 64);

		if (visited[far / 64] & bit)
			continue;
		visited[far / 64] |= bit;
		if (parents != NULL)
			parents[far] = node;
		search->order[count++] = far;
	}
	return count;
}

static void
step_forward(graph_search *search, const plain_rows *rows)
{
	const uint64 *closed = closed_here(search);
	size_t end = search->count;
	size_t count = search->count;

	for (size_t i = frontier_begin(search); i < end; i++)
	{
		uint32 node = search->order[i];

		if (i % INTERRUPT_NODES == 0 && must_stop(search))
			break;
		if (node < rows->count && goes_on(closed, node))
			count = reach_from(search, rows, node, count);
	}
	search->count = count;
	if (search->parents != NULL)
		sort_nodes(search->order + end, count - end);
}

static void
mark_frontier(graph_search *search)
{
	const uint64 *closed = closed_here(search);
	size_t size = view_words(search->view) * sizeof(uint64);

	if (search->frontier == NULL)
		search->frontier = allocate(view_words(search->view), sizeof(uint64), 0);
	memset(search->frontier, 0, size);
	for (size_t i = frontier_begin(search); i < search->count; i++)
		if (goes_on(closed, search->order[i]))
			view_set_bit(search->frontier, search->order[i]);
}

/* The first node of the frontier that has a link to a node, or VIEW_NO_NODE. */
static inline uint32
first_parent(const graph_search *search, const plain_rows *rows, uint32 node)
{
	uint32 end = rows->offsets[node + 1];

	for (uint32 i = rows->offsets[node]; i < end; i++)
		if (view_bit(search->frontier, rows->targets[i]))
			return rows->targets[i];
	return VIEW_NO_NODE;
}

/* Of 64 nodes, those that were not reached. */
static inline void
reach_word(graph_search *search, const plain_rows *rows, size_t word)
{
	uint64 left = ~search->visited[word];

	while (left != 0)
	{
		uint32 node = (uint32) (word * 64 + __builtin_ctzll(left));
		uint32 parent;

		left &= left - 1;
		if (node >= rows->count)
			return;
		parent = first_parent(search, rows, node);
		if (parent == VIEW_NO_NODE)
			continue;
		view_set_bit(search->visited, node);
		if (search->parents != NULL)
			search->parents[node] = parent;
		search->order[search->count++] = node;
	}
}

static void
step_backward(graph_search *search, const plain_rows *rows)
{
	mark_frontier(search);
	for (size_t word = 0; word <= rows->count / 64; word++)
	{
		if (word % (INTERRUPT_NODES / 64) == 0 && must_stop(search))
			break;
		reach_word(search, rows, word);
	}
}

static void
step_plain(graph_search *search)
{
	plain_rows rows = rows_along(search, false);
	size_t frontier = search->count - frontier_begin(search);
	uint64 links;

	if (rows.offsets == NULL)
		return;
	links = frontier_links(search, &rows);
	if (links > (rows.offsets[rows.count] - search->explored) / TURN_SHARE &&
		frontier > rows.count / RETURN_SHARE)
	{
		plain_rows against = rows_along(search, true);

		step_backward(search, &against);
	}
	else
		step_forward(search, &rows);
	search->explored += links;
}

static inline void
reach(void *context, uint32 near, uint32 far, uint64 bit)
{
	graph_search *search = context;

	if (view_bit(search->visited, far))
		return;
	if (!view_bit(search->fresh, far))
	{
		view_set_bit(search->fresh, far);
		search->order[search->count++] = far;
		if (search->parents != NULL)
			search->parents[far] = near;
		if (search->graphs != NULL)
			search->graphs[far] = bit;
		return;
	}
	if (search->graphs != NULL)
		search->graphs[far] |= bit;
	if (search->parents != NULL && view_precedes(search->view, near, search->parents[far]))
		search->parents[far] = near;
}

static void
reach_along(graph_search *search, const view_graph *graph, csr_direction direction, size_t end)
{
	const uint64 *closed = closed_here(search);

	for (size_t i = frontier_begin(search); i < end; i++)
	{
		if (i % INTERRUPT_NODES == 0 && must_stop(search))
			break;
		if (goes_on(closed, search->order[i]))
			view_each_link(graph, search->order[i], direction, reach, search);
	}
}

static void
step_by_links(graph_search *search)
{
	size_t end = search->count;

	for (int i = 0; i < search->view->graph_count; i++)
	{
		const view_graph *graph = &search->view->graphs[i];

		if (search->direction & EDGE_OUT)
			reach_along(search, graph, CSR_OUT, end);
		if (search->direction & EDGE_IN)
			reach_along(search, graph, CSR_IN, end);
	}
	for (size_t i = end; i < search->count; i++)
	{
		search->fresh[search->order[i] / 64] = 0;
		view_set_bit(search->visited, search->order[i]);
	}
}

/* Leave at the new depth only the nodes that the filter lets through. */
static void
filter_level(graph_search *search, size_t begin)
{
	size_t count = search->count - begin;
	int64 *ids = allocate(count, sizeof(int64), 0);

	for (size_t i = 0; i < count; i++)
		ids[i] = view_id(search->view, search->order[begin + i]);
	count = node_filter_apply(search->filter, ids, count);
	for (size_t i = 0; i < count; i++)
		search->order[begin + i] = link_view_find(search->view, ids[i]);
	pfree(ids);
	search->count = begin + count;
	sort_nodes(search->order + begin, count);
}

static void
note_depths(graph_search *search, size_t begin)
{
	for (size_t i = begin; i < search->count; i++)
		search->depths[search->order[i]] = search->depth;
}

bool
search_step(graph_search *search)
{
	size_t begin = search->count;

	if (frontier_begin(search) == search->count || must_stop(search))
		return false;
	if (search->view->graph_count == 0)
		;
	else if (search->fresh == NULL)
		step_plain(search);
	else
		step_by_links(search);
	if (search->filter != NULL && search->count > begin)
		filter_level(search, begin);
	reserve_level(search);
	search->depth++;
	search->levels[search->depth] = begin;
	search->levels[search->depth + 1] = search->count;
	if (search->depths != NULL)
		note_depths(search, begin);
	return search->count > begin;
}

int32
search_depth_at(const graph_search *search, size_t place)
{
	int32 depth = 0;

	while (search->levels[depth + 1] <= place)
		depth++;
	return depth;
}

bool
search_reached(const graph_search *search, uint32 node)
{
	if (node == VIEW_NO_NODE || !view_bit(search->visited, node))
		return false;
	if (search->filter == NULL)
		return true;
	for (size_t i = 0; i < search->count; i++)
		if (search->order[i] == node)
			return true;
	return false;
}

uint64
search_graphs(const graph_search *search, uint32 node)
{
	return search->graphs != NULL ? search->graphs[node] : search->view->graphs[0].bit;
}

/* By one digit of 11 bits. */
static void
sort_by_digit(const uint32 *from, uint32 *to, size_t count, int shift)
{
	size_t places[2048] = {0};
	size_t begin = 0;

	for (size_t i = 0; i < count; i++)
		places[(from[i] >> shift) & 2047]++;
	for (int digit = 0; digit < 2048; digit++)
	{
		size_t of_digit = places[digit];

		places[digit] = begin;
		begin += of_digit;
	}
	for (size_t i = 0; i < count; i++)
		to[places[(from[i] >> shift) & 2047]++] = from[i];
}

static int
compare_nodes(const void *a, const void *b)
{
	uint32 left = *(const uint32 *) a;
	uint32 right = *(const uint32 *) b;

	return (left > right) - (left < right);
}

void
sort_nodes(uint32 *nodes, size_t count)
{
	uint32 *other;

	if (count < 512)
	{
		if (count > 1)
			qsort(nodes, count, sizeof(uint32), compare_nodes);
		return;
	}
	other = allocate(count, sizeof(uint32), 0);
	sort_by_digit(nodes, other, count, 0);
	sort_by_digit(other, nodes, count, 11);
	sort_by_digit(nodes, other, count, 22);
	memcpy(nodes, other, count * sizeof(uint32));
	pfree(other);
}
