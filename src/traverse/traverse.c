/*
 * traverse.c
 *		Breadth-first search over an edge source.
 *
 * One hash table by node id holds what was reached.  A depth is finished before
 * the next begins, and parent and graphs of a node are merged over all edges
 * from the depth before with operations that know no order (minimum, union):
 * the result does not depend on the order in which a source yields edges.
 *
 * A node that the filter rejects stays in the table, so that it is looked at
 * once only; with chained steps, once for each that leads to it.
 */
#include "postgres.h"

#include "traverse/traverse.h"
#include "traverse/closed_nodes.h"
#include "traverse/memory_limit.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* Edges between two looks at the clock. */
#define EDGES_BETWEEN_LOOKS 1024

/* Nodes between two looks at the memory that is taken. */
#define NODES_BETWEEN_CHECKS 4096

/* Multiplicative hashing (Knuth, TAOCP 6.4): ids are dense and need spreading only. */
static inline uint32
hash_id(int64 id)
{
	return (uint32) (((uint64) id * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);
}

#define SH_PREFIX               traverse_nodes
#define SH_ELEMENT_TYPE         traverse_node
#define SH_KEY_TYPE             int64
#define SH_KEY                  id
#define SH_HASH_KEY(table, key) hash_id(key)
#define SH_EQUAL(table, a, b)   ((a) == (b))
#define SH_SCOPE                static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static void
id_vector_create(id_vector *vector)
{
	vector->count = 0;
	vector->capacity = 64;
	vector->ids = palloc(vector->capacity * sizeof(int64));
}

static inline void
id_vector_push(id_vector *vector, int64 id)
{
	if (vector->count == vector->capacity)
	{
		vector->capacity *= 2;
		vector->ids = repalloc_huge(vector->ids, vector->capacity * sizeof(int64));
	}
	vector->ids[vector->count++] = id;
}

/* Have a node of this depth gone on from at the next. */
static inline void
put_next(traversal *result, traverse_node *node)
{
	node->last = result->depth;
	id_vector_push(&result->next, node->id);
}

/* Reach a node at the depth that is being searched; NULL if it was reached before. */
static inline traverse_node *
reach(traversal *result, int64 id, int64 parent)
{
	bool found;
	traverse_node *node = traverse_nodes_insert(result->nodes, id, &found);
	/* what an earlier step rejected may pass this one */
	bool again = found && result->chained && node->last != result->depth;

	if (!found || (again && node->depth == TRAVERSE_REJECTED))
	{
		node->parent = parent;
		node->graphs = 0;
		node->named = NULL;
		node->depth = result->depth;
	}
	if (!found && result->nodes->members % NODES_BETWEEN_CHECKS == 0)
		memory_check(result->memory);
	if (!found || again)
		put_next(result, node);
	return node->depth == result->depth ? node : NULL;
}

static void
take_edge(void *context, int64 near, int64 far, uint64 graphs)
{
	traversal *result = context;
	traverse_node *node;

	if (++result->edges % EDGES_BETWEEN_LOOKS == 0)
		(void) time_is_over(result->budget);
	node = reach(result, far, near);
	if (node != NULL)
	{
		node->parent = Min(node->parent, near);
		node->graphs |= graphs;
	}
}

/* Mark a node that was reached first at this depth as rejected, or take that back. */
static void
mark_rejected(traversal *result, int64 id, bool rejected)
{
	traverse_node *node = traverse_find(result, id);

	if (node->depth == (rejected ? result->depth : TRAVERSE_REJECTED))
		node->depth = rejected ? TRAVERSE_REJECTED : result->depth;
}

/* Leave in next only the nodes that the filter lets through. */
static void
filter_next(traversal *result, node_filter *filter)
{
	id_vector *next = &result->next;

	for (size_t i = 0; i < next->count; i++)
		mark_rejected(result, next->ids[i], true);
	next->count = node_filter_apply(filter, next->ids, next->count);
	for (size_t i = 0; i < next->count; i++)
		mark_rejected(result, next->ids[i], false);
}

/* How many of the frontier were reached first at this depth. */
static size_t
count_new(const traversal *result)
{
	size_t count = 0;

	if (!result->chained)
		return result->frontier.count;
	for (size_t i = 0; i < result->frontier.count; i++)
		count += traverse_find(result, result->frontier.ids[i])->depth == result->depth;
	return count;
}

/* What was found becomes the frontier. */
static void
finish_depth(traversal *result)
{
	id_vector found = result->next;

	result->next = result->frontier;
	result->next.count = 0;
	result->frontier = found;
	result->reached += count_new(result);
}

static void
search_depth(traversal *result, edge_source *source, const traverse_goal *goal)
{
	traverse_step all = {.source = source, .filter = goal->filter};
	traverse_step step = goal->steps != NULL ? goal->steps[result->depth] : all;
	node_filter *filter = step.filter != NULL ? step.filter : result->visible;

	CHECK_FOR_INTERRUPTS();
	if (!goal->through_closed && result->depth > 0)
		result->frontier.count =
			closed_nodes_leave_out(result->frontier.ids, result->frontier.count);
	result->depth++;
	step.source->expand(step.source, result->frontier.ids, result->frontier.count, take_edge,
						result);
	if (filter != NULL && result->next.count > 0)
		filter_next(result, filter);
	finish_depth(result);
}

static bool
is_finished(const traversal *result, const traverse_goal *goal)
{
	return result->frontier.count == 0 || result->depth == goal->max_depth ||
		   time_is_over(result->budget) ||
		   (goal->enough != NULL && goal->enough(goal->enough_context, result));
}

traversal *
traverse_run(edge_source *source, const traverse_goal *goal)
{
	traversal *result = palloc0(sizeof(traversal));

	result->budget = goal->budget;
	result->chained = goal->steps != NULL;
	result->visible = node_filter_of_visible();
	result->memory = CurrentMemoryContext;
	result->nodes = traverse_nodes_create(CurrentMemoryContext, 64, NULL);
	id_vector_create(&result->frontier);
	id_vector_create(&result->next);

	for (size_t i = 0; i < goal->start_count; i++)
		reach(result, goal->start[i], 0);
	finish_depth(result);
	result->started = result->reached;

	while (!is_finished(result, goal))
		search_depth(result, source, goal);
	return result;
}

traverse_node *
traverse_find(const traversal *result, int64 id)
{
	return traverse_nodes_lookup(result->nodes, id);
}

void
traverse_each(const traversal *result, int32 least_depth,
			  void (*visit)(void *context, traverse_node *node), void *context)
{
	traverse_nodes_iterator iterator;
	traverse_node *node;

	traverse_nodes_start_iterate(result->nodes, &iterator);
	while ((node = traverse_nodes_iterate(result->nodes, &iterator)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (node->depth >= least_depth)
			visit(context, node);
	}
}
