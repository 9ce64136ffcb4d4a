/*
 * status.c
 *		What SQL sees of the workers, and how it waits for them.
 *
 * flush() leaves a number in each worker's slot and waits until the worker has
 * answered it; then it resolves what is dirty itself.  A worker that is not
 * running has nothing in memory: what its source has not delivered is not
 * ingested yet.  The worker may wait for a lock of the very transaction that
 * waits for it; that is found out once a second, and is an error.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "resolve/pair.h"
#include "resolve/resolve.h"
#include "worker/registry.h"

PG_FUNCTION_INFO_V1(topology_source_workers);
PG_FUNCTION_INFO_V1(topology_keeper);
PG_FUNCTION_INFO_V1(topology_worker_obstacle);
PG_FUNCTION_INFO_V1(topology_flush);
PG_FUNCTION_INFO_V1(topology_wait_for_source);

/* How often a wait makes sure that it is not itself what is waited for. */
#define LOOK_INTERVAL_MS 1000

static const char *
state_name(slot_state state)
{
	switch (state)
	{
		case SLOT_STOPPED:
		case SLOT_STARTING:
			return "starting";
		case SLOT_RUNNING:
			return "running";
		case SLOT_BACKOFF:
			return "backoff";
	}
	elog(ERROR, "unknown state %d of a worker", (int) state);
}

static void
put_slot(ReturnSetInfo *rsinfo, const source_slot *slot)
{
	Datum values[5];
	bool nulls[5] = {false};

	values[0] = Int32GetDatum(slot->source);
	values[1] = Int32GetDatum(slot->pid);
	nulls[1] = slot->pid == 0;
	values[2] = CStringGetTextDatum(state_name(slot->state));
	values[3] = Int64GetDatum(slot->lag);
	nulls[3] = slot->state != SLOT_RUNNING;
	values[4] = CStringGetTextDatum(slot->last_error);
	nulls[4] = slot->last_error[0] == '\0';
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* The slot with that number, as it is now. */
static source_slot
copy_slot(int number)
{
	source_slot copy;

	registry_lock(LW_SHARED);
	copy = registry_get()->slots[number];
	registry_unlock();
	return copy;
}

Datum
topology_source_workers(PG_FUNCTION_ARGS)
{
	registry *shared = registry_get();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; shared && i < shared->slot_count; i++)
	{
		source_slot slot = copy_slot(i);

		if (slot.database == MyDatabaseId && slot.source > 0)
			put_slot((ReturnSetInfo *) fcinfo->resultinfo, &slot);
	}
	PG_RETURN_NULL();
}

static void
put_keeper(ReturnSetInfo *rsinfo, const source_slot *slot)
{
	Datum values[4];
	bool nulls[4] = {false};

	values[0] = Int32GetDatum(slot->pid);
	nulls[0] = slot->pid == 0;
	values[1] = CStringGetTextDatum(state_name(slot->state));
	values[2] = TimestampTzGetDatum(slot->turned_at);
	nulls[2] = slot->turned_at == 0;
	values[3] = CStringGetTextDatum(slot->last_error);
	nulls[3] = slot->last_error[0] == '\0';
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
topology_keeper(PG_FUNCTION_ARGS)
{
	registry *shared = registry_get();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; shared && i < shared->slot_count; i++)
	{
		source_slot slot = copy_slot(i);

		if (slot.database == MyDatabaseId && slot.source == REGISTRY_KEEPER)
			put_keeper((ReturnSetInfo *) fcinfo->resultinfo, &slot);
	}
	PG_RETURN_NULL();
}

Datum
topology_worker_obstacle(PG_FUNCTION_ARGS)
{
	registry *shared = registry_get();
	const char *obstacle = NULL;

	if (!shared)
		PG_RETURN_TEXT_P(
			cstring_to_text("topology is not in shared_preload_libraries, so no worker runs"));
	if (RecoveryInProgress())
		PG_RETURN_TEXT_P(cstring_to_text("this server is in recovery, where no worker runs"));
	registry_lock(LW_SHARED);
	if (!shared->launcher)
		obstacle = "the launcher does not run, maybe for want of max_worker_processes";
	else if (shared->no_place)
		obstacle = "max_worker_processes leaves no place for another worker";
	else if (shared->out_of_slots)
		obstacle = "as many sources have a worker as topology.max_sources allows";
	registry_unlock();
	if (!obstacle)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(obstacle));
}

static bool
can_answer(slot_state state)
{
	return state == SLOT_RUNNING || state == SLOT_STARTING;
}

/* A number that the worker is to answer, and which of the two it is. */
typedef struct slot_request
{
	int slot;
	int32 source;
	bool catch_up;
	uint64 number; /* 0: no worker can answer */
} slot_request;

static uint64 *
counter(slot_requests *requests, bool catch_up)
{
	return catch_up ? &requests->catch_up : &requests->flush;
}

/* Leave a request with a slot's worker. */
static slot_request
make_request(int number, bool catch_up)
{
	source_slot *slot = &registry_get()->slots[number];
	slot_request request = {.slot = number, .catch_up = catch_up};

	registry_lock(LW_EXCLUSIVE);
	request.source = slot->source;
	if (slot->database == MyDatabaseId && slot->source > 0 && slot->wanted &&
		can_answer(slot->state))
	{
		request.number = ++*counter(&slot->requested, catch_up);
		if (slot->latch)
			SetLatch(slot->latch);
	}
	registry_unlock();
	return request;
}

static bool
is_answered(const slot_request *request)
{
	source_slot slot = copy_slot(request->slot);

	return *counter(&slot.done, request->catch_up) >= request->number;
}

/* Whether nobody will answer: the source, or its worker, is gone. */
static bool
is_void(const slot_request *request)
{
	source_slot slot = copy_slot(request->slot);

	return slot.database != MyDatabaseId || slot.source != request->source || !slot.wanted ||
		   !can_answer(slot.state);
}

static void
check_not_in_the_way(pid_t worker)
{
	Oid types[1] = {INT4OID};
	Datum arguments[1] = {Int32GetDatum(worker)};
	bool isnull;

	if (worker == 0)
		return;
	if (SPI_execute_with_args("SELECT pg_backend_pid() = ANY (pg_blocking_pids($1))", 1, types,
							  arguments, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for blocked workers");
	if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
				 errmsg("a worker of topology waits for this transaction, which waits for it"),
				 errhint("Commit what this transaction wrote before it waits for sources.")));
}

/* Wait until a request is answered, or void, or deadline has come (0: there is none). */
static void
await_answer(const slot_request *request, TimestampTz deadline)
{
	ConditionVariable *changed = &registry_get()->changed;

	ConditionVariablePrepareToSleep(changed);
	while (!is_answered(request) && !is_void(request))
	{
		long timeout = LOOK_INTERVAL_MS;

		if (deadline != 0)
			timeout =
				Min(timeout, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline));
		if (timeout <= 0)
			break;
		if (ConditionVariableTimedSleep(changed, timeout, PG_WAIT_EXTENSION))
		{
			ConditionVariableCancelSleep();
			check_not_in_the_way(copy_slot(request->slot).pid);
			ConditionVariablePrepareToSleep(changed);
		}
	}
	ConditionVariableCancelSleep();
}

static void
flush_sources(void)
{
	registry *shared = registry_get();
	slot_request *requests = palloc(sizeof(*requests) * shared->slot_count);

	for (int i = 0; i < shared->slot_count; i++)
		requests[i] = make_request(i, false);
	for (int i = 0; i < shared->slot_count; i++)
		if (requests[i].number != 0)
			await_answer(&requests[i], 0);
}

Datum
topology_flush(PG_FUNCTION_ARGS)
{
	SPI_connect();
	if (registry_get())
		flush_sources();
	/* what the workers committed meanwhile is to be seen */
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) resolve_pending(true);
	(void) pair_pending(true);
	PopActiveSnapshot();
	SPI_finish();
	PG_RETURN_VOID();
}

/* The id of a source that can be waited for; errors for the others. */
static int32
waitable_source(text *name)
{
	Oid types[1] = {TEXTOID};
	Datum arguments[1] = {PointerGetDatum(name)};
	bool isnull;
	bool enabled;
	int32 id;

	if (SPI_execute_with_args("SELECT id, enabled FROM topo.existing_source($1)", 1, types,
							  arguments, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look up a source");
	id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	enabled = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	if (!enabled)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("source \"%s\" is paused", text_to_cstring(name)),
						errhint("Resume it with topo.resume_source().")));
	if (!registry_get())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("topology is not in shared_preload_libraries, so no worker runs"),
						errhint("Add it there and restart the server.")));
	return id;
}

/* Ask the source's worker, if it has one, to read to the end; whether it has. */
static bool
ask_to_catch_up(int32 source, TimestampTz deadline)
{
	for (int i = 0; i < registry_get()->slot_count; i++)
	{
		source_slot slot = copy_slot(i);
		slot_request request;

		if (slot.database != MyDatabaseId || slot.source != source)
			continue;
		request = make_request(i, true);
		if (request.number == 0)
			return false;
		await_answer(&request, deadline);
		return is_answered(&request);
	}
	return false;
}

/* Its worker may still have to start, or fail and be started again. */
static bool
catch_up(int32 source, TimestampTz deadline)
{
	while (!ask_to_catch_up(source, deadline))
	{
		if (GetCurrentTimestamp() >= deadline)
			return false;
		ConditionVariablePrepareToSleep(&registry_get()->changed);
		(void) ConditionVariableTimedSleep(&registry_get()->changed, 100, PG_WAIT_EXTENSION);
		ConditionVariableCancelSleep();
	}
	return true;
}

Datum
topology_wait_for_source(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(0);
	TimestampTz deadline = DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()), PG_GETARG_DATUM(1)));
	int32 source;

	SPI_connect();
	source = waitable_source(name);
	if (!catch_up(source, deadline))
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
						errmsg("source \"%s\" did not catch up in time", text_to_cstring(name)),
						errhint("topo.source_status tells how it is.")));
	SPI_finish();
	PG_RETURN_VOID();
}
