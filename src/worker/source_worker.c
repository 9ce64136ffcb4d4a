/*
 * source_worker.c
 *		The life of the worker of one source.
 *
 *	 attach slot ─► connect ─► open source ─┬► take batches ─► resolve ─► upkeep ─► sleep ─┐
 *											└──────────────────────────────────────────────┘
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

#include "access/xact.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "ingest/job.h"
#include "ingest/source_catalog.h"
#include "resolve/pair.h"
#include "resolve/resolve.h"
#include "settings.h"
#include "window/window.h"
#include "worker/connection.h"
#include "worker/launcher.h"
#include "worker/registry.h"

/* Time between two rounds of upkeep: partitions, retention, fading. */
#define UPKEEP_INTERVAL_MS 10000

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
	source_slot *slot;
	TransactionId version; /* of the source's row, when the slot was attached */
	Oid database;
	int32 source;
	source_job *job;
	bool flushing;            /* somebody waits for all that is there to be in the map */
	bool asked;               /* somebody waits for this turn */
	bool waited;              /* somebody waits for the end of the log */
	uint64 marked;            /* the request whose end of the log the job knows; 0: none */
	TimestampTz next_resolve; /* with a backlog, not before */
	TimestampTz next_upkeep;
} source_worker;

/* One worker a process. */
static source_worker self;

static void
begin_transaction(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, activity);
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
commit_transaction(void)
{
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* At exit: what the source holds is released, and the launcher learns how it ended. */
static void
detach_slot(int code, Datum argument)
{
	if (self.job)
	{
		source_job *job = self.job;

		self.job = NULL;
		job->routine->close(job);
	}
	registry_lock(LW_EXCLUSIVE);
	registry_settle_slot(self.slot, code != 0);
	registry_unlock();
	ConditionVariableBroadcast(&registry_get()->changed);
	registry_wake_launcher();
}

/* False: the slot is no longer for this process. */
static bool
attach_slot(int number)
{
	source_slot *slot = &registry_get()->slots[number];
	bool mine;

	registry_lock(LW_EXCLUSIVE);
	mine = OidIsValid(slot->database) && slot->wanted && slot->pid == 0;
	if (mine)
	{
		slot->pid = MyProcPid;
		slot->latch = MyLatch;
		self.slot = slot;
		self.database = slot->database;
		self.source = slot->source;
		self.version = slot->version;
	}
	registry_unlock();
	if (mine)
		before_shmem_exit(detach_slot, (Datum) 0);
	return mine;
}

/* Whether the worker may stay: asked whenever the latch was set. */
static bool
is_wanted(void)
{
	bool wanted;

	registry_lock(LW_SHARED);
	wanted =
		self.slot->wanted && self.slot->version == self.version && !registry_is_held(self.database);
	registry_unlock();
	return wanted;
}

static void
note_error(const ErrorData *error)
{
	char *text = error->detail ? psprintf("%s: %s", error->message, error->detail) : error->message;
	int length = pg_mbcliplen(text, strlen(text), REGISTRY_ERROR - 1);

	registry_lock(LW_EXCLUSIVE);
	memcpy(self.slot->last_error, text, length);
	self.slot->last_error[length] = '\0';
	registry_unlock();
}

static void
note_running(void)
{
	registry_lock(LW_EXCLUSIVE);
	self.slot->state = SLOT_RUNNING;
	self.slot->running_since = GetCurrentTimestamp();
	registry_unlock();
	ConditionVariableBroadcast(&registry_get()->changed);
}

/*
 * A commit that is only in memory could be lost with the server after its
 * events were freed.
 */
static void
ensure_durable_commits(void)
{
	if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_SESSION);
}

/* Another worker of this source would be of a server that was copied, or a hung one. */
static void
lock_source(void)
{
	bool locked = DatumGetBool(DirectFunctionCall2(
		pg_try_advisory_lock_int4, Int32GetDatum(SOURCE_LOCK_CLASS), Int32GetDatum(self.source)));

	if (!locked)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("another session holds the lock of this source"),
				 errdetail("It is the advisory lock (%d, %d).", SOURCE_LOCK_CLASS, self.source)));
}

/* False: there is no such source any more, so there is nothing to do. */
static bool
open_source(void)
{
	source_row *source = NULL;

	begin_transaction("opening the source");
	if (OidIsValid(get_extension_oid("topology", true)))
		source = source_load(self.source);
	if (source)
	{
		lock_source();
		self.job = source_job_open(source, TopMemoryContext);
	}
	commit_transaction();
	return source != NULL;
}

/* Its tables may have gone with the extension since the last transaction. */
static bool
still_has_tables(void)
{
	bool present;

	StartTransactionCommand();
	present = OidIsValid(get_extension_oid("topology", true));
	CommitTransactionCommand();
	return present;
}

static bool
write_batch(void)
{
	bool more;

	begin_transaction("writing a batch");
	more = self.job->routine->write(self.job);
	commit_transaction();
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

	begin_transaction("resolving flows");
	(void) resolve_pending(false);
	commit_transaction();
	begin_transaction("pairing spans");
	(void) pair_pending(false);
	commit_transaction();
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

static void
keep_up(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now < self.next_upkeep)
		return;
	self.next_upkeep = TimestampTzPlusMilliseconds(now, UPKEEP_INTERVAL_MS);
	begin_transaction("keeping up windows");
	window_maintain();
	resolve_forget();
	commit_transaction();
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
	requests = self.slot->requested;
	self.flushing = requests.flush != self.slot->done.flush;
	self.waited = requests.catch_up != self.slot->done.catch_up;
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
	self.slot->done.flush = requests.flush;
	if (reached_end)
		self.slot->done.catch_up = self.marked;
	self.slot->lag = routine->lag(self.job);
	strlcpy(self.slot->last_error, trouble ? trouble : "", REGISTRY_ERROR);
	registry_unlock();
	if (reached_end)
		self.marked = 0;
	ConditionVariableBroadcast(&registry_get()->changed);
}

static void
wait_for_news(void)
{
	int fd = self.job->routine->wait_fd(self.job);
	int events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;

	WaitLatchOrSocket(
		MyLatch, fd >= 0 ? events | WL_SOCKET_READABLE : events, fd >= 0 ? fd : PGINVALID_SOCKET,
		self.waited ? MARKED_INTERVAL_MS : topology_flush_interval, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	self.job->routine->clear_wakeup(self.job);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		ensure_durable_commits();
	}
}

/*
 * The source is gone, and nobody may have said so (DROP SCHEMA ... CASCADE takes
 * it too): no worker must follow this one before a scout has looked.
 */
static void
give_up(void)
{
	registry_lock(LW_EXCLUSIVE);
	self.slot->wanted = false;
	registry_unlock();
	registry_request_scan(self.database);
}

static void
run_source(void)
{
	if (!open_source())
	{
		give_up();
		return;
	}
	note_running();
	self.next_resolve = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), TURN_MS);
	while (is_wanted())
	{
		slot_requests requests = accept_requests();

		if (!still_has_tables())
		{
			give_up();
			return;
		}
		if (!take_news() || !may_postpone())
			resolve_news();
		keep_up();
		answer_requests(requests);
		wait_for_news();
	}
}

/* Run the source; false after an error, which is then in the log and in the slot. */
static bool
run_source_safely(void)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool ended_well = true;

	PG_TRY();
	{
		run_source();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		note_error(error);
		EmitErrorReport();
		AbortOutOfAnyTransaction();
		FlushErrorState();
		ended_well = false;
	}
	PG_END_TRY();
	return ended_well;
}

void
topology_source_worker_main(Datum slot_number)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	if (!attach_slot(DatumGetInt32(slot_number)))
		proc_exit(0);
	connect_to_database(self.database);
	pgstat_report_appname("topology source");
	ensure_durable_commits();
	proc_exit(run_source_safely() ? 0 : 1);
}
