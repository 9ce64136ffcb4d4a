/*
 * snapshotter.c
 *		The worker that takes the snapshots of one database's graphs.
 *
 *	 attach slot ─► connect ─┬► keep up ─► take those that are due ─► sleep ─┐
 *							 └───────────────────────────────────────────────┘
 *
 * A database has one as long as it has a graph, apart from its keeper: to read a
 * large graph takes seconds.  It sleeps until somebody asks for a snapshot, or for
 * topology.maintenance_interval.  When it ends its snapshots go, and whoever asks
 * reads the tables.
 *
 * A graph whose snapshot cannot be taken is noted with the reason, and does not
 * keep the others from theirs.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "settings.h"
#include "traverse/snapshot_build.h"
#include "traverse/snapshot_store.h"
#include "traverse/snapshot_upkeep.h"
#include "worker/launcher.h"
#include "worker/slot_worker.h"

/* A table that somebody has locked must not keep other graphs from their snapshots. */
#define LOCK_TIMEOUT "2s"

/* One a process. */
static slot_worker self;
static TimestampTz kept_up;

static void
keep_up(void)
{
	kept_up = GetCurrentTimestamp();
	slot_worker_begin("keeping up snapshots");
	snapshot_keep_up();
	slot_worker_commit();
}

static void
build(Oid link, uint64 request)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		snapshot_build(link, request);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			PG_RE_THROW();
		AbortOutOfAnyTransaction();
		FlushErrorState();
		MemoryContextSwitchTo(context);
		snapshot_note_failure(link, request, error->message);
		ereport(LOG, (errmsg("could not take a snapshot of the links in table %u: %s", link,
							 error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
}

/* Returns when the next is due, or 0. */
static TimestampTz
build_all_due(void)
{
	uint64 request;
	TimestampTz later;
	Oid link;

	while (OidIsValid(link = snapshot_next_due(&request, &later)))
	{
		CHECK_FOR_INTERRUPTS();
		if (!slot_worker_is_wanted(&self))
			return 0;
		build(link, request);
		keep_up();
	}
	return later;
}

static void
rest(TimestampTz later)
{
	long timeout = topology_maintenance_interval > 0 ? topology_maintenance_interval : -1;
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

	if (later != 0)
	{
		long until = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), later) + 1;

		timeout = timeout < 0 ? until : Min(timeout, until);
	}
	if (timeout >= 0)
		events |= WL_TIMEOUT;
	(void) WaitLatch(MyLatch, events, timeout, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	slot_worker_reload();
}

static bool
is_time_to_keep_up(void)
{
	return topology_maintenance_interval > 0 &&
		   TimestampDifferenceExceeds(kept_up, GetCurrentTimestamp(),
									  topology_maintenance_interval);
}

static void
run_snapshotter(void)
{
	MemoryContext turn =
		AllocSetContextCreate(TopMemoryContext, "topology snapshotter", ALLOCSET_DEFAULT_SIZES);

	snapshot_serve();
	slot_worker_note_running(&self);
	while (slot_worker_is_wanted(&self))
	{
		TimestampTz later;

		if (!slot_worker_has_extension())
		{
			slot_worker_give_up(&self);
			return;
		}
		if (is_time_to_keep_up())
			keep_up();
		MemoryContextSwitchTo(turn);
		later = build_all_due();
		MemoryContextReset(turn);
		rest(later);
	}
}

void
topology_snapshotter_main(Datum slot_number)
{
	if (!slot_worker_start(&self, DatumGetInt32(slot_number), "topology snapshotter"))
		proc_exit(0);
	SetConfigOption("lock_timeout", LOCK_TIMEOUT, PGC_SUSET, PGC_S_OVERRIDE);
	proc_exit(slot_worker_run(&self, run_snapshotter) ? 0 : 1);
}
