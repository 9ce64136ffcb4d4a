/*
 * view_closed.c
 *		Which nodes of a view are closed.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "traverse/closed_nodes.h"
#include "traverse/view_closed.h"

/* The nodes to look up, as bits and in a list. */
typedef struct open_question
{
	uint64 *asked;
	int64 *ids;
	size_t count;
	size_t capacity;
} open_question;

static void
ask(open_question *question, const link_view *view, uint32 node)
{
	if (view_bit(question->asked, node))
		return;
	view_set_bit(question->asked, node);
	if (question->count == question->capacity)
	{
		question->capacity *= 2;
		question->ids = repalloc_huge(question->ids, question->capacity * sizeof(int64));
	}
	question->ids[question->count++] = view_id(view, node);
}

static void
ask_for_renamed(open_question *question, const link_view *view)
{
	for (size_t word = 0; view->renamed != NULL && word < view_words(view); word++)
		for (uint64 left = view->renamed[word]; left != 0; left &= left - 1)
			ask(question, view, (uint32) (word * 64 + __builtin_ctzll(left)));
}

static void
ask_for_unnamed(open_question *question, const link_view *view, const view_graph *graph)
{
	const uint32 *unnamed = csr_at(graph->csr, graph->csr->unnamed);

	for (uint32 i = 0; i < graph->csr->unnamed_count; i++)
		ask(question, view, graph->to_view != NULL ? graph->to_view[unnamed[i]] : unnamed[i]);
}

static bool
knows_all(const link_view *view)
{
	uint32 unnamed = 0;

	for (int i = 0; i < view->graph_count; i++)
		unnamed += view->graphs[i].csr->unnamed_count;
	return unnamed == 0 && view->renamed == NULL && view->node_count == view->known_count;
}

static uint64 *
allocate_bits(const link_view *view)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, view_words(view) * sizeof(uint64),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* What the snapshots say, but for the nodes that were asked for, and these as they were found. */
static void
put_answer(link_view *view, const open_question *question)
{
	uint64 *closed = allocate_bits(view);
	size_t known = view->known_count / 64 + 1;
	size_t found_count;
	int64 *found = closed_nodes_among(question->ids, question->count, &found_count);

	for (size_t word = 0; view->closed != NULL && word < known; word++)
		closed[word] = view->closed[word] & ~question->asked[word];
	for (size_t i = 0; i < found_count; i++)
		view_set_bit(closed, link_view_find(view, found[i]));
	if (view->closed != NULL || found_count > 0)
		view->closed = closed;
	pfree(found);
}

void
view_closed_complete(link_view *view)
{
	open_question question = {.capacity = 64};

	if (knows_all(view))
		return;
	question.asked = allocate_bits(view);
	question.ids = palloc(question.capacity * sizeof(int64));
	for (uint32 node = view->known_count; node < view->node_count; node++)
		ask(&question, view, node);
	ask_for_renamed(&question, view);
	for (int i = 0; i < view->graph_count; i++)
		ask_for_unnamed(&question, view, &view->graphs[i]);
	put_answer(view, &question);
	pfree(question.ids);
	pfree(question.asked);
}
