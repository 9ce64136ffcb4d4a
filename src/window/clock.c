/*
 * clock.c
 *		What time it is for windows: what they are kept by, fade and expire by.
 *
 * It is the time at which the transaction began, moved by topology.clock_offset:
 * so a year can be lived through in a moment, and everybody in a transaction
 * means the same moment.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "settings.h"

PG_FUNCTION_INFO_V1(topology_clock);

Datum
topology_clock(PG_FUNCTION_ARGS)
{
	int64 offset = (int64) rint(topology_clock_offset * USECS_PER_SEC);

	PG_RETURN_TIMESTAMPTZ(GetCurrentTransactionStartTimestamp() + offset);
}
