/*
 * time_budget.h
 *		The time that a search may take.
 *
 * Searches ask every few thousand nodes or edges.  A search that is over its time
 * stops, and returns what it has.
 */
#ifndef TOPOLOGY_TRAVERSE_TIME_BUDGET_H
#define TOPOLOGY_TRAVERSE_TIME_BUDGET_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/timestamp.h"

typedef struct time_budget
{
	TimestampTz deadline; /* DT_NOEND: there is none */
	bool over;            /* somebody saw that it has passed */
} time_budget;

/* Whether there is a time at which it is over. */
static inline bool
time_is_bounded(const time_budget *budget)
{
	return budget != NULL && budget->deadline != DT_NOEND;
}

/* Whether the time is over; NULL never is. */
static inline bool
time_is_over(time_budget *budget)
{
	if (!time_is_bounded(budget))
		return false;
	if (!budget->over)
		budget->over = GetCurrentTimestamp() >= budget->deadline;
	return budget->over;
}

/* Tell the client, where the time was over, that the answer is not all: what was reached, and at
 * what depth. */
extern void time_budget_report(const time_budget *budget, size_t nodes, int32 depth);

#endif /* TOPOLOGY_TRAVERSE_TIME_BUDGET_H */
