/*
 * components.c
 *		What of a graph hangs together.
 *
 * Tarjan's search is kept on a stack of its own, since a chain of calls as deep
 * as a graph would overrun that of the process.  Memory: 16 bytes a node, freed
 * before the functions return.
 */
#include "postgres.h"

#include "traverse/components.h"

#include "miscadmin.h"

/* Numbers of a node that has none yet. */
#define UNNUMBERED UINT32_MAX

static uint32 *
alloc_numbers(const adjacency *map)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(map->node_count, 1) * sizeof(uint32));
}

static void
flood(const uint32 *begin, const uint32 *ends, uint32 node, uint32 *component, uint32 number,
	  uint32 *queue, uint32 *queued)
{
	for (uint32 i = begin[node]; i < begin[node + 1]; i++)
	{
		if (component[ends[i]] != UNNUMBERED)
			continue;
		component[ends[i]] = number;
		queue[(*queued)++] = ends[i];
	}
}

uint32
components_weak(const adjacency *map, uint32 *component)
{
	uint32 *queue = alloc_numbers(map);
	uint32 count = 0;

	memset(component, 0xFF, map->node_count * sizeof(uint32));
	for (uint32 root = 0; root < map->node_count; root++)
	{
		uint32 queued = 1;

		if (component[root] != UNNUMBERED)
			continue;
		component[root] = count;
		queue[0] = root;
		for (uint32 i = 0; i < queued; i++)
		{
			CHECK_FOR_INTERRUPTS();
			flood(map->out_begin, map->out, queue[i], component, count, queue, &queued);
			flood(map->in_begin, map->in, queue[i], component, count, queue, &queued);
		}
		count++;
	}
	pfree(queue);
	return count;
}

typedef struct tarjan
{
	const adjacency *map;
	uint32 *component;
	uint32 count;
	uint32 *number; /* in the order in which nodes were come to */
	uint32 numbered;
	uint32 *least; /* the least number of an open node that can be come to from it */
	uint32 *next;  /* the edge of the node that is followed next */
	uint32 *open;  /* nodes come to whose component is not known yet */
	uint32 open_count;
	uint32 *way; /* the nodes from the root to where the search is */
	uint32 way_length;
} tarjan;

static void
enter(tarjan *search, uint32 node)
{
	search->number[node] = search->least[node] = search->numbered++;
	search->next[node] = search->map->out_begin[node];
	search->open[search->open_count++] = node;
	search->way[search->way_length++] = node;
}

static void
lower(tarjan *search, uint32 node, uint32 least)
{
	search->least[node] = Min(search->least[node], least);
}

/* Leave the node that the search is at; it may turn out to be the root of a component. */
static void
leave(tarjan *search)
{
	uint32 node = search->way[--search->way_length];

	if (search->least[node] == search->number[node])
	{
		uint32 member;

		do
		{
			member = search->open[--search->open_count];
			search->component[member] = search->count;
		} while (member != node);
		search->count++;
	}
	else
		lower(search, search->way[search->way_length - 1], search->least[node]);
}

static void
step(tarjan *search)
{
	uint32 node = search->way[search->way_length - 1];
	uint32 target;

	CHECK_FOR_INTERRUPTS();
	if (search->next[node] == search->map->out_begin[node + 1])
	{
		leave(search);
		return;
	}
	target = search->map->out[search->next[node]++];
	if (search->number[target] == UNNUMBERED)
		enter(search, target);
	else if (search->component[target] == UNNUMBERED)
		lower(search, node, search->number[target]);
}

uint32
components_strong(const adjacency *map, uint32 *component)
{
	tarjan search = {
		.map = map,
		.component = component,
		.number = alloc_numbers(map),
		.least = alloc_numbers(map),
		.next = alloc_numbers(map),
		.open = alloc_numbers(map),
		.way = alloc_numbers(map),
	};

	memset(component, 0xFF, map->node_count * sizeof(uint32));
	memset(search.number, 0xFF, map->node_count * sizeof(uint32));
	for (uint32 root = 0; root < map->node_count; root++)
	{
		if (search.number[root] == UNNUMBERED)
			enter(&search, root);
		while (search.way_length > 0)
			step(&search);
	}
	pfree(search.number);
	pfree(search.least);
	pfree(search.next);
	pfree(search.open);
	pfree(search.way);
	return search.count;
}
