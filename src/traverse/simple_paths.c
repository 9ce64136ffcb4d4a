/*
 * simple_paths.c
 *		Ways through a graph that visit no node twice, shortest first.
 *
 * Who owns what: a candidate is allocated in the context of simple_paths, and
 * freed when it has been taken and split.
 */
#include "postgres.h"

#include "traverse/simple_paths.h"
#include "traverse/memory_limit.h"

#include "lib/pairingheap.h"
#include "miscadmin.h"

/* Edges that a search follows between two looks for an interrupt. */
#define EDGES_BETWEEN_LOOKS 65536

/* The best path of a set: those that begin like it up to node number split, and go on unbarred. */
typedef struct candidate
{
	pairingheap_node queued;
	uint32 floor; /* nodes below are not of the set; of paths 0 */
	uint32 length;
	uint32 split;
	uint32 barred_count;
	uint32 *barred; /* what must not follow the node number split */
	uint32 nodes[FLEXIBLE_ARRAY_MEMBER];
} candidate;

struct simple_paths
{
	const adjacency *map;
	const uint32 *component; /* or NULL */
	uint32 max_length;
	MemoryContext memory;
	pairingheap *queue;
	candidate *taken; /* the path that was handed out last */
	uint32 *distance; /* from a node to the target, where seen says that it is of this search */
	uint32 *seen;     /* number of the search that came by */
	uint32 search;
	uint32 *reached; /* the nodes of a search, in the order in which it came to them */
	uint32 followed; /* edges, since the last look for an interrupt */
};

/* The pairing heap gives the greatest first. */
static int
compare_candidates(const pairingheap_node *a, const pairingheap_node *b, void *context)
{
	const candidate *left = pairingheap_const_container(candidate, queued, a);
	const candidate *right = pairingheap_const_container(candidate, queued, b);

	if (left->length != right->length)
		return left->length < right->length ? 1 : -1;
	for (uint32 i = 0; i <= left->length; i++)
		if (left->nodes[i] != right->nodes[i])
			return left->nodes[i] < right->nodes[i] ? 1 : -1;
	return 0;
}

simple_paths *
simple_paths_begin(const adjacency *map, int32 max_length)
{
	simple_paths *paths = palloc0(sizeof(simple_paths));
	Size size = Max(map->node_count, 1) * sizeof(uint32);

	paths->map = map;
	paths->max_length = max_length < 0 ? map->node_count : (uint32) max_length;
	paths->memory = CurrentMemoryContext;
	paths->queue = pairingheap_allocate(compare_candidates, NULL);
	paths->distance = MemoryContextAllocHuge(paths->memory, size);
	paths->seen =
		MemoryContextAllocExtended(paths->memory, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	paths->reached = MemoryContextAllocHuge(paths->memory, size);
	memory_check(paths->memory);
	return paths;
}

static void
look_for_interrupt(simple_paths *paths, uint32 edges)
{
	paths->followed += edges;
	if (paths->followed >= EDGES_BETWEEN_LOOKS)
	{
		paths->followed = 0;
		CHECK_FOR_INTERRUPTS();
	}
}

/* A set of paths whose best is wanted. */
typedef struct path_set
{
	const uint32 *prefix; /* prefix[split] is where its paths part */
	uint32 split;
	uint32 target;
	uint32 floor;
	const uint32 *barred;
	uint32 barred_count;
} path_set;

static bool
is_barred(const path_set *set, uint32 node)
{
	for (uint32 i = 0; i < set->barred_count; i++)
		if (set->barred[i] == node)
			return true;
	return false;
}

static bool
may_visit(const simple_paths *paths, const path_set *set, uint32 node)
{
	return paths->seen[node] != paths->search && node >= set->floor &&
		   (paths->component == NULL || paths->component[node] == paths->component[set->target]);
}

/* Begin a search from the target; the nodes of the prefix count as seen, at no distance. */
static void
begin_search(simple_paths *paths, const path_set *set)
{
	paths->search++;
	for (uint32 i = 0; i <= set->split; i++)
	{
		paths->seen[set->prefix[i]] = paths->search;
		paths->distance[set->prefix[i]] = UINT32_MAX;
	}
	paths->seen[set->target] = paths->search;
	paths->distance[set->target] = 0;
	paths->reached[0] = set->target;
}

/*
 * Take the nodes that lead to one at the given place; true where the node at
 * which the set parts is among them, and may go on to it.
 */
static bool
search_before(simple_paths *paths, const path_set *set, uint32 place, uint32 *reached)
{
	const adjacency *map = paths->map;
	uint32 node = paths->reached[place];
	uint32 parting = set->prefix[set->split];
	bool met = false;

	look_for_interrupt(paths, map->in_begin[node + 1] - map->in_begin[node] + 1);
	for (uint32 i = map->in_begin[node]; i < map->in_begin[node + 1]; i++)
	{
		uint32 before = map->in[i];

		if (before == parting)
			met |= !is_barred(set, node);
		else if (may_visit(paths, set, before))
		{
			paths->seen[before] = paths->search;
			paths->distance[before] = paths->distance[node] + 1;
			paths->reached[(*reached)++] = before;
		}
	}
	return met;
}

/*
 * The node that the best path of a set goes to from where it parts, or
 * ADJACENCY_NONE.  Leaves the distances of all nodes that it may go over next.
 */
static uint32
best_way_on(simple_paths *paths, const path_set *set)
{
	uint32 best = ADJACENCY_NONE;
	uint32 reached = 1;

	begin_search(paths, set);
	for (uint32 place = 0; place < reached; place++)
	{
		uint32 node = paths->reached[place];
		uint32 distance = paths->distance[node];

		if (set->split + distance + 1 > paths->max_length ||
			(best != ADJACENCY_NONE && distance > paths->distance[best]))
			break;
		if (search_before(paths, set, place, &reached) && (best == ADJACENCY_NONE || node < best))
			best = node;
	}
	return best;
}

/* Of the nodes that are one step nearer to the target, the least. */
static uint32
next_on_way(const simple_paths *paths, uint32 node)
{
	const adjacency *map = paths->map;

	for (uint32 i = map->out_begin[node]; i < map->out_begin[node + 1]; i++)
		if (paths->seen[map->out[i]] == paths->search &&
			paths->distance[map->out[i]] == paths->distance[node] - 1)
			return map->out[i];
	elog(ERROR, "a path ends on its way");
}

static void
queue_best(simple_paths *paths, const path_set *set)
{
	uint32 node = best_way_on(paths, set);
	uint32 length;
	candidate *best;

	if (node == ADJACENCY_NONE)
		return;
	length = set->split + 1 + paths->distance[node];
	best = MemoryContextAlloc(paths->memory,
							  offsetof(candidate, nodes) + (length + 1) * sizeof(uint32));
	best->floor = set->floor;
	best->length = length;
	best->split = set->split;
	best->barred_count = set->barred_count;
	best->barred = MemoryContextAlloc(paths->memory, (set->barred_count + 1) * sizeof(uint32));
	memcpy(best->barred, set->barred, set->barred_count * sizeof(uint32));
	memcpy(best->nodes, set->prefix, (set->split + 1) * sizeof(uint32));
	for (uint32 i = set->split + 1; i <= length; i++)
	{
		best->nodes[i] = node;
		if (i < length)
			node = next_on_way(paths, node);
	}
	pairingheap_add(paths->queue, &best->queued);
}

void
simple_paths_add(simple_paths *paths, uint32 source, uint32 target)
{
	path_set set = {.prefix = &source, .target = target};

	queue_best(paths, &set);
}

void
simple_paths_add_cycles(simple_paths *paths, const uint32 *component)
{
	paths->component = component;
	for (uint32 node = 0; node < paths->map->node_count; node++)
	{
		path_set set = {.prefix = &node, .target = node, .floor = node};

		queue_best(paths, &set);
	}
	memory_check(paths->memory);
}

/* All paths of a set but its best, as sets that part at each of its nodes. */
static void
split_set(simple_paths *paths, const candidate *best)
{
	for (uint32 split = best->split; split < best->length; split++)
	{
		path_set set = {
			.prefix = best->nodes,
			.split = split,
			.target = best->nodes[best->length],
			.floor = best->floor,
			.barred = &best->nodes[split + 1],
			.barred_count = 1,
		};

		if (split == best->split)
		{
			best->barred[best->barred_count] = best->nodes[split + 1];
			set.barred = best->barred;
			set.barred_count = best->barred_count + 1;
		}
		queue_best(paths, &set);
	}
}

/* Done when the next path is asked for, so that the last one costs no search. */
static void
replace_taken(simple_paths *paths)
{
	split_set(paths, paths->taken);
	pfree(paths->taken->barred);
	pfree(paths->taken);
	paths->taken = NULL;
	memory_check(paths->memory);
}

bool
simple_paths_next(simple_paths *paths, simple_path *path)
{
	CHECK_FOR_INTERRUPTS();
	if (paths->taken != NULL)
		replace_taken(paths);
	if (pairingheap_is_empty(paths->queue))
		return false;
	paths->taken = pairingheap_container(candidate, queued, pairingheap_remove_first(paths->queue));
	path->length = paths->taken->length;
	path->nodes = paths->taken->nodes;
	return true;
}
