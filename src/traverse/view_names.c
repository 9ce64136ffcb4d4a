/*
 * view_names.c
 *		The names of nodes of a view.
 *
 * As long as the snapshots know all names, labels are compared by their ranks.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "traverse/graph_search.h"
#include "traverse/view_names.h"

/* The snapshot that has a node's label, and the node's number in it; NULL: none has. */
static const csr_header *
find_label(const link_view *view, uint32 node, uint32 *number)
{
	if (node >= view->known_count || (view->renamed != NULL && view_bit(view->renamed, node)))
		return NULL;
	for (int i = 0; i < view->graph_count; i++)
	{
		const view_graph *graph = &view->graphs[i];

		*number = graph->to_graph != NULL ? graph->to_graph[node] : node;
		if (*number != CSR_NO_NODE &&
			((const uint32 *) csr_at(graph->csr, graph->csr->labels))[*number] != CSR_NO_LABEL)
			return graph->csr;
	}
	return NULL;
}

static void *
text_at(const csr_header *csr, uint32 place)
{
	return unconstify(void *, csr_at(csr, csr->texts + place));
}

static void
look_up(view_names *names)
{
	int64 *ids = palloc((names->count + 1) * sizeof(int64));

	names->names = palloc((names->count + 1) * sizeof(node_name *));
	sort_nodes(names->looked_up, names->count);
	for (size_t i = 0; i < names->count; i++)
		ids[i] = view_id(names->view, names->looked_up[i]);
	for (size_t i = 0, begin = 0; i <= names->count; i++)
	{
		/* ids ascend up to known_count, and again from there */
		if (i < names->count && (i == begin || ids[i] > ids[i - 1]))
			continue;
		node_names_look_up(ids + begin, i - begin, names->names + begin);
		begin = i;
		if (i == names->count)
			break;
	}
	pfree(ids);
}

view_names *
view_names_learn(const link_view *view, const uint32 *nodes, size_t count)
{
	view_names *names = palloc0(sizeof(view_names));
	size_t room = 64;
	uint32 number;

	names->view = view;
	names->looked_up = palloc(room * sizeof(uint32));
	for (size_t i = 0; i < count; i++)
	{
		if (find_label(view, nodes[i], &number) != NULL)
			continue;
		if (names->count == room)
		{
			room *= 2;
			names->looked_up = repalloc_huge(names->looked_up, room * sizeof(uint32));
		}
		names->looked_up[names->count++] = nodes[i];
	}
	if (names->count > 0)
		look_up(names);
	return names;
}

static node_name *
find_looked_up(const view_names *names, uint32 node)
{
	size_t low = 0;
	size_t high = names->count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (names->looked_up[middle] < node)
			low = middle + 1;
		else
			high = middle;
	}
	return low < names->count && names->looked_up[low] == node ? names->names[low] : NULL;
}

bool
view_names_get(const view_names *names, uint32 node, node_name *name)
{
	uint32 number;
	const csr_header *csr = find_label(names->view, node, &number);
	const node_name *found;

	if (csr != NULL)
	{
		uint16 kind = csr_node_kind(csr, number);

		name->label = text_at(csr, ((const uint32 *) csr_at(csr, csr->labels))[number]);
		name->type = text_at(csr, ((const uint32 *) csr_at(csr, csr->node_types))[kind]);
		return true;
	}
	found = find_looked_up(names, node);
	if (found != NULL)
		*name = *found;
	return found != NULL;
}

/* The snapshot that has a node's label, as far as that is known without a look-up. */
static const csr_header *
only_snapshot(const link_view *view, uint32 node)
{
	return view->graph_count == 1 && node < view->known_count ? view->graphs[0].csr : NULL;
}

void
view_names_prefetch_place(const view_names *names, uint32 node)
{
	const csr_header *csr = only_snapshot(names->view, node);

	if (csr == NULL)
		return;
	__builtin_prefetch((const uint32 *) csr_at(csr, csr->labels) + node);
	__builtin_prefetch(csr_kind_place(csr, node));
}

void
view_names_prefetch_label(const view_names *names, uint32 node)
{
	const csr_header *csr = only_snapshot(names->view, node);

	if (csr != NULL)
		__builtin_prefetch(
			csr_at(csr, csr->texts + ((const uint32 *) csr_at(csr, csr->labels))[node]));
}

static int
compare_labels(const void *a, const void *b, void *context)
{
	node_name left;
	node_name right;
	bool has_left = view_names_get(context, *(const uint32 *) a, &left);
	bool has_right = view_names_get(context, *(const uint32 *) b, &right);

	CHECK_FOR_INTERRUPTS();
	if (!has_left || !has_right)
		return has_right - has_left;
	return node_label_compare(left.label, right.label);
}

/* So many are sorted by comparing them. */
#define FEW_NODES 1024

/* Rank and node in one number each, by digits of the rank. */
static void
sort_by_rank(const uint32 *ranks, uint32 *nodes, size_t count)
{
	uint32 *keys = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(uint32));
	uint32 *by_rank;
	uint32 least = UINT32_MAX;
	uint32 most = 0;

	for (size_t i = 0; i < count; i++)
	{
		keys[i] = ranks[nodes[i]];
		least = Min(least, keys[i]);
		most = Max(most, keys[i]);
	}
	by_rank = MemoryContextAllocHuge(CurrentMemoryContext, (most - least + 1) * sizeof(uint32));
	for (size_t i = 0; i < count; i++)
		by_rank[keys[i] - least] = nodes[i];
	sort_nodes(keys, count);
	for (size_t i = 0; i < count; i++)
		nodes[i] = by_rank[keys[i] - least];
	pfree(by_rank);
	pfree(keys);
}

static int
compare_numbers(const void *a, const void *b)
{
	uint64 left = *(const uint64 *) a;
	uint64 right = *(const uint64 *) b;

	return (left > right) - (left < right);
}

/* The same for a few, without room for all ranks between them. */
static void
sort_few_by_rank(const uint32 *ranks, uint32 *nodes, size_t count)
{
	uint64 *pairs = palloc(count * sizeof(uint64));

	for (size_t i = 0; i < count; i++)
		pairs[i] = (uint64) ranks[nodes[i]] << 32 | nodes[i];
	qsort(pairs, count, sizeof(uint64), compare_numbers);
	for (size_t i = 0; i < count; i++)
		nodes[i] = (uint32) pairs[i];
	pfree(pairs);
}

void
view_names_sort(const view_names *names, uint32 *nodes, size_t count)
{
	if (count < 2)
		return;
	if (names->count > 0)
		qsort_arg(nodes, count, sizeof(uint32), compare_labels, unconstify(view_names *, names));
	else if (count < FEW_NODES)
		sort_few_by_rank(names->view->ranks, nodes, count);
	else
		sort_by_rank(names->view->ranks, nodes, count);
}
