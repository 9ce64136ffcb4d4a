/*
 * source_worker.c
 *		The life of the worker of one source.
 *
 *	 attach slot ─► connect ─► open source ─┬► take batches ─► resolve ─► sleep ─┐
 *											└────────────────────────────────────┘
 *
 * It ends well when its source is paused, dropped, changed or held away from its
 * database, and when the extension is gone; any error ends it badly, is kept in
 * the slot for source_status, and the launcher starts it again after a while.
 * The source's own handles are closed on the way out, whichever it is.
 *
 * The latch tells of everything: a change of the source, a flush() that waits,
 * a shutdown.  Otherwise it works every topology.flush_interval, and at once
 * when a quarter of the ring is filled.
 */
#include "postgres.h"

#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "ingest/job.h"
#include "ingest/source_catalog.h"
#include "resolve/pair.h"
#include "resolve/resolve.h"
#include "settings.h"
#include "worker/launcher.h"
#include "worker/slot_worker.h"

/* With a backlog, batches are written for this long before anything else is done. */
#define TURN_MS 3000

/*
 * With a backlog, the time between two resolutions is this many times as long as one
 * took: windows are resolved as a whole, so what is late for a window costs as much
 * as all that came before, and a call is found the cheaper the more of its trace is
 * there.
 */
#define RESOLVE_FACTOR 4
#define RESOLVE_MAX_MS 60000

/* Time between two turns while somebody waits for the end of the log. */
#define MARKED_INTERVAL_MS 50

/* Of the session-level advisory lock that a source's worker holds, with its id. */
#define SOURCE_LOCK_CLASS 1953460336

typedef struct source_worker
{
	slot_worker base;
	source_job *job;
	bool flushing;            /* somebody waits for all that is there to be in the map */
	bool asked;               /* somebody waits for this turn */
	bool waited;              /* somebody waits for the end of the log */
	uint64 marked;            /* the request whose end of the log the job knows; 0: none */
	TimestampTz next_resolve; /* with a backlog, not before */
} source_worker;

/* One worker a process. */
static source_worker self;

/* At exit, before the slot is settled: what the source holds is released. */
static void
close_job(int code, Datum argument)
{
	if (self.job)
	{
		source_job *job = self.job;

		self.job = NULL;
		job->routine->close(job);
	}
}

/* Another worker of this source would be of a server that was copied, or a hung one. */
static void
lock_source(void)
{
	bool locked = DatumGetBool(DirectFunctionCall2(pg_try_advisory_lock_int4,
												   Int32GetDatum(SOURCE_LOCK_CLASS),
												   Int32GetDatum(self.base.source)));

	if (!locked)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("another session holds the lock of this source"),
						errdetail("It is the advisory lock (%d, %d).", SOURCE_LOCK_CLASS,
								  self.base.source)));
}

/* False: there is no such source any more, so there is nothing to do. */
static bool
open_source(void)
{
	source_row *source = NULL;

	slot_worker_begin("opening the source");
	if (OidIsValid(get_extension_oid("topology", true)))
		source = source_load(self.base.source);
	if (source)
	{
		lock_source();
		self.job = source_job_open(source, TopMemoryContext);
	}
	slot_worker_commit();
	return source != NULL;
}

static bool
write_batch(void)
{
	bool more;

	slot_worker_begin("writing a batch");
	more = self.job->routine->write(self.job);
	slot_worker_commit();
	self.job->routine->committed(self.job);
	return more;
}

/* True: more may wait. */
static bool
take_news(void)
{
	const source_job_routine *routine = self.job->routine;
	TimestampTz begin = GetCurrentTimestamp();
	bool more;

	do
	{
		CHECK_FOR_INTERRUPTS();
		routine->gather(self.job, self.asked);
		more = routine->has_news(self.job) && write_batch();
	} while (more && !MyLatch->is_set &&
			 !TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), TURN_MS));
	return more;
}

/*
 * Also what topo.ingest() and inventories have left dirty, which is nobody
 * else's to do; what another session resolves just now is left to it.
 */
static void
resolve_news(void)
{
	TimestampTz begin = GetCurrentTimestamp();
	TimestampTz end;
	long pause;

	slot_worker_begin("resolving flows");
	(void) resolve_pending(false);
	slot_worker_commit();
	slot_worker_begin("pairing spans");
	(void) pair_pending(false);
	slot_worker_commit();
	end = GetCurrentTimestamp();
	pause = Max(TimestampDifferenceMilliseconds(begin, end) * RESOLVE_FACTOR, TURN_MS);
	self.next_resolve = TimestampTzPlusMilliseconds(end, Min(pause, RESOLVE_MAX_MS));
}

static bool
has_reached_end(void)
{
	return self.marked != 0 && self.job->routine->reached_end(self.job);
}

/* Whether resolving may wait, since there will be more to resolve at once. */
static bool
may_postpone(void)
{
	return !self.flushing && !has_reached_end() && GetCurrentTimestamp() < self.next_resolve;
}

/*
 * What this turn answers; the gathering is part of the answer.  Who asks for the
 * end while another's is to be reached has his own marked after that.
 */
static slot_requests
accept_requests(void)
{
	slot_requests requests;

	registry_lock(LW_SHARED);
	requests = self.base.slot->requested;
	self.flushing = requests.flush != self.base.slot->done.flush;
	self.waited = requests.catch_up != self.base.slot->done.catch_up;
	registry_unlock();
	if (self.waited && self.marked == 0 && self.job->routine->mark_end(self.job))
		self.marked = requests.catch_up;
	self.asked = self.flushing || self.waited;
	return requests;
}

static void
answer_requests(slot_requests requests)
{
	const source_job_routine *routine = self.job->routine;
	bool reached_end = has_reached_end();
	const char *trouble = routine->trouble(self.job);

	registry_lock(LW_EXCLUSIVE);
	self.base.slot->done.flush = requests.flush;
	if (reached_end)
		self.base.slot->done.catch_up = self.marked;
	self.base.slot->lag = routine->lag(self.job);
	strlcpy(self.base.slot->last_error, trouble ? trouble : "", REGISTRY_ERROR);
	registry_unlock();
	if (reached_end)
		self.marked = 0;
	ConditionVariableBroadcast(&registry_get()->changed);
}

/*
 * Turns begin topology.flush_interval after each other; where a turn takes longer, the
 * worker still rests for a moment.
 */
static long
pause_ms(TimestampTz begin)
{
	long took = TimestampDifferenceMilliseconds(begin, GetCurrentTimestamp());

	if (self.waited)
		return MARKED_INTERVAL_MS;
	return Max(topology_flush_interval - took, topology_flush_interval / 10);
}

/* Sleep after a turn that began then. */
static void
wait_for_news(TimestampTz begin)
{
	int fd = self.job->routine->wait_fd(self.job);
	int events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;

	WaitLatchOrSocket(MyLatch, fd >= 0 ? events | WL_SOCKET_READABLE : events,
					  fd >= 0 ? fd : PGINVALID_SOCKET, pause_ms(begin), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	self.job->routine->clear_wakeup(self.job);
	slot_worker_reload();
}

static void
run_source(void)
{
	if (!open_source())
	{
		slot_worker_give_up(&self.base);
		return;
	}
	slot_worker_note_running(&self.base);
	self.next_resolve = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), TURN_MS);
	while (slot_worker_is_wanted(&self.base))
	{
		TimestampTz begin = GetCurrentTimestamp();
		slot_requests requests = accept_requests();

		if (!slot_worker_has_extension())
		{
			slot_worker_give_up(&self.base);
			return;
		}
		if (!take_news() || !may_postpone())
			resolve_news();
		answer_requests(requests);
		wait_for_news(begin);
	}
}

void
topology_source_worker_main(Datum slot_number)
{
	if (!slot_worker_start(&self.base, DatumGetInt32(slot_number), "topology source"))
		proc_exit(0);
	before_shmem_exit(close_job, (Datum) 0);
	proc_exit(slot_worker_run(&self.base, run_source) ? 0 : 1);
}
