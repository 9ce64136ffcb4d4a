/*
 * link_view.c
 *		The links that a statement sees, from snapshots and their deltas.
 *
 * To open one costs some microseconds a graph, and time in proportion to the
 * delta; where there is a delta, also a bit a node and direction.
 */
#include "postgres.h"

#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "traverse/link_delta.h"
#include "store/ascending.h"
#include "traverse/link_space.h"
#include "traverse/link_view.h"
#include "traverse/snapshot_gate.h"
#include "traverse/snapshot_store.h"
#include "traverse/view_closed.h"

/* A graph of the scope, on its way into the view. */
typedef struct candidate
{
	Oid link;
	const csr_header *csr;
	uint64 version;
	link_delta delta;
	uint64 bit;
} candidate;

static bool
is_followed(const edge_scope *scope, int32 type)
{
	ArrayType *types = scope->typed ? DatumGetArrayTypeP(scope->types) : NULL;

	if (types == NULL)
		return true;
	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(types), ARR_DIMS(types)); i++)
		if (((int32 *) ARR_DATA_PTR(types))[i] == type)
			return true;
	return false;
}

/* Leave in the delta what concerns the scope. */
static void
keep_followed(link_delta *delta, const edge_scope *scope)
{
	size_t kept = 0;

	for (size_t i = 0; i < delta->count; i++)
		if (delta->changes[i].level == scope->level && is_followed(scope, delta->changes[i].type))
			delta->changes[kept++] = delta->changes[i];
	delta->count = kept;
}

static const csr_level *
level_of(const csr_header *csr, const edge_scope *scope)
{
	return &csr->levels[scope->level == 'c'];
}

static bool
is_long(const candidate *found)
{
	const csr_level *levels = found->csr->levels;

	return found->delta.count > SNAPSHOT_LONG_DELTA(levels[0].edge_count + levels[1].edge_count);
}

/* False: the tables have to answer. */
static bool
find_candidate(candidate *found, const edge_scope *scope, int graph, Snapshot seen)
{
	const char *schema = scope->graphs[graph].schema;

	found->link = link_delta_relation(schema, "link");
	found->csr = gate_snapshot(found->link, schema, seen, &found->version);
	if (found->csr == NULL)
		return false;
	found->bit = UINT64CONST(1) << graph;
	found->delta = link_delta_read(found->link, found->csr, seen);
	if (found->delta.whole || is_long(found))
		(void) snapshot_request(found->link, false);
	keep_followed(&found->delta, scope);
	return !found->delta.whole;
}

static bool
find_candidates(candidate *found, const edge_scope *scope, bool named)
{
	Snapshot seen = GetActiveSnapshot();

	for (int i = 0; i < scope->graph_count; i++)
	{
		if (!find_candidate(&found[i], scope, i, seen))
			return false;
		if (named && !gate_names(found[i].csr))
			return false;
	}
	for (int i = 0; i < scope->graph_count; i++)
		snapshot_note_use(found[i].link);
	return true;
}

/* Graphs without links need no place in the view; returns how many have one. */
static int
leave_out_empty(candidate *found, const edge_scope *scope)
{
	int count = 0;

	for (int i = 0; i < scope->graph_count; i++)
		if (found[i].delta.count > 0 || level_of(found[i].csr, scope)->edge_count > 0)
			found[count++] = found[i];
	return count;
}

static const bool *
followed_types(const csr_header *csr, const edge_scope *scope)
{
	const int32 *types = csr_at(csr, csr->edge_types);
	bool *follows;
	bool all = true;

	if (!scope->typed)
		return NULL;
	follows = palloc((csr->type_count + 1) * sizeof(bool));
	for (uint32 i = 0; i < csr->type_count; i++)
	{
		follows[i] = is_followed(scope, types[i]);
		all &= follows[i];
	}
	return all ? NULL : follows;
}

static void
place_graph(view_graph *graph, const candidate *found, const edge_scope *scope)
{
	const csr_level *level = level_of(found->csr, scope);

	graph->csr = found->csr;
	graph->bit = found->bit;
	graph->follows = followed_types(found->csr, scope);
	for (int direction = CSR_OUT; level->edge_count > 0 && direction <= CSR_IN; direction++)
	{
		graph->offsets[direction] = csr_at(found->csr, level->offsets[direction]);
		graph->targets[direction] = csr_at(found->csr, level->targets[direction]);
		graph->types[direction] = csr_at(found->csr, level->types[direction]);
	}
}

/* The numbering: of one snapshot, its own; of several, a space; of none, nothing. */
static void
place_nodes(link_view *view, const candidate *found)
{
	const csr_header *snapshots[EDGE_MAX_GRAPHS];
	uint64 versions[EDGE_MAX_GRAPHS];
	const link_space *space;

	if (view->graph_count == 1)
	{
		view->known_count = found->csr->node_count;
		view->ranks = csr_at(found->csr, found->csr->ranks);
		view->closed = found->csr->closed != 0 ? csr_at(found->csr, found->csr->closed) : NULL;
	}
	if (view->graph_count < 2)
		return;
	for (int i = 0; i < view->graph_count; i++)
	{
		snapshots[i] = found[i].csr;
		versions[i] = found[i].version;
	}
	space = link_space_of(snapshots, versions, view->graph_count);
	view->known_count = space->node_count;
	view->ids = space->ids;
	view->ranks = space->ranks;
	view->closed = space->closed;
	for (int i = 0; i < view->graph_count; i++)
	{
		view->graphs[i].known_count = space->node_count;
		view->graphs[i].to_view = space->to_space[i];
		view->graphs[i].to_graph = space->to_graph[i];
	}
}

static uint32
find_id(const int64 *ids, uint32 count, int64 id)
{
	uint32 place = (uint32) ascending_below(ids, count, id);

	return place < count && ids[place] == id ? place : VIEW_NO_NODE;
}

/* The number of a node that is in a snapshot. */
static uint32
find_known(const link_view *view, int64 id)
{
	if (view->known_count == 0)
		return VIEW_NO_NODE;
	return view->ids != NULL ? find_id(view->ids, view->known_count, id)
							 : csr_find(view->graphs[0].csr, id);
}

uint32
link_view_find(const link_view *view, int64 id)
{
	uint32 node = find_known(view, id);

	if (node == VIEW_NO_NODE)
	{
		node = find_id(view->other_ids, view->node_count - view->known_count, id);
		if (node != VIEW_NO_NODE)
			node += view->known_count;
	}
	return node;
}

static int
compare_ids(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	return (left > right) - (left < right);
}

static void
add_other(link_view *view, int64 id, uint32 *count)
{
	if (find_known(view, id) == VIEW_NO_NODE)
		view->other_ids[(*count)++] = id;
}

/* Number the nodes that are in no snapshot: of the question, and of changes. */
static void
place_others(link_view *view, const candidate *found, const int64 *nodes, size_t node_count)
{
	size_t room = node_count;
	uint32 count = 0;
	uint32 distinct = 0;

	for (int i = 0; i < view->graph_count; i++)
		room += 2 * found[i].delta.count;
	view->other_ids = palloc((room + 1) * sizeof(int64));
	for (size_t i = 0; i < node_count; i++)
		add_other(view, nodes[i], &count);
	for (int i = 0; i < view->graph_count; i++)
		for (size_t k = 0; k < found[i].delta.count; k++)
		{
			add_other(view, found[i].delta.changes[k].source, &count);
			add_other(view, found[i].delta.changes[k].target, &count);
		}
	qsort(view->other_ids, count, sizeof(int64), compare_ids);
	for (uint32 i = 0; i < count; i++)
		if (distinct == 0 || view->other_ids[distinct - 1] != view->other_ids[i])
			view->other_ids[distinct++] = view->other_ids[i];
	view->node_count = view->known_count + distinct;
}

static int
compare_changes(const void *a, const void *b)
{
	const view_change *left = a;
	const view_change *right = b;

	if (left->near != right->near)
		return left->near < right->near ? -1 : 1;
	if (left->far != right->far)
		return left->far < right->far ? -1 : 1;
	return (left->type > right->type) - (left->type < right->type);
}

/* Add up the changes of one link, and leave out what comes to nothing. */
static size_t
add_up(view_change *changes, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
	{
		if (kept > 0 && compare_changes(&changes[kept - 1], &changes[i]) == 0)
			changes[kept - 1].sign += changes[i].sign;
		else
		{
			if (kept > 0 && changes[kept - 1].sign == 0)
				kept--;
			changes[kept++] = changes[i];
		}
	}
	if (kept > 0 && changes[kept - 1].sign == 0)
		kept--;
	return kept;
}

static void
place_changes(const link_view *view, view_changes *changed, const link_delta *delta,
			  csr_direction direction)
{
	if (delta->count == 0)
		return;
	changed->changes = palloc(delta->count * sizeof(view_change));
	for (size_t i = 0; i < delta->count; i++)
	{
		uint32 source = link_view_find(view, delta->changes[i].source);
		uint32 target = link_view_find(view, delta->changes[i].target);

		changed->changes[i] = (view_change){
			.near = direction == CSR_OUT ? source : target,
			.far = direction == CSR_OUT ? target : source,
			.type = delta->changes[i].type,
			.sign = delta->changes[i].sign,
		};
	}
	qsort(changed->changes, delta->count, sizeof(view_change), compare_changes);
	changed->count = add_up(changed->changes, delta->count);
	if (changed->count == 0)
		return;
	changed->touched = MemoryContextAllocExtended(
		CurrentMemoryContext, view_words(view) * sizeof(uint64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (size_t i = 0; i < changed->count; i++)
		view_set_bit(changed->touched, changed->changes[i].near);
}

view_change *
view_changes_of(const view_changes *changed, uint32 near, size_t *count)
{
	size_t low = 0;
	size_t high = changed->count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (changed->changes[middle].near < near)
			low = middle + 1;
		else
			high = middle;
	}
	*count = 0;
	while (low + *count < changed->count && changed->changes[low + *count].near == near)
		(*count)++;
	return changed->changes + low;
}

bool
view_is_removed(const view_changes *changed, uint32 near, uint32 far, int32 type)
{
	view_change wanted = {.near = near, .far = far, .type = type};
	const view_change *found =
		bsearch(&wanted, changed->changes, changed->count, sizeof(view_change), compare_changes);

	return found != NULL && found->sign < 0;
}

/* Note the nodes whose names have changed since any of the snapshots; false: all may have. */
static bool
place_renamed(link_view *view, const candidate *found)
{
	for (int i = 0; i < view->graph_count; i++)
	{
		link_delta delta = link_delta_read(LINK_DELTA_NAMES, found[i].csr, GetActiveSnapshot());

		if (delta.whole)
			return false;
		if (delta.count > 0 && view->renamed == NULL)
			view->renamed =
				MemoryContextAllocExtended(CurrentMemoryContext, view_words(view) * sizeof(uint64),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (size_t k = 0; k < delta.count; k++)
		{
			uint32 node = link_view_find(view, delta.changes[k].source);

			if (node != VIEW_NO_NODE)
				view_set_bit(view->renamed, node);
		}
	}
	return true;
}

static bool
is_plain(const link_view *view)
{
	if (view->graph_count == 0)
		return true;
	return view->graph_count == 1 && view->graphs[0].follows == NULL &&
		   view->graphs[0].changed[CSR_OUT].touched == NULL;
}

link_view *
link_view_open(const edge_scope *scope, const int64 *nodes, size_t count, bool named)
{
	bool needs_names = named || !scope->through_closed;
	candidate found[EDGE_MAX_GRAPHS];
	link_view *view;

	if (!gate_is_open(scope) || !find_candidates(found, scope, needs_names))
		return NULL;
	view = palloc0(sizeof(link_view));
	view->graph_count = leave_out_empty(found, scope);
	view->graphs = palloc0((view->graph_count + 1) * sizeof(view_graph));
	for (int i = 0; i < view->graph_count; i++)
		place_graph(&view->graphs[i], &found[i], scope);
	place_nodes(view, found);
	place_others(view, found, nodes, count);
	for (int i = 0; i < view->graph_count; i++)
		for (int direction = CSR_OUT; direction <= CSR_IN; direction++)
			place_changes(view, &view->graphs[i].changed[direction], &found[i].delta, direction);
	view->plain = is_plain(view);
	if (needs_names && !place_renamed(view, found))
		return NULL;
	if (scope->through_closed)
		view->closed = NULL;
	else
		view_closed_complete(view);
	return view;
}
