/*
 * edge_table.c
 *		Edges under merge.
 *
 * A hash table of open addressing, by source and target, of places in chunks of edges,
 * which stand in the order in which they came first.  Windows of the next time come in
 * the same order, so the edge behind the one that was asked for last is tried first.
 */
#include "postgres.h"

#include "window/edge_table.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "store/ascending.h"
#include "window/edge_spill.h"

#define CHUNK_EDGES   1024
#define CHUNK_LANES   256
#define FIRST_SLOTS   4096
#define CALLS_A_CHECK 4096

/* Where an edge is: its place plus 1, 0 where the slot is free, and the hash of its ends. */
typedef struct edge_slot
{
	uint32 place;
	uint32 hash;
} edge_slot;

struct edge_table
{
	MemoryContext outer;
	MemoryContext memory; /* of all edges; emptied when they are written out */
	id_sets *sets;
	edge_spill *spill; /* NULL: all is in memory */
	edge_slot *slots;
	uint32 slot_count; /* a power of 2 */
	merged_edge **chunks;
	uint32 chunk_room;
	uint32 count;
	uint32 last; /* the place of the edge that was asked for last */
	traffic_value *lanes;
	uint32 lanes_left;
	uint32 calls_left; /* until memory is looked at */
	bool reading;      /* what was written out */
};

static edge_slot *
make_slots(const edge_table *table)
{
	return MemoryContextAllocExtended(table->memory, table->slot_count * sizeof(edge_slot),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
make_empty(edge_table *table)
{
	table->slot_count = FIRST_SLOTS;
	table->slots = make_slots(table);
	table->chunk_room = 16;
	table->chunks = MemoryContextAlloc(table->memory, table->chunk_room * sizeof(merged_edge *));
	table->count = 0;
	table->last = 0;
	table->lanes_left = 0;
}

edge_table *
edge_table_create(id_sets *sets)
{
	edge_table *table = palloc0(sizeof(*table));

	table->outer = CurrentMemoryContext;
	table->memory =
		AllocSetContextCreate(CurrentMemoryContext, "merged edges", ALLOCSET_DEFAULT_SIZES);
	table->sets = sets;
	table->calls_left = CALLS_A_CHECK;
	make_empty(table);
	return table;
}

static inline merged_edge *
edge_at(const edge_table *table, uint32 place)
{
	return &table->chunks[place / CHUNK_EDGES][place % CHUNK_EDGES];
}

static inline bool
is_between(const merged_edge *edge, int64 src, int64 dst)
{
	return edge->src == src && edge->dst == dst;
}

static inline uint32
hash_ends(int64 src, int64 dst)
{
	uint64 mixed = (uint64) src * UINT64CONST(0x9E3779B97F4A7C15) +
				   (uint64) dst * UINT64CONST(0xC2B2AE3D27D4EB4F);

	return murmurhash32((uint32) (mixed >> 32) ^ (uint32) mixed);
}

/* The slot of the edge, or the free one where it would be. */
static edge_slot *
find_slot(const edge_table *table, uint32 hash, int64 src, int64 dst)
{
	uint32 mask = table->slot_count - 1;
	uint32 at = hash & mask;

	while (table->slots[at].place != 0 &&
		   !(table->slots[at].hash == hash &&
			 is_between(edge_at(table, table->slots[at].place - 1), src, dst)))
		at = (at + 1) & mask;
	return &table->slots[at];
}

static edge_slot *
free_slot(const edge_table *table, uint32 hash)
{
	uint32 mask = table->slot_count - 1;
	uint32 at = hash & mask;

	while (table->slots[at].place != 0)
		at = (at + 1) & mask;
	return &table->slots[at];
}

static void
double_slots(edge_table *table)
{
	edge_slot *old = table->slots;
	uint32 count = table->slot_count;

	table->slot_count *= 2;
	table->slots = make_slots(table);
	for (uint32 at = 0; at < count; at++)
	{
		if (old[at].place != 0)
			*free_slot(table, old[at].hash) = old[at];
	}
	pfree(old);
}

static void
add_chunk(edge_table *table)
{
	uint32 number = table->count / CHUNK_EDGES;

	if (number == table->chunk_room)
	{
		table->chunk_room *= 2;
		table->chunks = repalloc_huge(table->chunks, table->chunk_room * sizeof(merged_edge *));
	}
	table->chunks[number] = MemoryContextAlloc(table->memory, CHUNK_EDGES * sizeof(merged_edge));
}

static merged_edge *
make_edge(edge_table *table, uint32 hash, int64 src, int64 dst)
{
	merged_edge *edge;

	if (table->count >= table->slot_count / 2)
		double_slots(table);
	if (table->count % CHUNK_EDGES == 0)
		add_chunk(table);
	edge = edge_at(table, table->count);
	*edge = (merged_edge){
		.src = src,
		.dst = dst,
		.seen = {EDGE_NOT_FIRST, EDGE_NOT_LAST},
		.noted = {EDGE_NOT_FIRST, EDGE_NOT_LAST},
		.confidence = EDGE_NO_CONFIDENCE,
		.graphs = ID_SET_EMPTY,
		.ways = ID_SET_EMPTY,
	};
	table->last = table->count++;
	*free_slot(table, hash) = (edge_slot){table->count, hash};
	return edge;
}

static void
write_out(edge_table *table)
{
	MemoryContext old = MemoryContextSwitchTo(table->outer);

	if (table->spill == NULL)
		table->spill = edge_spill_create();
	for (uint32 place = 0; place < table->count; place++)
		edge_spill_write(table->spill, edge_at(table, place));
	MemoryContextSwitchTo(old);
	MemoryContextReset(table->memory);
	make_empty(table);
}

static Size
memory_limit(void)
{
	return (Size) ((double) work_mem * 1024 * hash_mem_multiplier);
}

static void
check_memory(edge_table *table)
{
	CHECK_FOR_INTERRUPTS();
	table->calls_left = CALLS_A_CHECK;
	if (!table->reading && MemoryContextMemAllocated(table->memory, true) > memory_limit())
		write_out(table);
}

merged_edge *
edge_table_edge(edge_table *table, int64 src, int64 dst, bool *fresh)
{
	const edge_slot *slot;
	uint32 hash;

	if (table->calls_left-- == 0)
		check_memory(table);
	*fresh = false;
	if (table->last + 1 < table->count && is_between(edge_at(table, table->last + 1), src, dst))
		return edge_at(table, ++table->last);
	hash = hash_ends(src, dst);
	slot = find_slot(table, hash, src, dst);
	*fresh = slot->place == 0;
	if (*fresh)
		return make_edge(table, hash, src, dst);
	table->last = slot->place - 1;
	return edge_at(table, table->last);
}

traffic_value *
edge_table_lane(edge_table *table, merged_edge *edge, int lane)
{
	if (edge->lanes[lane] != NULL)
		return edge->lanes[lane];
	if (table->lanes_left == 0)
	{
		table->lanes = MemoryContextAlloc(table->memory, CHUNK_LANES * sizeof(traffic_value));
		table->lanes_left = CHUNK_LANES;
	}
	edge->lanes[lane] = &table->lanes[--table->lanes_left];
	traffic_value_init(edge->lanes[lane], table->memory);
	return edge->lanes[lane];
}

static uint32
place_of(const merged_edge *edge, int64 endpoint)
{
	return (uint32) ascending_below(edge->endpoints, edge->endpoint_count, endpoint);
}

static void
reserve_endpoint(edge_table *table, merged_edge *edge)
{
	if (edge->endpoint_count < edge->endpoint_room)
		return;
	if (edge->endpoint_room == 0)
	{
		edge->endpoint_room = 2;
		edge->endpoints = MemoryContextAlloc(table->memory, 2 * sizeof(int64));
		return;
	}
	edge->endpoint_room *= 2;
	edge->endpoints = repalloc_huge(edge->endpoints, edge->endpoint_room * sizeof(int64));
}

bool
edge_table_add_endpoint(edge_table *table, merged_edge *edge, int64 endpoint)
{
	uint32 at = place_of(edge, endpoint);

	if (at < edge->endpoint_count && edge->endpoints[at] == endpoint)
		return false;
	reserve_endpoint(table, edge);
	memmove(edge->endpoints + at + 1, edge->endpoints + at,
			(edge->endpoint_count - at) * sizeof(int64));
	edge->endpoints[at] = endpoint;
	edge->endpoint_count++;
	return true;
}

void
edge_span_add(edge_span *span, TimestampTz first, TimestampTz last)
{
	span->first = Min(span->first, first);
	span->last = Max(span->last, last);
}

void
edge_table_merge(edge_table *table, merged_edge *into, const merged_edge *from)
{
	edge_span_add(&into->seen, from->seen.first, from->seen.last);
	edge_span_add(&into->noted, from->noted.first, from->noted.last);
	into->confidence = Max(into->confidence, from->confidence);
	into->graphs = id_sets_union(table->sets, into->graphs, from->graphs);
	into->ways = id_sets_union(table->sets, into->ways, from->ways);
	into->flags |= from->flags;
	for (uint32 i = 0; i < from->endpoint_count; i++)
		(void) edge_table_add_endpoint(table, into, from->endpoints[i]);
	for (int i = 0; i < EDGE_LANES; i++)
	{
		if (from->lanes[i] != NULL)
			(void) traffic_value_merge(edge_table_lane(table, into, i), from->lanes[i]);
	}
}

static void
each_in_memory(edge_table *table, edge_visit visit, void *context)
{
	for (uint32 place = 0; place < table->count; place++)
	{
		if (place % CHUNK_EDGES == 0)
			CHECK_FOR_INTERRUPTS();
		visit(context, edge_at(table, place));
	}
}

/* A chunk is full, and these ends are not those of its last edge: none of them comes again. */
static bool
is_chunk_over(const edge_table *table, const merged_edge *next)
{
	return table->count >= CHUNK_EDGES &&
		   !is_between(edge_at(table, table->count - 1), next->src, next->dst);
}

/* Edges that were written out come in order of their ends; a chunk of them is merged at a time. */
static void
each_written(edge_table *table, edge_visit visit, void *context)
{
	MemoryContext read =
		AllocSetContextCreate(table->outer, "edge that was written", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(read);
	merged_edge next;
	bool fresh;

	table->reading = true;
	edge_spill_sort(table->spill);
	while (edge_spill_read(table->spill, &next))
	{
		if (is_chunk_over(table, &next))
		{
			each_in_memory(table, visit, context);
			MemoryContextReset(table->memory);
			make_empty(table);
		}
		edge_table_merge(table, edge_table_edge(table, next.src, next.dst, &fresh), &next);
		MemoryContextReset(read);
	}
	each_in_memory(table, visit, context);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(read);
	edge_spill_end(table->spill);
}

void
edge_table_each(edge_table *table, edge_visit visit, void *context)
{
	if (table->spill == NULL)
	{
		each_in_memory(table, visit, context);
		return;
	}
	write_out(table);
	each_written(table, visit, context);
}

void
edge_table_free(edge_table *table)
{
	MemoryContextDelete(table->memory);
	pfree(table);
}
