/*
 * link_trigger.c
 *		The triggers that note what changes in the links of a graph, and in the
 *		names of nodes, in topo.link_change.
 *
 * Links: a statement's changes are in its transition tables, and are noted by one
 * INSERT when it ends.  A statement, or a transaction, that changes more than
 * LINK_DELTA_LIMIT links notes only that everything may have changed; so does
 * TRUNCATE.  From the beginning of a statement until then this process's own
 * reads of that table may see more than is noted; who asks is told so.
 *
 * Names: each node that is renamed or goes is noted before it does, and the
 * transaction itself counts as ahead of what is noted until it ends.
 *
 * The rows are written as the owner of topo.link_change: who may change links or
 * nodes need have no right to that table, and should not have.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "traverse/link_delta.h"

PG_FUNCTION_INFO_V1(topology_note_links);
PG_FUNCTION_INFO_V1(topology_note_names);

#define NOTE_ADDED                                                                                 \
	"INSERT INTO topo.link_change (graph, sign, level, source, target, type)"                      \
	" SELECT $1, 1, level, src, dst, type FROM added"
#define NOTE_REMOVED                                                                               \
	"INSERT INTO topo.link_change (graph, sign, level, source, target, type)"                      \
	" SELECT $1, -1, level, src, dst, type FROM removed"
#define NOTE_ALL  "INSERT INTO topo.link_change (graph, sign) VALUES ($1, 0)"
#define NOTE_NAME "INSERT INTO topo.link_change (graph, sign, source) VALUES ($1, 1, $2)"

typedef enum note_kind
{
	NOTE_KIND_ADDED,
	NOTE_KIND_REMOVED,
	NOTE_KIND_ALL,
	NOTE_KIND_NAME
} note_kind;

static const char *const note_texts[] = {NOTE_ADDED, NOTE_REMOVED, NOTE_ALL, NOTE_NAME};

/* Plans are of one table, since the names of transition tables are. */
typedef struct note_plan_key
{
	Oid table;
	int32 kind;
} note_plan_key;

typedef struct note_plan
{
	note_plan_key key;
	SPIPlanPtr plan;
} note_plan;

static HTAB *plans = NULL;

/* What this transaction has done. */
static struct
{
	int changing; /* statements that have begun to change links, and have noted nothing yet */
	bool names;   /* it has changed names */
	Oid table;    /* the last whose changes were noted */
	uint64 rows;  /* of it */
	bool all;     /* all of it was noted as changed */
} noted;

bool
link_delta_is_behind(void)
{
	return noted.changing > 0;
}

bool
link_delta_names_are_behind(void)
{
	return noted.names;
}

static void
end_transaction(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		memset(&noted, 0, sizeof(noted));
}

/* What was noted may have been rolled back. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId self, SubTransactionId parent,
				   void *argument)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		noted.table = InvalidOid;
		noted.rows = 0;
		noted.all = false;
	}
}

static void
begin_noting(void)
{
	HASHCTL control = {
		.keysize = sizeof(note_plan_key),
		.entrysize = sizeof(note_plan),
		.hcxt = TopMemoryContext,
	};

	if (plans != NULL)
		return;
	plans = hash_create("topology notes of changes", 16, &control,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

/* Needs a connection to SPI that knows the transition tables. */
static SPIPlanPtr
find_plan(Oid table, note_kind kind)
{
	note_plan_key key = {.table = table, .kind = kind};
	Oid types[2] = {OIDOID, INT8OID};
	note_plan *entry = hash_search(plans, &key, HASH_FIND, NULL);
	SPIPlanPtr plan;

	if (entry != NULL)
		return entry->plan;
	plan = SPI_prepare(note_texts[kind], kind == NOTE_KIND_NAME ? 2 : 1, types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\"", note_texts[kind]);
	entry = hash_search(plans, &key, HASH_ENTER, NULL);
	entry->plan = plan;
	return plan;
}

static Oid
change_table_owner(void)
{
	Relation relation = table_open(link_delta_relation("topo", "link_change"), AccessShareLock);
	Oid owner = relation->rd_rel->relowner;

	table_close(relation, AccessShareLock);
	return owner;
}

static void
note(Oid table, note_kind kind, int64 node)
{
	Datum values[2] = {ObjectIdGetDatum(kind == NOTE_KIND_NAME ? LINK_DELTA_NAMES : table),
					   Int64GetDatum(node)};
	SPIPlanPtr plan = find_plan(table, kind);
	Oid user;
	int context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(change_table_owner(), context | SECURITY_LOCAL_USERID_CHANGE);
	if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not note a change of links");
	SetUserIdAndSecContext(user, context);
}

static uint64
rows_of(Tuplestorestate *table)
{
	return table == NULL ? 0 : tuplestore_tuple_count(table);
}

/* Whether all of the table is, or is now to be, noted as changed. */
static bool
note_as_whole(TriggerData *trigger, uint64 rows)
{
	Oid table = RelationGetRelid(trigger->tg_relation);
	bool truncated = TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event);

	if (noted.table != table)
	{
		noted.table = table;
		noted.rows = 0;
		noted.all = false;
	}
	noted.rows += rows;
	if (noted.all)
		return true;
	if (!truncated && noted.rows <= LINK_DELTA_LIMIT)
		return false;
	note(table, NOTE_KIND_ALL, 0);
	noted.all = true;
	return true;
}

static void
note_statement(TriggerData *trigger)
{
	uint64 added = rows_of(trigger->tg_newtable);
	uint64 removed = rows_of(trigger->tg_oldtable);
	Oid table = RelationGetRelid(trigger->tg_relation);

	if (added + removed == 0 && !TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		return;
	SPI_connect();
	if (!note_as_whole(trigger, added + removed))
	{
		if (SPI_register_trigger_data(trigger) != SPI_OK_TD_REGISTER)
			elog(ERROR, "could not see what changed");
		if (removed > 0)
			note(table, NOTE_KIND_REMOVED, 0);
		if (added > 0)
			note(table, NOTE_KIND_ADDED, 0);
	}
	SPI_finish();
}

static TriggerData *
trigger_data(FunctionCallInfo fcinfo, const char *name)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("topo.%s() can only be called as a trigger", name)));
	begin_noting();
	return (TriggerData *) fcinfo->context;
}

Datum
topology_note_links(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo, "note_links");

	if (TRIGGER_FIRED_BEFORE(trigger->tg_event))
		noted.changing++;
	else
	{
		note_statement(trigger);
		noted.changing--;
	}
	PG_RETURN_POINTER(NULL);
}

static int64
node_of(TriggerData *trigger, HeapTuple tuple)
{
	bool isnull;

	return DatumGetInt64(SPI_getbinval(tuple, RelationGetDescr(trigger->tg_relation),
									   SPI_fnumber(RelationGetDescr(trigger->tg_relation), "id"),
									   &isnull));
}

static void
note_names(TriggerData *trigger)
{
	Oid table = RelationGetRelid(trigger->tg_relation);

	noted.names = true;
	SPI_connect();
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		note(LINK_DELTA_NAMES, NOTE_KIND_ALL, 0);
	else
		note(table, NOTE_KIND_NAME, node_of(trigger, trigger->tg_trigtuple));
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		note(table, NOTE_KIND_NAME, node_of(trigger, trigger->tg_newtuple));
	SPI_finish();
}

Datum
topology_note_names(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo, "note_names");

	note_names(trigger);
	PG_RETURN_POINTER(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event)   ? trigger->tg_newtuple
					  : TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ? trigger->tg_trigtuple
																   : NULL);
}
