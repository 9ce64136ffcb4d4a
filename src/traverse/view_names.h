/*
 * view_names.h
 *		The names of nodes of a view: from the snapshots, and of those that they do
 *		not know from topo.node.
 */
#ifndef TOPOLOGY_TRAVERSE_VIEW_NAMES_H
#define TOPOLOGY_TRAVERSE_VIEW_NAMES_H

#include "postgres.h"

#include "traverse/link_view.h"
#include "traverse/node_names.h"

typedef struct view_names
{
	const link_view *view;
	/* those that were looked up, by ascending number; names[i] NULL: there is none */
	uint32 *looked_up;
	node_name **names;
	size_t count;
} view_names;

/*
 * Learn the names of some nodes of a view that was opened for names.  Needs a
 * connection to SPI; lives in CurrentMemoryContext.
 */
extern view_names *view_names_learn(const link_view *view, const uint32 *nodes, size_t count);

/* The name of one of them; false: it has none.  Valid as long as the view. */
extern bool view_names_get(const view_names *names, uint32 node, node_name *name);

/*
 * Have the processor load what view_names_get() will read: first the place of the label,
 * then, when that has come, the label.
 */
extern void view_names_prefetch_place(const view_names *names, uint32 node);
extern void view_names_prefetch_label(const view_names *names, uint32 node);

/* Put some of them in the order of their labels; those without come last. */
extern void view_names_sort(const view_names *names, uint32 *nodes, size_t count);

#endif /* TOPOLOGY_TRAVERSE_VIEW_NAMES_H */
