/*
 * scout.c
 *		A short-lived worker that looks at the sources of one database and tells
 *		the registry which are wanted, and whether a keeper and a snapshotter are.
 *
 * A database without the extension wants none.  The scout reads with its own
 * snapshot, so it sees exactly what is committed.  A scout that fails, or that
 * somebody's lock keeps from reading, has another follow it after a while.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "worker/connection.h"
#include "worker/launcher.h"
#include "worker/registry.h"

/* Scouts go one at a time: none may wait for long. */
#define SCOUT_LOCK_TIMEOUT "10s"

static const char WANTED_QUERY[] = "SELECT w.id, w.name, '0'::xid FROM (VALUES (" CppAsString2(
	REGISTRY_KEEPER) ", 'keeper'), (" CppAsString2(REGISTRY_SNAPSHOTTER) ", 'snapshotter')) w (id, "
																		 "name)"
																		 " WHERE EXISTS (SELECT "
																		 "FROM topo.graph)"
																		 " UNION ALL SELECT id, "
																		 "name, xmin FROM "
																		 "topo.source"
																		 " WHERE enabled ORDER BY "
																		 "1";

typedef struct wanted_source
{
	int32 id;
	NameData name;
	TransactionId version;
} wanted_source;

/*
 * A running worker that knows another version of its source has to go.  False:
 * no slot is free.
 */
static bool
want_source(const wanted_source *source)
{
	source_slot *slot = registry_find_slot(MyDatabaseId, source->id, true);

	if (!slot)
		return false;
	slot->wanted = true;
	slot->name = source->name;
	if (slot->version != source->version)
	{
		slot->version = source->version;
		slot->next_start = 0;
	}
	if (slot->latch)
		SetLatch(slot->latch);
	return true;
}

static void
tell_registry(const wanted_source *sources, uint64 count)
{
	registry *shared = registry_get();
	uint64 without_slot = 0;

	registry_lock(LW_EXCLUSIVE);
	for (int i = 0; i < shared->slot_count; i++)
		if (shared->slots[i].database == MyDatabaseId)
		{
			shared->slots[i].wanted = false;
			if (shared->slots[i].latch)
				SetLatch(shared->slots[i].latch);
		}
	for (uint64 i = 0; i < count; i++)
		without_slot += !want_source(&sources[i]);
	shared->out_of_slots |= without_slot > 0;
	shared->scan_done = true;
	registry_unlock();
	if (without_slot > 0)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("topology has no place for " UINT64_FORMAT " of the workers", without_slot),
				 errhint("Raise \"topology.max_sources\".")));
}

static void
read_source(HeapTuple tuple, TupleDesc desc, wanted_source *source)
{
	bool isnull;

	source->id = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull));
	namestrcpy(&source->name, TextDatumGetCString(SPI_getbinval(tuple, desc, 2, &isnull)));
	source->version = DatumGetTransactionId(SPI_getbinval(tuple, desc, 3, &isnull));
}

static void
read_sources(void)
{
	wanted_source *sources;
	int result;

	SPI_connect();
	result = SPI_execute(WANTED_QUERY, true, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "could not read topo.source: %s", SPI_result_code_string(result));
	sources = palloc(sizeof(*sources) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
		read_source(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, &sources[i]);
	tell_registry(sources, SPI_processed);
	SPI_finish();
}

static void
wake_launcher_at_exit(int code, Datum argument)
{
	registry_wake_launcher();
}

void
topology_scout_main(Datum database)
{
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	on_shmem_exit(wake_launcher_at_exit, (Datum) 0);
	connect_to_database(DatumGetObjectId(database));
	SetConfigOption("lock_timeout", SCOUT_LOCK_TIMEOUT, PGC_SUSET, PGC_S_OVERRIDE);

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (OidIsValid(get_extension_oid("topology", true)))
		read_sources();
	else
		tell_registry(NULL, 0);
	PopActiveSnapshot();
	CommitTransactionCommand();
	proc_exit(0);
}
