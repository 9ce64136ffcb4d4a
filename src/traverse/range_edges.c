/*
 * range_edges.c
 *		The edges that carried traffic in a range of time, each once.
 *
 * Windows of the same edges come one after another, those of a time in order of their
 * ends.  So the edge behind the one that was seen last is tried first; only if it is
 * another, nodes and edge are looked up in hash tables.  Clusters give way to their apps
 * at the end, once for each node.
 */
#include "postgres.h"

#include "traverse/range_edges.h"
#include "traverse/memory_limit.h"
#include "window/window_read.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "store/traffic.h"

#define FIRST_ROOM 1024

/* By so much arrays grow: large ones are moved without being copied. */
#define GROWTH_SHARE 8

/* Edges between two looks for an interrupt. */
#define EDGES_BETWEEN_LOOKS 4096

/* Where nothing was seen yet: the edge behind it is the first. */
#define NO_EDGE UINT32_MAX

typedef struct gathering
{
	range_edges *range;
	const edge_scope *scope;
	MemoryContext memory;
	uint64 graph;      /* whose windows come: a bit */
	uint32 last;       /* the edge that was seen last, or NO_EDGE */
	uint32 *slots;     /* of a hash table: the edge plus 1, or 0 */
	uint32 slot_count; /* a power of 2 */
	uint32 room;       /* for edges */
	uint32 node_room;
	const int32 *types; /* that are wanted, where the scope is typed */
	int type_count;
	int32 last_type;
	bool last_wanted;
} gathering;

bool
range_is_measured(const edge_scope *scope)
{
	return scope->limit >= 0 && scope->order != EDGE_NAME;
}

void
range_measures_add(edge_order order, range_measures *into, const range_measures *from)
{
	for (int i = 0; i < RANGE_MEASURES; i++)
		into->of[i] = order == EDGE_LATEST ? Max(into->of[i], from->of[i])
										   : saturated_sum(into->of[i], from->of[i]);
}

static uint32
node_number(gathering *g, int64 id)
{
	range_edges *range = g->range;
	uint32 number = numbering_number(range->numbers, id);

	if (number < range->node_count)
		return number;
	if (range->node_count == g->node_room)
	{
		g->node_room *= 2;
		range->ids = repalloc_huge(range->ids, g->node_room * sizeof(int64));
	}
	range->ids[range->node_count++] = id;
	return number;
}

static inline uint32
hash_edge(range_edge edge)
{
	return murmurhash32(edge.src * 0x9E3779B9u ^ edge.dst);
}

/* The slot of an edge, or the free one where it would be. */
static uint32 *
find_slot(const gathering *g, range_edge edge)
{
	uint32 mask = g->slot_count - 1;
	uint32 at = hash_edge(edge) & mask;

	while (g->slots[at] != 0)
	{
		const range_edge *there = &g->range->edges[g->slots[at] - 1];

		if (there->src == edge.src && there->dst == edge.dst)
			break;
		at = (at + 1) & mask;
	}
	return &g->slots[at];
}

/* The free slot for an edge that has none. */
static uint32 *
free_slot(const gathering *g, range_edge edge)
{
	uint32 mask = g->slot_count - 1;
	uint32 at = hash_edge(edge) & mask;

	while (g->slots[at] != 0)
		at = (at + 1) & mask;
	return &g->slots[at];
}

static void
make_slots(gathering *g, uint32 count)
{
	g->slot_count = count;
	g->slots = MemoryContextAllocExtended(g->memory, count * sizeof(uint32),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
double_slots(gathering *g)
{
	pfree(g->slots);
	if (g->slot_count > UINT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the search has too many edges"),
				 errhint("Name a shorter range of time, or fewer graphs.")));
	make_slots(g, g->slot_count * 2);
	for (uint32 edge = 0; edge < g->range->count; edge++)
	{
		if (edge % EDGES_BETWEEN_LOOKS == 0)
			CHECK_FOR_INTERRUPTS();
		*free_slot(g, g->range->edges[edge]) = edge + 1;
	}
}

/* Give edges so much room, which is not less than they take. */
static void
resize(gathering *g, uint32 room)
{
	range_edges *range = g->range;

	g->room = room;
	range->edges = repalloc_huge(range->edges, g->room * sizeof(range_edge));
	if (range->graphs != NULL)
		range->graphs = repalloc_huge(range->graphs, g->room * sizeof(uint64));
	if (range->measures != NULL)
		range->measures = repalloc_huge(range->measures, g->room * sizeof(range_measures));
}

static uint32
make_edge(gathering *g, range_edge edge)
{
	range_edges *range = g->range;

	if (range->count == g->room)
	{
		resize(g, g->room + Max(g->room / GROWTH_SHARE, FIRST_ROOM));
		memory_check(g->memory);
	}
	if (range->count >= g->slot_count / 4 * 3)
		double_slots(g);
	range->edges[range->count] = edge;
	if (range->graphs != NULL)
		range->graphs[range->count] = 0;
	if (range->measures != NULL)
		range->measures[range->count] =
			(range_measures){.of = {g->scope->order == EDGE_LATEST ? PG_INT64_MIN : 0}};
	*free_slot(g, edge) = range->count + 1;
	return range->count++;
}

static uint32
look_up(gathering *g, int64 src, int64 dst)
{
	range_edge edge = {.src = node_number(g, src), .dst = node_number(g, dst)};
	uint32 found = *find_slot(g, edge);

	return found != 0 ? found - 1 : make_edge(g, edge);
}

static inline bool
is_between(const range_edges *range, uint32 edge, int64 src, int64 dst)
{
	return edge < range->count && range->ids[range->edges[edge].dst] == dst &&
		   range->ids[range->edges[edge].src] == src;
}

static inline void
gather(gathering *g, const pack_window *window)
{
	range_edges *range = g->range;

	if (is_between(range, g->last + 1, window->src, window->dst))
		g->last++;
	else
		g->last = look_up(g, window->src, window->dst);
	if (range->graphs != NULL)
		range->graphs[g->last] |= g->graph;
}

static bool
has_type(const gathering *g, int32 type)
{
	for (int i = 0; i < g->type_count; i++)
		if (g->types[i] == type)
			return true;
	return false;
}

static inline bool
is_wanted(gathering *g, int32 type)
{
	if (!g->scope->typed)
		return true;
	if (type != g->last_type)
	{
		g->last_type = type;
		g->last_wanted = has_type(g, type);
	}
	return g->last_wanted;
}

static void
measure(gathering *g, const pack_window *window, const int64 *counters)
{
	range_measures of = {
		.of = {counters[TRAFFIC_REQUESTS], counters[TRAFFIC_CONNECTIONS],
			   saturated_sum(counters[TRAFFIC_BYTES_SENT], counters[TRAFFIC_BYTES_RECEIVED])}};

	if (g->scope->order == EDGE_LATEST)
		of = (range_measures){.of = {window->last_seen}};
	range_measures_add(g->scope->order, &g->range->measures[g->last], &of);
}

static void
gather_measured_pack(gathering *g, pack_reader *reader)
{
	while (pack_reader_next(reader))
	{
		if (!is_wanted(g, reader->window.type))
			continue;
		gather(g, &reader->window);
		measure(g, &reader->window, reader->counters);
	}
}

static void
gather_pack(void *context, pack_reader *reader)
{
	gathering *g = context;

	CHECK_FOR_INTERRUPTS();
	if (time_is_over(g->scope->budget))
		return;
	if (g->range->measures != NULL)
	{
		gather_measured_pack(g, reader);
		return;
	}
	while (pack_reader_next_ends(reader))
		if (is_wanted(g, reader->window.type))
			gather(g, &reader->window);
}

static void
gather_row(void *context, const window_row *row)
{
	gathering *g = context;
	int64 counters[TRAFFIC_COUNTERS];

	if (time_is_over(g->scope->budget) || !is_wanted(g, row->window.type))
		return;
	gather(g, &row->window);
	if (g->range->measures == NULL)
		return;
	traffic_deform_counters(PG_DETOAST_DATUM_PACKED(row->traffic), counters);
	measure(g, &row->window, counters);
}

static void
begin(gathering *g)
{
	range_edges *range = g->range;
	MemoryContext old = MemoryContextSwitchTo(g->memory);

	g->room = g->node_room = FIRST_ROOM;
	range->numbers = numbering_create();
	range->ids = palloc(g->node_room * sizeof(int64));
	range->edges = palloc(g->room * sizeof(range_edge));
	if (g->scope->graph_count > 1)
		range->graphs = palloc(g->room * sizeof(uint64));
	if (range_is_measured(g->scope))
		range->measures = palloc(g->room * sizeof(range_measures));
	make_slots(g, 2 * FIRST_ROOM);
	if (g->scope->typed)
	{
		ArrayType *types = DatumGetArrayTypeP(g->scope->types);

		g->types = (const int32 *) ARR_DATA_PTR(types);
		g->type_count = ArrayGetNItems(ARR_NDIM(types), ARR_DIMS(types));
		g->last_wanted = g->type_count > 0 && has_type(g, g->last_type);
	}
	MemoryContextSwitchTo(old);
}

/* Have apps stand for their clusters; edges cannot be looked up any more. */
static void
merge_into_apps(gathering *g)
{
	range_edges *range = g->range;
	uint32 count = range->node_count;
	uint32 *stands = MemoryContextAllocHuge(g->memory, Max(count, 1) * sizeof(uint32));

	for (uint32 node = 0; node < count; node++)
	{
		int64 id = range->ids[node];
		int64 app = edge_nodes_stand_in(range->nodes, id);

		stands[node] = app == id ? node : node_number(g, app);
	}
	for (uint32 edge = 0; edge < range->count; edge++)
		range->edges[edge] = (range_edge){.src = stands[range->edges[edge].src],
										  .dst = stands[range->edges[edge].dst]};
	pfree(stands);
}

static void
read_graphs(gathering *g)
{
	const edge_scope *scope = g->scope;
	window_visitor visitor = {
		.pack = gather_pack,
		.row = gather_row,
		.context = g,
		.stop = time_is_bounded(scope->budget) ? &scope->budget->over : NULL,
	};

	for (int graph = 0; graph < scope->graph_count; graph++)
	{
		g->graph = UINT64CONST(1) << graph;
		g->last = NO_EDGE;
		window_read_range(scope->graphs[graph].name, &scope->during, &visitor);
	}
}

range_edges *
range_edges_read(const edge_scope *scope)
{
	range_edges *range = palloc0(sizeof(*range));
	gathering g = {
		.range = range,
		.scope = scope,
		/* what is held to read windows is not the search's */
		.memory =
			AllocSetContextCreate(CurrentMemoryContext, "edges of a range", ALLOCSET_DEFAULT_SIZES),
	};

	Assert(scope->timed);
	begin(&g);
	read_graphs(&g);
	pfree(g.slots);
	resize(&g, Max(range->count, 1));
	if (time_is_over(scope->budget))
		range->count = 0;
	range->nodes = edge_nodes_create(scope->level == 'a');
	if (scope->level == 'a')
		merge_into_apps(&g);
	memory_check(CurrentMemoryContext);
	return range;
}
