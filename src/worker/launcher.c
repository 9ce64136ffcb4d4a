/*
 * launcher.c
 *		Starts a scout for each database that changed, a worker for each source
 *		that is wanted, a keeper and a snapshotter for each database with graphs;
 *		starts failed workers again, later each time.
 *
 * The launcher is connected to no database.  It sleeps on its latch until a
 * session commits a change to topo.source, a worker ends, or a backoff is over;
 * it polls nothing.  All that it knows is in the registry, so that a launcher
 * that follows one that failed goes on from there.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "settings.h"
#include "worker/launcher.h"
#include "worker/registry.h"

/* How long a process waits that the postmaster has no place for, or a scout that failed. */
#define RETRY_DELAY_MS 5000

typedef struct launcher
{
	BackgroundWorkerHandle **workers; /* by slot; NULL: none was started from here */
	BackgroundWorkerHandle *scout;
	MemoryContext memory; /* holds the handles */
	List *databases;      /* Oids still to be looked at */
	List *failed;         /* Oids whose scout failed, to be looked at again */
	TimestampTz retry_at; /* when */
	bool no_place;        /* the postmaster had no place for a worker, in this turn */
} launcher;

static void
fill_worker(BackgroundWorker *worker, const char *function, const char *type, Datum argument)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	worker->bgw_main_arg = argument;
	worker->bgw_notify_pid = MyProcPid;
	strlcpy(worker->bgw_library_name, "topology", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_type, type, sizeof(worker->bgw_type));
}

void
launcher_register(void)
{
	BackgroundWorker worker;

	fill_worker(&worker, "topology_launcher_main", "topology launcher", (Datum) 0);
	strlcpy(worker.bgw_name, "topology launcher", sizeof(worker.bgw_name));
	worker.bgw_restart_time = 5;
	worker.bgw_notify_pid = 0;
	RegisterBackgroundWorker(&worker);
}

/* True where the process was registered; its handle lives in launcher->memory. */
static bool
start_worker(launcher *self, BackgroundWorker *worker, BackgroundWorkerHandle **handle)
{
	MemoryContext previous = MemoryContextSwitchTo(self->memory);
	bool started = RegisterDynamicBackgroundWorker(worker, handle);

	MemoryContextSwitchTo(previous);
	if (!started && !self->no_place)
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						  errmsg("topology has no place to start \"%s\"", worker->bgw_name),
						  errhint("Raise \"max_worker_processes\"; it is tried again every %d s.",
								  RETRY_DELAY_MS / 1000)));
	self->no_place |= !started;
	return started;
}

static bool
has_ended(BackgroundWorkerHandle *handle)
{
	pid_t pid;

	return GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED;
}

/* The databases that workers can connect to; InvalidOid for "only" means all. */
static List *
list_databases(launcher *self, Oid only)
{
	List *found = NIL;
	Relation relation;
	TableScanDesc scan;
	HeapTuple tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (database->datallowconn && !database->datistemplate &&
			(!OidIsValid(only) || database->oid == only))
		{
			MemoryContext previous = MemoryContextSwitchTo(self->memory);

			found = lappend_oid(found, database->oid);
			MemoryContextSwitchTo(previous);
		}
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	return found;
}

/* A database that is gone, or cannot be connected to, wants no workers. */
static void
forget_database(Oid database)
{
	registry *shared = registry_get();

	registry_lock(LW_EXCLUSIVE);
	for (int i = 0; i < shared->slot_count; i++)
		if (shared->slots[i].database == database)
			shared->slots[i].wanted = false;
	registry_unlock();
}

/* Of the databases with slots, forget those that are not in the list. */
static void
forget_missing_databases(List *present)
{
	registry *shared = registry_get();

	for (int i = 0; i < shared->slot_count; i++)
	{
		Oid database;

		registry_lock(LW_SHARED);
		database = shared->slots[i].database;
		registry_unlock();
		if (OidIsValid(database) && !list_member_oid(present, database))
			forget_database(database);
	}
}

/* Move what sessions asked for into the launcher's own list. */
static void
take_scan_requests(launcher *self)
{
	registry *shared = registry_get();
	Oid requested[REGISTRY_SCANS];
	int count;
	bool all;

	registry_lock(LW_EXCLUSIVE);
	all = shared->scan_all;
	count = shared->scan_count;
	memcpy(requested, shared->scans, sizeof(requested));
	shared->scan_all = false;
	shared->scan_count = 0;
	registry_unlock();

	if (all)
	{
		list_free(self->databases);
		self->databases = list_databases(self, InvalidOid);
		forget_missing_databases(self->databases);
		return;
	}
	for (int i = 0; i < count; i++)
	{
		List *found = list_databases(self, requested[i]);

		if (found == NIL)
			forget_database(requested[i]);
		self->databases = list_concat_unique_oid(self->databases, found);
		list_free(found);
	}
}

/* Returns the database whose scout ended without telling what it found, or InvalidOid. */
static Oid
scout_is_gone(void)
{
	registry *shared = registry_get();
	Oid failed;

	registry_lock(LW_EXCLUSIVE);
	failed = shared->scan_done ? InvalidOid : shared->scanned;
	shared->scanned = InvalidOid;
	registry_unlock();
	ConditionVariableBroadcast(&shared->changed);
	return failed;
}

static void
reap_scout(launcher *self)
{
	Oid failed;

	if (!self->scout || !has_ended(self->scout))
		return;
	pfree(self->scout);
	self->scout = NULL;
	failed = scout_is_gone();
	if (OidIsValid(failed))
	{
		MemoryContext previous = MemoryContextSwitchTo(self->memory);

		self->failed = list_append_unique_oid(self->failed, failed);
		self->retry_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_DELAY_MS);
		MemoryContextSwitchTo(previous);
	}
}

/* A database that failed may be gone meanwhile, so it is asked for like a new one. */
static void
retry_failed_scans(launcher *self)
{
	ListCell *cell;

	if (self->failed == NIL || GetCurrentTimestamp() < self->retry_at)
		return;
	foreach (cell, self->failed)
		registry_request_scan(lfirst_oid(cell));
	list_free(self->failed);
	self->failed = NIL;
}

static bool
start_scout(launcher *self, Oid database)
{
	BackgroundWorker worker;

	fill_worker(&worker, "topology_scout_main", "topology scout", ObjectIdGetDatum(database));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "topology scout of database %u", database);
	if (!start_worker(self, &worker, &self->scout))
		return false;
	self->databases = list_delete_first(self->databases);
	return true;
}

/* One scout at a time: they are short, and places for workers are few. */
static void
run_scouts(launcher *self)
{
	registry *shared = registry_get();
	Oid next = InvalidOid;
	bool held;

	reap_scout(self);
	if (self->scout || self->databases == NIL)
		return;
	next = linitial_oid(self->databases);
	registry_lock(LW_EXCLUSIVE);
	held = registry_is_held(next);
	if (!held)
	{
		shared->scanned = next;
		shared->scan_done = false;
	}
	registry_unlock();
	if (held)
		/* its holder asks for the scan again when it is done */
		self->databases = list_delete_first(self->databases);
	else if (!start_scout(self, next))
		(void) scout_is_gone();
}

/* A worker that ended without coming to its slot has failed; the others said how they ended. */
static void
reap_worker(launcher *self, int number)
{
	source_slot *slot = &registry_get()->slots[number];

	if (self->workers[number] && has_ended(self->workers[number]))
	{
		pfree(self->workers[number]);
		self->workers[number] = NULL;
		registry_lock(LW_EXCLUSIVE);
		if (slot->pid == 0 && slot->state == SLOT_STARTING)
			registry_settle_slot(slot, true);
		registry_unlock();
		ConditionVariableBroadcast(&registry_get()->changed);
	}
}

static void
fill_slot_worker(BackgroundWorker *worker, int number, const source_slot *wanted)
{
	Datum argument = Int32GetDatum(number);

	if (wanted->source > 0)
	{
		fill_worker(worker, "topology_source_worker_main", "topology source", argument);
		snprintf(worker->bgw_name, sizeof(worker->bgw_name), "topology source \"%s\"",
				 NameStr(wanted->name));
		return;
	}
	if (wanted->source == REGISTRY_KEEPER)
		fill_worker(worker, "topology_keeper_main", "topology keeper", argument);
	else
		fill_worker(worker, "topology_snapshotter_main", "topology snapshotter", argument);
	snprintf(worker->bgw_name, sizeof(worker->bgw_name), "%s of database %u", worker->bgw_type,
			 wanted->database);
}

static void
start_slot_worker(launcher *self, int number, const source_slot *wanted)
{
	BackgroundWorker worker;
	source_slot *slot = &registry_get()->slots[number];

	fill_slot_worker(&worker, number, wanted);
	registry_lock(LW_EXCLUSIVE);
	slot->state = SLOT_STARTING;
	registry_unlock();
	if (!start_worker(self, &worker, &self->workers[number]))
	{
		registry_lock(LW_EXCLUSIVE);
		slot->state = SLOT_STOPPED;
		registry_unlock();
	}
}

/* The slot is free for a source that found none. */
static void
free_slot(source_slot *slot)
{
	registry *shared = registry_get();

	registry_free_slot(slot);
	shared->scan_all |= shared->out_of_slots;
	shared->out_of_slots = false;
}

/* Start, or forget, what a slot says; returns when it is to be looked at again, or 0. */
static TimestampTz
run_slot(launcher *self, int number)
{
	source_slot *slot = &registry_get()->slots[number];
	source_slot copy;
	TimestampTz later = 0;
	bool start = false;

	reap_worker(self, number);
	registry_lock(LW_EXCLUSIVE);
	copy = *slot;
	if (OidIsValid(slot->database) && slot->pid == 0 && !self->workers[number])
	{
		if (!slot->wanted)
			free_slot(slot);
		else if (!registry_is_held(slot->database))
		{
			start = slot->next_start <= GetCurrentTimestamp();
			later = start ? 0 : slot->next_start;
		}
	}
	registry_unlock();
	if (start)
		start_slot_worker(self, number, &copy);
	return later;
}

/* Tell how the turn went; true: a slot that it freed asks for scans. */
static bool
end_turn(const launcher *self)
{
	registry *shared = registry_get();
	bool requested;

	registry_lock(LW_EXCLUSIVE);
	shared->no_place = self->no_place;
	requested = shared->scan_all || shared->scan_count > 0;
	registry_unlock();
	return requested;
}

/* Do all there is to do; returns how many ms to sleep, or -1 for "until woken". */
static long
launcher_turn(launcher *self)
{
	TimestampTz earliest;
	long timeout = -1;

	self->no_place = false;
	retry_failed_scans(self);
	take_scan_requests(self);
	run_scouts(self);
	earliest = self->failed == NIL ? 0 : self->retry_at;
	for (int i = 0; i < registry_get()->slot_count; i++)
	{
		TimestampTz next = run_slot(self, i);

		if (next != 0 && (earliest == 0 || next < earliest))
			earliest = next;
	}
	if (earliest != 0)
		timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), earliest) + 1;
	if (self->no_place && (timeout < 0 || timeout > RETRY_DELAY_MS))
		timeout = RETRY_DELAY_MS;
	return end_turn(self) ? 0 : timeout;
}

static void
launcher_detach(int code, Datum argument)
{
	registry_lock(LW_EXCLUSIVE);
	registry_get()->launcher = NULL;
	registry_unlock();
}

static void
launcher_attach(launcher *self)
{
	registry *shared = registry_get();

	self->memory =
		AllocSetContextCreate(TopMemoryContext, "topology launcher", ALLOCSET_DEFAULT_SIZES);
	self->workers =
		MemoryContextAllocZero(self->memory, sizeof(*self->workers) * shared->slot_count);
	before_shmem_exit(launcher_detach, (Datum) 0);
	registry_lock(LW_EXCLUSIVE);
	shared->launcher = MyLatch;
	shared->scanned = InvalidOid;
	shared->scan_all = true;
	registry_unlock();
}

void
topology_launcher_main(Datum argument)
{
	launcher self = {0};

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("topology launcher");
	launcher_attach(&self);

	while (!ShutdownRequestPending)
	{
		long timeout = launcher_turn(&self);

		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout >= 0 ? WL_TIMEOUT : 0),
						 timeout, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	/* with 0 the postmaster would never start it again */
	proc_exit(1);
}
