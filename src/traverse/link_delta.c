/*
 * link_delta.c
 *		Reads the changes since a snapshot's moment.
 *
 * The rows are read without the executor: a look-up that finds nothing, which is
 * the usual case, costs a microsecond.
 *
 * A signature is a hash of the triggers that note changes, as they are in
 * pg_trigger, with the transactions that made them so: to disable one and to
 * enable it again makes another signature.  It is kept until the relation cache
 * says that the table has changed.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "common/hashfn.h"
#include "commands/trigger.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/xid8.h"

#include "traverse/link_delta.h"

#define CHANGE_TABLE "link_change"
#define CHANGE_INDEX "link_change_idx"

/* The columns of topo.link_change. */
enum
{
	CHANGE_GRAPH = 1,
	CHANGE_XID,
	CHANGE_SIGN,
	CHANGE_LEVEL,
	CHANGE_SOURCE,
	CHANGE_TARGET,
	CHANGE_TYPE,
	CHANGE_COLUMNS = CHANGE_TYPE
};

/* How many triggers note the changes of a table. */
#define LINK_TRIGGERS 5
#define NODE_TRIGGERS 3

typedef struct known_signature
{
	Oid table;
	uint64 signature;
} known_signature;

static HTAB *signatures = NULL;

Oid
link_delta_relation(const char *schema, const char *name)
{
	Oid namespace = get_namespace_oid(schema, true);

	return OidIsValid(namespace) ? get_relname_relid(name, namespace) : InvalidOid;
}

static void
add_change(link_delta *delta, const Datum *values)
{
	if (delta->count == delta->capacity)
	{
		delta->capacity = Max(16, 2 * delta->capacity);
		delta->changes = delta->changes == NULL
							 ? palloc(delta->capacity * sizeof(link_change))
							 : repalloc(delta->changes, delta->capacity * sizeof(link_change));
	}
	delta->changes[delta->count++] = (link_change){
		.source = DatumGetInt64(values[CHANGE_SOURCE - 1]),
		.target = DatumGetInt64(values[CHANGE_TARGET - 1]),
		.type = DatumGetInt32(values[CHANGE_TYPE - 1]),
		.level = DatumGetChar(values[CHANGE_LEVEL - 1]),
		.sign = (int8) DatumGetInt16(values[CHANGE_SIGN - 1]),
	};
}

/* False: there is no need to look further. */
static bool
take_change(link_delta *delta, const csr_header *csr, HeapTuple tuple, TupleDesc desc)
{
	Datum values[CHANGE_COLUMNS];
	bool nulls[CHANGE_COLUMNS];

	heap_deform_tuple(tuple, desc, values, nulls);
	if (csr_moment_has(csr,
					   U64FromFullTransactionId(DatumGetFullTransactionId(values[CHANGE_XID - 1]))))
		return true;
	if (DatumGetInt16(values[CHANGE_SIGN - 1]) == 0 || delta->count == LINK_DELTA_LIMIT)
	{
		delta->whole = true;
		return false;
	}
	add_change(delta, values);
	return true;
}

link_delta
link_delta_read(Oid link, const csr_header *csr, Snapshot snapshot)
{
	link_delta delta = {0};
	Oid table = link_delta_relation("topo", CHANGE_TABLE);
	Relation relation = table_open(table, AccessShareLock);
	FullTransactionId first = FullTransactionIdFromU64(csr->moment.xmin);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], CHANGE_GRAPH, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(link));
	ScanKeyInit(&keys[1], CHANGE_XID, BTGreaterEqualStrategyNumber, F_XID8GE,
				FullTransactionIdGetDatum(first));
	scan = systable_beginscan(relation, link_delta_relation("topo", CHANGE_INDEX), true, snapshot,
							  lengthof(keys), keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (!take_change(&delta, csr, tuple, RelationGetDescr(relation)))
			break;
	systable_endscan(scan);
	table_close(relation, NoLock);
	return delta;
}

static void
forget_signature(Datum argument, Oid table)
{
	HASH_SEQ_STATUS all;
	known_signature *known;

	if (OidIsValid(table))
	{
		(void) hash_search(signatures, &table, HASH_REMOVE, NULL);
		return;
	}
	hash_seq_init(&all, signatures);
	while ((known = hash_seq_search(&all)) != NULL)
		(void) hash_search(signatures, &known->table, HASH_REMOVE, NULL);
}

static void
create_signatures(void)
{
	HASHCTL control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(known_signature),
		.hcxt = TopMemoryContext,
	};

	signatures = hash_create("topology signatures of tables", 16, &control,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(forget_signature, (Datum) 0);
}

/* Whether a trigger is one of those that note changes, and fires whatever the session's role. */
static bool
notes_changes(Form_pg_trigger trigger, Oid namespace)
{
	return !trigger->tgisinternal && trigger->tgenabled == TRIGGER_FIRES_ALWAYS &&
		   get_func_namespace(trigger->tgfoid) == namespace &&
		   strncmp(NameStr(trigger->tgname), "topo_note_", strlen("topo_note_")) == 0;
}

static Oid
file_of(Oid table)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid file = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		file = ((Form_pg_class) GETSTRUCT(tuple))->relfilenode;
		ReleaseSysCache(tuple);
	}
	return file;
}

static uint64
read_signature(Oid table)
{
	Oid namespace = get_namespace_oid("topo", true);
	Relation relation = table_open(TriggerRelationId, AccessShareLock);
	/* TRUNCATE shows to transactions that are older than it; like all that rewrites, it changes the
	 * file */
	Oid file[2] = {table, file_of(table)};
	uint64 signature = hash_bytes_extended((unsigned char *) file, sizeof(file), 0);
	int count = 0;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(table));
	scan = systable_beginscan(relation, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
		uint32 made[2] = {trigger->oid, HeapTupleHeaderGetRawXmin(tuple->t_data)};

		if (!notes_changes(trigger, namespace))
			continue;
		signature = hash_bytes_extended((unsigned char *) made, sizeof(made), signature);
		count++;
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	if (count != (table == link_delta_relation("topo", "node") ? NODE_TRIGGERS : LINK_TRIGGERS))
		return 0;
	return signature == 0 ? 1 : signature;
}

uint64
link_delta_signature(Oid table)
{
	known_signature *known;
	uint64 signature;

	if (signatures == NULL)
		create_signatures();
	known = hash_search(signatures, &table, HASH_FIND, NULL);
	if (known != NULL)
		return known->signature;
	signature = read_signature(table);
	known = hash_search(signatures, &table, HASH_ENTER, NULL);
	known->signature = signature;
	return signature;
}
