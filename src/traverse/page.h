/*
 * page.h
 *		A page of the rows of traverse(): which of the ordered nodes are wanted.
 */
#ifndef TOPOLOGY_TRAVERSE_PAGE_H
#define TOPOLOGY_TRAVERSE_PAGE_H

#include "postgres.h"

typedef struct page
{
	int32 max_nodes; /* or -1 */
	bool has_after;
	int64 after;
	char *label;             /* of after */
	size_t reached_by_after; /* nodes at the depth of "after" or before; 0: not yet found */
} page;

/*
 * Whether a search that has found so many nodes has found the page's; to be asked
 * after each depth.  found_after: whether "after" is among them.
 */
static inline bool
page_is_complete(page *wanted, size_t reached, bool found_after)
{
	if (wanted->max_nodes < 0)
		return false;
	if (wanted->has_after && wanted->reached_by_after == 0)
	{
		if (found_after)
			wanted->reached_by_after = reached;
		return false;
	}
	return reached - wanted->reached_by_after >= (size_t) wanted->max_nodes;
}

/* Raise that "after" was not reached; partial: the search ended at its time limit. */
static inline void
page_raise_missing(const page *wanted, bool partial)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("node \"%s\" is not in the result that is paged", wanted->label),
			 partial ? errhint("The search ended at its time limit before it came there.")
					 : errhint("Give the last node of the page before, with the other arguments "
							   "unchanged; if the map has changed, begin again without after.")));
}

#endif /* TOPOLOGY_TRAVERSE_PAGE_H */
