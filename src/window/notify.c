/*
 * notify.c
 *		Bounds the rate of notifications of edges.
 *
 * The count is the session's own.  A transaction counts for the second in which
 * it began, so that a long one is bounded as a whole.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(topology_notifications_left);

#define MOST_A_SECOND 100

/* What this session has sent in the second in which its last transaction began. */
static struct
{
	int64 second;
	int64 sent;
} budget;

Datum
topology_notifications_left(PG_FUNCTION_ARGS)
{
	int64 second = GetCurrentTransactionStartTimestamp() / USECS_PER_SEC;
	int64 granted;

	if (second != budget.second)
	{
		budget.second = second;
		budget.sent = 0;
	}
	granted = Min(PG_GETARG_INT64(0), MOST_A_SECOND - budget.sent);
	budget.sent += granted;
	PG_RETURN_INT64(granted);
}
