/*
 * utility.c
 *		Commands that must find a database without workers, and triggers and
 *		commands after which the launcher has to look again.
 *
 * DROP DATABASE, ALTER DATABASE ... RENAME or SET TABLESPACE, and CREATE
 * DATABASE with a template fail while anybody is connected to the database.
 * Dropping the extension, or the schema of a graph, locks all that a worker
 * works with, and would end in a deadlock with it.  So the workers are asked to
 * go and are kept away until the transaction of the command has ended,
 * whichever way.  One that does not come to an end by itself, maybe because it
 * waits for this very transaction, is terminated: what it did not commit is
 * done again.  Who may not give the command disturbs no worker.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "worker/registry.h"
#include "worker/utility.h"

PG_FUNCTION_INFO_V1(topology_source_changed);

/* How long workers have to go by themselves, and after they were terminated. */
#define LEAVE_MS     2000
#define TERMINATE_MS 5000

static ProcessUtility_hook_type previous_process_utility = NULL;

/* What this transaction owes when it ends. */
static struct
{
	bool scan;     /* a look at this database */
	bool scan_all; /* at all of them */
	List *held;    /* the release of these databases; in the transaction's memory */
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

/* A look before the end would not see what the transaction did. */
static void
settle_after_transaction(XactEvent event, void *argument)
{
	ListCell *cell;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	foreach (cell, owed.held)
		registry_release(lfirst_oid(cell));
	if (event == XACT_EVENT_COMMIT && owed.scan_all)
		registry_request_scan(InvalidOid);
	else if (event == XACT_EVENT_COMMIT && owed.scan)
		registry_request_scan(MyDatabaseId);
	memset(&owed, 0, sizeof(owed));
}

/* The database of that name where it is the user's to change, or InvalidOid. */
static Oid
own_database(const char *name)
{
	Oid database = get_database_oid(name, true);

	if (!OidIsValid(database) || !object_ownercheck(DatabaseRelationId, database, GetUserId()))
		return InvalidOid;
	return database;
}

/* The same for one that this session is not connected to: the command would refuse its own. */
static Oid
other_database(const char *name)
{
	Oid database = own_database(name);

	return database == MyDatabaseId ? InvalidOid : database;
}

static DefElem *
find_option(List *options, const char *name)
{
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *option = lfirst_node(DefElem, cell);

		if (option->arg && strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

/* Whether workers may work with a schema: the extension's, and those of graphs. */
static bool
is_schema_of_map(const char *name)
{
	return strcmp(name, "topo") == 0 || strncmp(name, "topo_", 5) == 0;
}

static bool
drops_extension(const char *name)
{
	Oid extension = get_extension_oid(name, true);

	return strcmp(name, "topology") == 0 && OidIsValid(extension) &&
		   object_ownercheck(ExtensionRelationId, extension, GetUserId());
}

static bool
drops_schema(const char *name)
{
	Oid schema = get_namespace_oid(name, true);

	return is_schema_of_map(name) && OidIsValid(schema) &&
		   object_ownercheck(NamespaceRelationId, schema, GetUserId());
}

static bool
drops_map(const DropStmt *statement)
{
	ListCell *cell;

	if (statement->removeType != OBJECT_EXTENSION && statement->removeType != OBJECT_SCHEMA)
		return false;
	foreach (cell, statement->objects)
	{
		const char *name = strVal(lfirst(cell));

		if (statement->removeType == OBJECT_EXTENSION ? drops_extension(name) : drops_schema(name))
			return true;
	}
	return false;
}

/* The database that a command needs without workers, or InvalidOid. */
static Oid
exclusive_database(Node *statement)
{
	DefElem *template;

	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			return other_database(((DropdbStmt *) statement)->dbname);
		case T_RenameStmt:
			if (((RenameStmt *) statement)->renameType == OBJECT_DATABASE)
				return other_database(((RenameStmt *) statement)->subname);
			return InvalidOid;
		case T_AlterDatabaseStmt:
			if (find_option(((AlterDatabaseStmt *) statement)->options, "tablespace"))
				return other_database(((AlterDatabaseStmt *) statement)->dbname);
			return InvalidOid;
		case T_CreatedbStmt:
			template = find_option(((CreatedbStmt *) statement)->options, "template");
			return template ? own_database(defGetString(template)) : InvalidOid;
		case T_DropStmt:
			return drops_map((DropStmt *) statement) ? MyDatabaseId : InvalidOid;
		default:
			return InvalidOid;
	}
}

/* Whether a database has a worker; those that it has are told to go. */
static bool
send_workers_away(Oid database, bool terminate)
{
	registry *shared = registry_get();
	bool any;

	registry_lock(LW_SHARED);
	any = shared->scanned == database;
	for (int i = 0; i < shared->slot_count; i++)
	{
		source_slot *slot = &shared->slots[i];

		if (slot->database != database || (slot->pid == 0 && slot->state != SLOT_STARTING))
			continue;
		any = true;
		if (slot->latch)
			SetLatch(slot->latch);
		if (terminate && slot->pid != 0)
			kill(slot->pid, SIGTERM);
	}
	registry_unlock();
	return any;
}

/* False: some worker is still there. */
static bool
await_departure(Oid database, bool terminate, long patience_ms)
{
	ConditionVariable *changed = &registry_get()->changed;
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), patience_ms);
	bool present;

	ConditionVariablePrepareToSleep(changed);
	while ((present = send_workers_away(database, terminate)) && GetCurrentTimestamp() < deadline)
		ConditionVariableTimedSleep(changed, 100, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
	return !present;
}

/*
 * Where workers stay in spite of all, the command itself says who is in its way.
 */
static void
hold_database(Oid database)
{
	MemoryContext previous;

	if (list_member_oid(owed.held, database))
		return;
	previous = MemoryContextSwitchTo(TopTransactionContext);
	owed.held = lappend_oid(owed.held, database);
	MemoryContextSwitchTo(previous);
	if (!registry_hold(database))
		owed.held = list_delete_last(owed.held);
	else if (!await_departure(database, false, LEAVE_MS))
		(void) await_departure(database, true, TERMINATE_MS);
}

/* Whether workers have to be found anew, in this database or in all, after a command. */
static void
note_scan(Node *statement)
{
	if (IsA(statement, CreatedbStmt) || IsA(statement, AlterDatabaseStmt))
		owed.scan_all = true;
	if (IsA(statement, TransactionStmt) &&
		((TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED)
		owed.scan = true;
}

static void
topology_process_utility(PlannedStmt *statement, const char *query, bool read_only_tree,
						 ProcessUtilityContext context, ParamListInfo parameters,
						 QueryEnvironment *environment, DestReceiver *receiver,
						 QueryCompletion *completion)
{
	ProcessUtility_hook_type run =
		previous_process_utility ? previous_process_utility : standard_ProcessUtility;

	if (registry_get() && IsTransactionState())
	{
		Oid database = exclusive_database(statement->utilityStmt);

		note_scan(statement->utilityStmt);
		if (OidIsValid(database))
			hold_database(database);
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
