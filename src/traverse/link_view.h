/*
 * link_view.h
 *		The links that a statement sees, from snapshots and their deltas.
 *
 * A view is of one level and of one or more graphs.  Its nodes are numbered from
 * 0: those of the snapshots in the order of their ids, then those that only a
 * delta, or the question, knows of.  It answers just as the tables would, or is
 * not there: then the tables have to.
 */
#ifndef TOPOLOGY_TRAVERSE_LINK_VIEW_H
#define TOPOLOGY_TRAVERSE_LINK_VIEW_H

#include "postgres.h"

#include "traverse/csr.h"
#include "traverse/expand.h"

#define VIEW_NO_NODE CSR_NO_NODE

/* A link that was added (sign 1) or removed (-1) since the snapshot, seen from near. */
typedef struct view_change
{
	uint32 near;
	uint32 far;
	int32 type;
	int32 sign;
} view_change;

/* The changes of a graph seen from one side, ordered by near. */
typedef struct view_changes
{
	view_change *changes;
	size_t count;
	uint64 *touched; /* the nodes that have one, a bit each; NULL: none has */
} view_changes;

/* One graph of a view; arrays by csr_direction. */
typedef struct view_graph
{
	const csr_header *csr;
	const uint32 *offsets[2]; /* NULL: the snapshot has no links of the level */
	const uint32 *targets[2];
	const void *types[2];
	const bool *follows;    /* by place in the snapshot's types; NULL: all are followed */
	const uint32 *to_view;  /* from its numbers of nodes; NULL: they are the same */
	const uint32 *to_graph; /* to them, or CSR_NO_NODE; NULL: they are the same */
	uint32 known_count;     /* nodes of the view that to_graph is of */
	uint64 bit;             /* in sets of graphs, by its place in the scope */
	view_changes changed[2];
} view_graph;

typedef struct link_view
{
	int graph_count; /* those without links are left out */
	view_graph *graphs;
	uint32 node_count;
	uint32 known_count;   /* the nodes before that are of snapshots */
	const int64 *ids;     /* of these; NULL: as the only snapshot has them */
	const uint32 *ranks;  /* of their labels */
	int64 *other_ids;     /* of the nodes from known_count on, ascending */
	bool plain;           /* one graph at most, all types, nothing has changed */
	uint64 *renamed;      /* nodes whose names the snapshots do not know, a bit each; or NULL */
	const uint64 *closed; /* nodes that are not gone on from, a bit each; NULL: none */
} link_view;

/*
 * The view of a scope, in CurrentMemoryContext; nodes of the question are given
 * numbers in it.  NULL: the tables have to answer.  named: whether names are
 * wanted too.  Asks for snapshots where there are none, or too old ones.
 */
extern link_view *link_view_open(const edge_scope *scope, const int64 *nodes, size_t count,
								 bool named);

/* The number of a node, or VIEW_NO_NODE. */
extern uint32 link_view_find(const link_view *view, int64 id);

static inline bool
view_bit(const uint64 *bits, uint32 node)
{
	return (bits[node / 64] >> (node % 64)) & 1;
}

static inline void
view_set_bit(uint64 *bits, uint32 node)
{
	bits[node / 64] |= UINT64CONST(1) << (node % 64);
}

static inline size_t
view_words(const link_view *view)
{
	return view->node_count / 64 + 1;
}

static inline int64
view_id(const link_view *view, uint32 node)
{
	if (node >= view->known_count)
		return view->other_ids[node - view->known_count];
	return view->ids != NULL ? view->ids[node] : csr_id(view->graphs[0].csr, node);
}

/* Whether a's id is below b's. */
static inline bool
view_precedes(const link_view *view, uint32 a, uint32 b)
{
	if (a < view->known_count && b < view->known_count)
		return a < b;
	return view_id(view, a) < view_id(view, b);
}

/* Whether a link of the snapshot is gone. */
extern bool view_is_removed(const view_changes *changed, uint32 near, uint32 far, int32 type);

/* The changes of one node: a run of them. */
extern view_change *view_changes_of(const view_changes *changed, uint32 near, size_t *count);

typedef void (*view_visit)(void *context, uint32 near, uint32 far, uint64 bit);

/* Call visit for every link of a graph at a node, in one direction. */
static pg_attribute_always_inline void
view_each_link(const view_graph *graph, uint32 near, csr_direction direction, view_visit visit,
			   void *context)
{
	const view_changes *changed = &graph->changed[direction];
	bool touched = changed->touched != NULL && view_bit(changed->touched, near);
	uint32 row = near;
	size_t count = 0;

	if (graph->to_graph != NULL)
		row = near < graph->known_count ? graph->to_graph[near] : CSR_NO_NODE;
	if (graph->offsets[direction] != NULL && row < graph->csr->node_count)
	{
		const uint32 *targets = graph->targets[direction];
		uint32 end = graph->offsets[direction][row + 1];

		for (uint32 i = graph->offsets[direction][row]; i < end; i++)
		{
			uint32 type = csr_edge_type(graph->types[direction], graph->csr->type_width, i);
			uint32 far = graph->to_view != NULL ? graph->to_view[targets[i]] : targets[i];

			if (graph->follows != NULL && !graph->follows[type])
				continue;
			if (touched &&
				view_is_removed(changed, near, far,
								((const int32 *) csr_at(graph->csr, graph->csr->edge_types))[type]))
				continue;
			visit(context, near, far, graph->bit);
		}
	}
	if (touched)
	{
		view_change *change = view_changes_of(changed, near, &count);

		for (size_t i = 0; i < count; i++)
			if (change[i].sign > 0)
				visit(context, near, change[i].far, graph->bit);
	}
}

#endif /* TOPOLOGY_TRAVERSE_LINK_VIEW_H */
