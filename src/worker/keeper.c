/*
 * keeper.c
 *		The worker that keeps the windows of one database up.
 *
 *	 attach slot ─► connect ─┬► keep up ─► merge ─► roll up ─► detect ─► adapt ─► expire ─► sleep ─┐
 *							 └──────────────────────────────────────────────────────────────────────┘
 *
 * A database has one as long as it has a graph, apart from the workers of its
 * sources: a rollup may take seconds, for which ingest must not wait.
 *
 * Each minute that is merged or looked at for intermediaries, each bucket that is
 * rolled up and each partition that is dropped is a transaction of its own, and what
 * is to be done is found in the tables each time: so it may end at any point, and
 * whoever follows goes on.  A step that has much to do gives way to the others after
 * TURN_MS.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "resolve/resolve.h"
#include "settings.h"
#include "window/window.h"
#include "worker/launcher.h"
#include "worker/slot_worker.h"

/* How long one step may go on before it is the turn of the next. */
#define TURN_MS 2000

/* How often addresses are forgotten that have got an owner since, or were left out late. */
#define FORGET_MS 3600000

typedef struct keeper
{
	slot_worker base;
	TimestampTz kept_up; /* when it did so last */
	TimestampTz forgot;  /* when it last did so */
	bool forget;         /* what is known of addresses may be of flows that are gone */
} keeper;

/* One a process. */
static keeper self;

static void
keep_up(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(self.kept_up, now, topology_maintenance_interval))
		return;
	self.kept_up = now;
	slot_worker_begin("keeping up windows");
	window_keep_up();
	slot_worker_commit();
}

/* Do the same until there is nothing left to do; true: it was interrupted. */
static bool
repeat(bool (*step)(void), const char *activity)
{
	TimestampTz begin = GetCurrentTimestamp();

	while (!MyLatch->is_set && !TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), TURN_MS))
	{
		bool more;

		CHECK_FOR_INTERRUPTS();
		slot_worker_begin(activity);
		more = step();
		slot_worker_commit();
		if (!more)
			return false;
	}
	return true;
}

static bool
expire(void)
{
	bool dropped = window_expire();

	self.forget |= dropped;
	return dropped;
}

static void
forget(void)
{
	slot_worker_begin("forgetting addresses");
	resolve_forget();
	slot_worker_commit();
	self.forget = false;
	self.forgot = GetCurrentTimestamp();
}

/* True: there is more to do at once. */
static bool
take_turn(void)
{
	bool more;

	keep_up();
	more = repeat(window_merge_minute, "merging windows");
	more |= repeat(window_roll_up, "rolling up windows");
	more |= repeat(resolve_detect, "looking for intermediaries");
	more |= repeat(window_adapt, "adapting windows");
	more |= repeat(expire, "dropping windows");
	if (self.forget || TimestampDifferenceExceeds(self.forgot, GetCurrentTimestamp(), FORGET_MS))
		forget();
	registry_lock(LW_EXCLUSIVE);
	self.base.slot->turned_at = GetCurrentTimestamp();
	self.base.slot->last_error[0] = '\0';
	registry_unlock();
	return more;
}

static void
rest(bool more)
{
	long timeout = topology_maintenance_interval > 0 ? topology_maintenance_interval : -1;
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout >= 0 ? WL_TIMEOUT : 0);

	(void) WaitLatch(MyLatch, events, more ? 0 : timeout, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	slot_worker_reload();
}

static void
run_keeper(void)
{
	slot_worker_note_running(&self.base);
	while (slot_worker_is_wanted(&self.base))
	{
		bool more = false;

		if (!slot_worker_has_extension())
		{
			slot_worker_give_up(&self.base);
			return;
		}
		if (topology_maintenance_interval > 0)
			more = take_turn();
		rest(more);
	}
}

void
topology_keeper_main(Datum slot_number)
{
	if (!slot_worker_start(&self.base, DatumGetInt32(slot_number), "topology keeper"))
		proc_exit(0);
	self.forget = true;
	proc_exit(slot_worker_run(&self.base, run_keeper) ? 0 : 1);
}
