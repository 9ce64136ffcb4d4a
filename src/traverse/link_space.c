/*
 * link_space.c
 *		One numbering of nodes for the snapshots of several graphs.
 *
 * Ids and labels are in order in each snapshot, so both are merged.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "traverse/link_space.h"
#include "traverse/node_names.h"

static link_space *kept = NULL;

static bool
is_of(const link_space *space, const uint64 *versions, int count)
{
	return space != NULL && space->count == count &&
		   memcmp(space->versions, versions, count * sizeof(uint64)) == 0;
}

/* The least of the ids that the places are at, or false at their end. */
static bool
least_id(const csr_header *const *snapshots, const uint32 *places, int count, int64 *id)
{
	bool found = false;

	for (int i = 0; i < count; i++)
	{
		if (places[i] == snapshots[i]->node_count)
			continue;
		if (!found || csr_id(snapshots[i], places[i]) < *id)
			*id = csr_id(snapshots[i], places[i]);
		found = true;
	}
	return found;
}

static void
merge_ids(link_space *space, const csr_header *const *snapshots)
{
	uint32 places[EDGE_MAX_GRAPHS] = {0};
	int64 id = 0;

	while (least_id(snapshots, places, space->count, &id))
	{
		uint32 node = space->node_count++;

		if (node % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		space->ids[node] = id;
		for (int i = 0; i < space->count; i++)
		{
			bool here =
				places[i] < snapshots[i]->node_count && csr_id(snapshots[i], places[i]) == id;

			space->to_graph[i][node] = here ? places[i] : CSR_NO_NODE;
			if (here)
				space->to_space[i][places[i]++] = node;
		}
	}
}

/* The nodes of a snapshot that have a label, in the order of these. */
static uint32 *
label_order(const csr_header *csr, uint32 *count)
{
	const uint32 *ranks = csr_at(csr, csr->ranks);
	const uint32 *labels = csr_at(csr, csr->labels);
	uint32 *order =
		MemoryContextAllocHuge(CurrentMemoryContext, (csr->node_count + 1) * sizeof(uint32));

	*count = 0;
	for (uint32 node = 0; node < csr->node_count; node++)
	{
		order[ranks[node]] = node;
		*count += labels[node] != CSR_NO_LABEL;
	}
	return order;
}

static const text *
label_of(const csr_header *csr, uint32 node)
{
	return csr_at(csr, csr->texts + ((const uint32 *) csr_at(csr, csr->labels))[node]);
}

static void
merge_ranks(link_space *space, const csr_header *const *snapshots)
{
	uint32 *orders[EDGE_MAX_GRAPHS];
	uint32 counts[EDGE_MAX_GRAPHS];
	uint32 places[EDGE_MAX_GRAPHS] = {0};

	for (int i = 0; i < space->count; i++)
		orders[i] = label_order(snapshots[i], &counts[i]);
	memset(space->ranks, 0xff, space->node_count * sizeof(uint32));
	for (uint32 rank = 0;;)
	{
		uint32 *ranked;
		int least = -1;

		for (int i = 0; i < space->count; i++)
			if (places[i] < counts[i] &&
				(least < 0 ||
				 node_label_compare(label_of(snapshots[i], orders[i][places[i]]),
									label_of(snapshots[least], orders[least][places[least]])) < 0))
				least = i;
		if (least < 0)
			break;
		if (rank % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		ranked = &space->ranks[space->to_space[least][orders[least][places[least]++]]];
		if (*ranked == UINT32_MAX)
			*ranked = rank++;
	}
}

static bool
has_closed(const csr_header *const *snapshots, int count)
{
	for (int i = 0; i < count; i++)
		if (snapshots[i]->closed != 0)
			return true;
	return false;
}

static void
merge_closed(link_space *space, const csr_header *const *snapshots)
{
	if (!has_closed(snapshots, space->count))
		return;
	space->closed =
		MemoryContextAllocExtended(space->memory, (space->node_count / 64 + 1) * sizeof(uint64),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < space->count; i++)
		for (uint32 node = 0; node < snapshots[i]->node_count; node++)
			if (csr_is_closed(snapshots[i], node))
				space->closed[space->to_space[i][node] / 64] |= UINT64CONST(1)
																<< (space->to_space[i][node] % 64);
}

static link_space *
make_space(const csr_header *const *snapshots, const uint64 *versions, int count)
{
	MemoryContext memory = AllocSetContextCreate(TopTransactionContext, "topology space of nodes",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	link_space *space = palloc0(sizeof(link_space));
	Size total = 1;

	space->memory = memory;
	space->count = count;
	memcpy(space->versions, versions, count * sizeof(uint64));
	for (int i = 0; i < count; i++)
		total += snapshots[i]->node_count;
	space->ids = MemoryContextAllocHuge(memory, total * sizeof(int64));
	space->ranks = MemoryContextAllocHuge(memory, total * sizeof(uint32));
	for (int i = 0; i < count; i++)
	{
		space->to_space[i] =
			MemoryContextAllocHuge(memory, (snapshots[i]->node_count + 1) * sizeof(uint32));
		space->to_graph[i] = MemoryContextAllocHuge(memory, total * sizeof(uint32));
	}
	MemoryContextSwitchTo(old);
	merge_ids(space, snapshots);
	merge_ranks(space, snapshots);
	merge_closed(space, snapshots);
	return space;
}

const link_space *
link_space_of(const csr_header *const *snapshots, const uint64 *versions, int count)
{
	link_space *made;

	if (is_of(kept, versions, count))
		return kept;
	made = make_space(snapshots, versions, count);

	/* whoever called us may still use the one from before */
	if (kept != NULL)
		MemoryContextSetParent(kept->memory, TopTransactionContext);
	MemoryContextSetParent(made->memory, TopMemoryContext);
	kept = made;
	return kept;
}
