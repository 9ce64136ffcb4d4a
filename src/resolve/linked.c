/*
 * linked.c
 *		topo.linked(): which nodes hang together, by pairs of them.
 *
 * An aggregate over pairs of ids; its result are the nodes, each followed by the
 * one that stands for all that it hangs together with.  Disjoint sets, with halved
 * paths and joined by size (R. E. Tarjan, "Data Structures and Network Algorithms",
 * 1983, chapter 2): nearly linear in the pairs, and some 60 bytes a node, in the
 * aggregate's context.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/hsearch.h"

PG_FUNCTION_INFO_V1(topology_linked_transition);
PG_FUNCTION_INFO_V1(topology_linked_final);

typedef struct linked_node
{
	int64 id; /* the key */
	int number;
} linked_node;

typedef struct linked_state
{
	HTAB *numbers;
	int64 *ids; /* by number */
	int *parent;
	int *size;
	int count;
	int room;
} linked_state;

static linked_state *
linked_begin(MemoryContext memory)
{
	linked_state *state = MemoryContextAllocZero(memory, sizeof(*state));
	HASHCTL control = {.keysize = sizeof(int64), .entrysize = sizeof(linked_node), .hcxt = memory};

	state->numbers =
		hash_create("topology linked nodes", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	state->room = 64;
	state->ids = MemoryContextAlloc(memory, sizeof(int64) * state->room);
	state->parent = MemoryContextAlloc(memory, sizeof(int) * state->room);
	state->size = MemoryContextAlloc(memory, sizeof(int) * state->room);
	return state;
}

static void
make_room(linked_state *state)
{
	if (state->count < state->room)
		return;
	state->room *= 2;
	state->ids = repalloc_huge(state->ids, sizeof(int64) * state->room);
	state->parent = repalloc_huge(state->parent, sizeof(int) * state->room);
	state->size = repalloc_huge(state->size, sizeof(int) * state->room);
}

static int
number_of(linked_state *state, int64 id)
{
	bool found;
	linked_node *node = hash_search(state->numbers, &id, HASH_ENTER, &found);

	if (found)
		return node->number;
	make_room(state);
	node->number = state->count++;
	state->ids[node->number] = id;
	state->parent[node->number] = node->number;
	state->size[node->number] = 1;
	return node->number;
}

static int
root_of(linked_state *state, int node)
{
	while (state->parent[node] != node)
	{
		state->parent[node] = state->parent[state->parent[node]];
		node = state->parent[node];
	}
	return node;
}

static void
join(linked_state *state, int a, int b)
{
	int larger = root_of(state, a);
	int smaller = root_of(state, b);

	if (larger == smaller)
		return;
	if (state->size[larger] < state->size[smaller])
	{
		int kept = larger;

		larger = smaller;
		smaller = kept;
	}
	state->parent[smaller] = larger;
	state->size[larger] += state->size[smaller];
}

Datum
topology_linked_transition(PG_FUNCTION_ARGS)
{
	linked_state *state = PG_ARGISNULL(0) ? NULL : (linked_state *) PG_GETARG_POINTER(0);
	MemoryContext memory;

	if (!AggCheckCallContext(fcinfo, &memory))
		elog(ERROR, "topo.linked_transition() is called outside of its aggregate");
	if (!state)
		state = linked_begin(memory);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		join(state, number_of(state, PG_GETARG_INT64(1)), number_of(state, PG_GETARG_INT64(2)));
	PG_RETURN_POINTER(state);
}

Datum
topology_linked_final(PG_FUNCTION_ARGS)
{
	linked_state *state = PG_ARGISNULL(0) ? NULL : (linked_state *) PG_GETARG_POINTER(0);
	Datum *pairs;

	if (!state)
		PG_RETURN_NULL();
	pairs = palloc_extended(sizeof(Datum) * (2 * state->count + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < state->count; i++)
	{
		pairs[2 * i] = Int64GetDatum(state->ids[i]);
		pairs[2 * i + 1] = Int64GetDatum(state->ids[root_of(state, i)]);
	}
	PG_RETURN_ARRAYTYPE_P(
		construct_array(pairs, 2 * state->count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
