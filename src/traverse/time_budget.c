/*
 * time_budget.c
 *		The time that a search may take.
 */
#include "postgres.h"

#include "traverse/time_budget.h"

void
time_budget_report(const time_budget *budget, size_t nodes, int32 depth)
{
	if (!budget->over)
		return;
	ereport(NOTICE,
			(errmsg("the search ended at its time limit, and the answer is partial"),
			 errdetail_plural("It reached %zu node, and was at depth %d.",
							  "It reached %zu nodes, and was at depth %d.", nodes, nodes, depth),
			 errhint("Raise time_limit, or bound the search, for example by max_depth, "
					 "edge_limit or node_filter.")));
}
