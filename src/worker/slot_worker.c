/*
 * slot_worker.c
 *		What the processes that work for a slot of the registry have in common.
 *
 * A process attaches its slot under the registry's lock, and settles it at exit,
 * from before_shmem_exit, whichever way it ends.  An error ends it badly: it is
 * kept in the slot, and the launcher starts another after a while.
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
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "worker/connection.h"
#include "worker/slot_worker.h"

void
slot_worker_begin(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, activity);
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
slot_worker_commit(void)
{
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* At exit the launcher learns how it ended. */
static void
detach_slot(int code, Datum worker)
{
	slot_worker *self = (slot_worker *) DatumGetPointer(worker);

	registry_lock(LW_EXCLUSIVE);
	registry_settle_slot(self->slot, code != 0);
	registry_unlock();
	ConditionVariableBroadcast(&registry_get()->changed);
	registry_wake_launcher();
}

/* False: the slot is no longer for this process. */
static bool
attach_slot(slot_worker *self, int number)
{
	source_slot *slot = &registry_get()->slots[number];
	bool mine;

	registry_lock(LW_EXCLUSIVE);
	mine = OidIsValid(slot->database) && slot->wanted && slot->pid == 0;
	if (mine)
	{
		slot->pid = MyProcPid;
		slot->latch = MyLatch;
		self->slot = slot;
		self->database = slot->database;
		self->source = slot->source;
		self->version = slot->version;
	}
	registry_unlock();
	if (mine)
		before_shmem_exit(detach_slot, PointerGetDatum(self));
	return mine;
}

bool
slot_worker_is_wanted(const slot_worker *self)
{
	bool wanted;

	registry_lock(LW_SHARED);
	wanted = self->slot->wanted && self->slot->version == self->version &&
			 !registry_is_held(self->database);
	registry_unlock();
	return wanted;
}

static void
note_error(const slot_worker *self, const ErrorData *error)
{
	char *text = error->detail ? psprintf("%s: %s", error->message, error->detail) : error->message;
	int length = pg_mbcliplen(text, strlen(text), REGISTRY_ERROR - 1);

	registry_lock(LW_EXCLUSIVE);
	memcpy(self->slot->last_error, text, length);
	self->slot->last_error[length] = '\0';
	registry_unlock();
}

void
slot_worker_note_running(const slot_worker *self)
{
	registry_lock(LW_EXCLUSIVE);
	self->slot->state = SLOT_RUNNING;
	self->slot->running_since = GetCurrentTimestamp();
	registry_unlock();
	ConditionVariableBroadcast(&registry_get()->changed);
}

void
slot_worker_give_up(const slot_worker *self)
{
	registry_lock(LW_EXCLUSIVE);
	self->slot->wanted = false;
	registry_unlock();
	registry_request_scan(self->database);
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

bool
slot_worker_has_extension(void)
{
	bool present;

	StartTransactionCommand();
	present = OidIsValid(get_extension_oid("topology", true));
	CommitTransactionCommand();
	return present;
}

void
slot_worker_reload(void)
{
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		ensure_durable_commits();
	}
}

bool
slot_worker_run(const slot_worker *self, void (*run)(void))
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool ended_well = true;

	PG_TRY();
	{
		run();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		note_error(self, error);
		EmitErrorReport();
		AbortOutOfAnyTransaction();
		FlushErrorState();
		ended_well = false;
	}
	PG_END_TRY();
	return ended_well;
}

bool
slot_worker_start(slot_worker *self, int slot_number, const char *name)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	if (!attach_slot(self, slot_number))
		return false;
	connect_to_database(self->database);
	pgstat_report_appname(name);
	ensure_durable_commits();
	return true;
}
