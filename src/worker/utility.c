/*
 * utility.c
 *		Commands that must find a database without workers, and triggers and
 *		commands after which the launcher has to look again.
 *
 * DROP DATABASE, ALTER DATABASE ... RENAME or SET TABLESPACE, and CREATE
 * DATABASE with a template fail while anybody is connected to the database.
 * The workers are connected, so they are asked to go and are kept away until
 * the transaction of the command has ended, whichever way.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/wait_event.h"

#include "worker/registry.h"
#include "worker/utility.h"

PG_FUNCTION_INFO_V1(topology_source_changed);

static ProcessUtility_hook_type previous_process_utility = NULL;

/* What this transaction owes when it ends. */
static struct
{
	bool scan;     /* a look at this database */
	bool scan_all; /* at all of them */
	Oid held;      /* the release of a database */
} owed;

Datum
topology_source_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("topo.source_changed() can only be called as a trigger")));
	owed.scan = true;
	PG_RETURN_POINTER(NULL);
}

static void
release_database(Oid database)
{
	registry *shared = registry_get();

	registry_lock(LW_EXCLUSIVE);
	if (--shared->held_count == 0)
		shared->held = InvalidOid;
	registry_unlock();
	ConditionVariableBroadcast(&shared->changed);
	registry_request_scan(database);
}

/* A look before the end would not see what the transaction did. */
static void
settle_after_transaction(XactEvent event, void *argument)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (OidIsValid(owed.held))
		release_database(owed.held);
	if (owed.scan_all)
		registry_request_scan(InvalidOid);
	else if (owed.scan)
		registry_request_scan(MyDatabaseId);
	memset(&owed, 0, sizeof(owed));
}

/* The database that a command needs for itself, or InvalidOid. */
static Oid
exclusive_database(Node *statement)
{
	if (IsA(statement, DropdbStmt))
		return get_database_oid(((DropdbStmt *) statement)->dbname, true);
	if (IsA(statement, RenameStmt) && ((RenameStmt *) statement)->renameType == OBJECT_DATABASE)
		return get_database_oid(((RenameStmt *) statement)->subname, true);
	if (IsA(statement, AlterDatabaseStmt))
		return get_database_oid(((AlterDatabaseStmt *) statement)->dbname, true);
	if (IsA(statement, CreatedbStmt))
	{
		ListCell *cell;

		foreach (cell, ((CreatedbStmt *) statement)->options)
		{
			DefElem *option = lfirst_node(DefElem, cell);

			if (strcmp(option->defname, "template") == 0 && option->arg)
				return get_database_oid(defGetString(option), true);
		}
	}
	return InvalidOid;
}

/* Whether a database has a worker; those that it has are told to go. */
static bool
send_workers_away(Oid database)
{
	registry *shared = registry_get();
	bool any;

	registry_lock(LW_SHARED);
	any = shared->scanned == database;
	for (int i = 0; i < shared->slot_count; i++)
	{
		source_slot *slot = &shared->slots[i];

		if (slot->database == database && (slot->pid != 0 || slot->state == SLOT_STARTING))
		{
			any = true;
			if (slot->latch)
				SetLatch(slot->latch);
		}
	}
	registry_unlock();
	return any;
}

/*
 * One database at a time is held, by one session or by several that want the
 * same one; a second database waits for the first.
 */
static void
hold_database(Oid database)
{
	registry *shared = registry_get();
	bool taken;

	do
	{
		registry_lock(LW_EXCLUSIVE);
		taken = shared->held_count == 0 || shared->held == database;
		if (taken)
		{
			shared->held = database;
			shared->held_count++;
			owed.held = database;
		}
		registry_unlock();
		if (!taken)
			ConditionVariableTimedSleep(&shared->changed, 1000, PG_WAIT_EXTENSION);
	} while (!taken);
	ConditionVariableCancelSleep();
}

static void
wait_until_alone(Oid database)
{
	ConditionVariable *changed = &registry_get()->changed;

	ConditionVariablePrepareToSleep(changed);
	while (send_workers_away(database))
		ConditionVariableTimedSleep(changed, 1000, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
}

static void
topology_process_utility(PlannedStmt *statement, const char *query, bool read_only_tree,
						 ProcessUtilityContext context, ParamListInfo parameters,
						 QueryEnvironment *environment, DestReceiver *receiver,
						 QueryCompletion *completion)
{
	ProcessUtility_hook_type run =
		previous_process_utility ? previous_process_utility : standard_ProcessUtility;
	Node *command = statement->utilityStmt;
	Oid database = InvalidOid;

	if (IsA(command, CreatedbStmt))
		owed.scan_all = true;
	if (IsA(command, DropStmt) && ((DropStmt *) command)->removeType == OBJECT_EXTENSION)
		owed.scan = true;
	if (context == PROCESS_UTILITY_TOPLEVEL && IsTransactionState())
		database = exclusive_database(command);
	if (OidIsValid(database) && !OidIsValid(owed.held))
	{
		hold_database(database);
		wait_until_alone(database);
	}
	run(statement, query, read_only_tree, context, parameters, environment, receiver, completion);
}

void
utility_install_hooks(void)
{
	previous_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = topology_process_utility;
	RegisterXactCallback(settle_after_transaction, NULL);
}
