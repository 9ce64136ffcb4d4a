/*
 * snapshot_store.c
 *		The block in shared memory that knows the newest snapshot of each graph.
 *
 * Everything in the block is protected by its lock, which is held for a few
 * assignments; only who maps a version for the first time holds it while it
 * does so, some tens of microseconds, so that it cannot be freed meanwhile.
 * Condition `changed` is broadcast when a request was answered.
 *
 * A mapping outlives the statement: mapping anew costs a page fault for each page
 * that is touched.  Each process counts for as long as it has a version mapped,
 * by a callback of the segment, which runs at its exit too.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "settings.h"
#include "traverse/snapshot_store.h"

#define STORE_TRANCHE  "topology snapshots"
#define STORE_GRAPHS   256
#define STORE_BUILDERS 64
#define STORE_RETIRED  256

/* A version that was replaced, and is mapped still. */
typedef struct retired_version
{
	uint64 version; /* 0: the place is free */
	uint64 bytes;
	uint32 readers;
} retired_version;

typedef struct builder_latch
{
	Oid database;
	Latch *latch;
} builder_latch;

typedef struct snapshot_store
{
	LWLock *lock;
	ConditionVariable changed;
	uint64 last_version;
	uint64 bytes; /* of all versions, and what is reserved */
	builder_latch builders[STORE_BUILDERS];
	retired_version retired[STORE_RETIRED];
	snapshot_state graphs[STORE_GRAPHS];
} snapshot_store;

/* A version in this process's memory. */
typedef struct mapping
{
	struct mapping *next;
	Oid link;
	uint64 version;
	dsm_segment *segment;
} mapping;

static snapshot_store *store = NULL;
static mapping *mappings = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;
static shmem_request_hook_type previous_shmem_request = NULL;

static void
store_shmem_request(void)
{
	if (previous_shmem_request)
		previous_shmem_request();
	RequestAddinShmemSpace(sizeof(snapshot_store));
	RequestNamedLWLockTranche(STORE_TRANCHE, 1);
}

static void
store_shmem_startup(void)
{
	bool found;

	if (previous_shmem_startup)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	store = ShmemInitStruct("topology snapshots", sizeof(snapshot_store), &found);
	if (!found)
	{
		memset(store, 0, sizeof(snapshot_store));
		store->lock = &GetNamedLWLockTranche(STORE_TRANCHE)->lock;
		ConditionVariableInit(&store->changed);
	}
	LWLockRelease(AddinShmemInitLock);
}

bool
snapshot_store_exists(void)
{
	return store != NULL;
}

/* Needs the lock. */
static snapshot_state *
find_graph(Oid link)
{
	for (int i = 0; i < STORE_GRAPHS; i++)
		if (store->graphs[i].link == link && store->graphs[i].database == MyDatabaseId)
			return &store->graphs[i];
	return NULL;
}

/* Needs the lock, exclusively; NULL: there is no place. */
static snapshot_state *
find_or_add_graph(Oid link)
{
	snapshot_state *graph = find_graph(link);

	for (int i = 0; graph == NULL && i < STORE_GRAPHS; i++)
		if (!OidIsValid(store->graphs[i].database))
		{
			graph = &store->graphs[i];
			memset(graph, 0, sizeof(*graph));
			graph->database = MyDatabaseId;
			graph->link = link;
		}
	return graph;
}

snapshot_state *
snapshot_states(int *count)
{
	snapshot_state *states = palloc(sizeof(snapshot_state) * STORE_GRAPHS);

	*count = 0;
	if (store == NULL)
		return states;
	LWLockAcquire(store->lock, LW_SHARED);
	for (int i = 0; i < STORE_GRAPHS; i++)
		if (store->graphs[i].database == MyDatabaseId)
			states[(*count)++] = store->graphs[i];
	LWLockRelease(store->lock);
	return states;
}

bool
snapshot_state_of(Oid link, snapshot_state *state)
{
	snapshot_state *graph;

	LWLockAcquire(store->lock, LW_SHARED);
	graph = find_graph(link);
	if (graph != NULL)
		*state = *graph;
	LWLockRelease(store->lock);
	return graph != NULL;
}

/* A version has lost its place as the newest, with so many readers; needs the lock. */
static void
retire(snapshot_state *graph)
{
	if (graph->version == 0)
		return;
	dsm_unpin_segment(graph->handle);
	for (int i = 0; graph->readers > 0 && i < STORE_RETIRED; i++)
		if (store->retired[i].version == 0)
		{
			store->retired[i] = (retired_version){
				.version = graph->version, .bytes = graph->bytes, .readers = graph->readers};
			graph->readers = 0;
			graph->bytes = 0;
		}
	store->bytes -= graph->bytes;
	graph->version = 0;
	graph->bytes = 0;
	graph->readers = 0;
}

static void
leave_retired(uint64 version)
{
	for (int i = 0; i < STORE_RETIRED; i++)
	{
		retired_version *retired = &store->retired[i];

		if (retired->version != version)
			continue;
		if (--retired->readers == 0)
		{
			store->bytes -= retired->bytes;
			retired->version = 0;
		}
	}
}

/* This process lets go of a version: at dsm_detach(), or at its exit. */
static void
leave_version(dsm_segment *segment, Datum argument)
{
	mapping *left = (mapping *) DatumGetPointer(argument);
	snapshot_state *graph;

	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	graph = find_graph(left->link);
	if (graph != NULL && graph->version == left->version)
		graph->readers--;
	else
		leave_retired(left->version);
	LWLockRelease(store->lock);
}

static mapping *
find_mapping(Oid link, uint64 version)
{
	for (mapping *known = mappings; known != NULL; known = known->next)
		if (known->link == link && known->version == version)
			return known;
	return NULL;
}

static dsm_segment *
attach(dsm_handle handle)
{
	MemoryContext memory = CurrentMemoryContext;
	dsm_segment *volatile segment = NULL;

	PG_TRY();
	{
		segment = dsm_attach(handle);
	}
	PG_CATCH();
	{
		/* such as no memory to map it to: the tables have the same answer */
		MemoryContextSwitchTo(memory);
		FlushErrorState();
	}
	PG_END_TRY();
	return segment;
}

/* Needs the lock, exclusively. */
static mapping *
map_version(snapshot_state *graph)
{
	mapping *made = MemoryContextAllocZero(TopMemoryContext, sizeof(mapping));

	made->link = graph->link;
	made->version = graph->version;
	made->segment = attach(graph->handle);
	if (made->segment == NULL)
	{
		pfree(made);
		return NULL;
	}
	dsm_pin_mapping(made->segment);
	on_dsm_detach(made->segment, leave_version, PointerGetDatum(made));
	graph->readers++;
	made->next = mappings;
	mappings = made;
	return made;
}

const csr_header *
snapshot_map(Oid link, uint64 *version)
{
	snapshot_state state;
	snapshot_state *graph;
	mapping *known;

	if (!snapshot_state_of(link, &state) || state.version == 0)
		return NULL;
	known = find_mapping(link, state.version);
	if (known == NULL)
	{
		LWLockAcquire(store->lock, LW_EXCLUSIVE);
		graph = find_graph(link);
		if (graph != NULL && graph->version != 0)
			known = map_version(graph);
		LWLockRelease(store->lock);
	}
	if (known == NULL ||
		!csr_is_valid(dsm_segment_address(known->segment), dsm_segment_map_length(known->segment)))
		return NULL;
	*version = known->version;
	return dsm_segment_address(known->segment);
}

static bool
is_newest(const mapping *known)
{
	snapshot_state state;

	return snapshot_state_of(known->link, &state) && state.version == known->version;
}

/* At the end of a transaction: let go of the versions that were replaced. */
static void
let_go(XactEvent event, void *argument)
{
	mapping **place = &mappings;

	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT ||
		event == XACT_EVENT_PRE_PREPARE)
		return;
	while (*place != NULL)
	{
		mapping *known = *place;

		if (is_newest(known))
		{
			place = &known->next;
			continue;
		}
		*place = known->next;
		dsm_detach(known->segment);
		pfree(known);
	}
}

void
snapshot_store_init(void)
{
	hook_shmem_request(store_shmem_request, &previous_shmem_request);
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = store_shmem_startup;
	RegisterXactCallback(let_go, NULL);
}

void
snapshot_note_use(Oid link)
{
	snapshot_state *graph;

	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	graph = find_graph(link);
	if (graph != NULL)
		graph->uses++;
	LWLockRelease(store->lock);
}

void
snapshot_note_delta(Oid link, uint64 delta)
{
	snapshot_state *graph;

	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	graph = find_graph(link);
	if (graph != NULL)
		graph->delta = delta;
	LWLockRelease(store->lock);
}

/* Needs the lock. */
static void
wake_builder(void)
{
	for (int i = 0; i < STORE_BUILDERS; i++)
		if (store->builders[i].database == MyDatabaseId && store->builders[i].latch != NULL)
			SetLatch(store->builders[i].latch);
}

uint64
snapshot_request(Oid link, bool insist)
{
	snapshot_state *graph;
	uint64 number = 0;

	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	graph = find_or_add_graph(link);
	if (graph != NULL)
	{
		number = ++graph->requested;
		if (insist)
			graph->insisted = number;
		wake_builder();
	}
	LWLockRelease(store->lock);
	return number;
}

bool
snapshot_await(Oid link, uint64 request, TimestampTz deadline)
{
	snapshot_state state;
	bool answered;

	ConditionVariablePrepareToSleep(&store->changed);
	while (!(answered = snapshot_state_of(link, &state) && state.answered >= request))
	{
		long timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (timeout <= 0)
			break;
		(void) ConditionVariableTimedSleep(&store->changed, timeout, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return answered;
}

/*
 * What builders do
 */

static void
stop_serving(int code, Datum argument)
{
	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	for (int i = 0; i < STORE_GRAPHS; i++)
		if (store->graphs[i].database == MyDatabaseId)
		{
			retire(&store->graphs[i]);
			memset(&store->graphs[i], 0, sizeof(snapshot_state));
		}
	for (int i = 0; i < STORE_BUILDERS; i++)
		if (store->builders[i].latch == MyLatch)
			memset(&store->builders[i], 0, sizeof(builder_latch));
	LWLockRelease(store->lock);
	ConditionVariableBroadcast(&store->changed);
}

void
snapshot_serve(void)
{
	before_shmem_exit(stop_serving, (Datum) 0);
	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	for (int i = 0; i < STORE_BUILDERS; i++)
		if (store->builders[i].latch == NULL)
		{
			store->builders[i] = (builder_latch){.database = MyDatabaseId, .latch = MyLatch};
			break;
		}
	LWLockRelease(store->lock);
}

void
snapshot_reserve(Oid link, uint64 bytes)
{
	uint64 limit = (uint64) topology_snapshot_memory * 1024;
	snapshot_state *graph;
	bool fits;

	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	graph = find_graph(link);
	if (store->bytes + bytes > limit && graph != NULL)
		retire(graph);
	fits = store->bytes + bytes <= limit;
	if (fits)
		store->bytes += bytes;
	LWLockRelease(store->lock);
	if (!fits)
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("no room for a snapshot of " UINT64_FORMAT " kB", bytes / 1024),
						errhint("Raise \"topology.snapshot_memory\".")));
}

void
snapshot_unreserve(uint64 bytes)
{
	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	store->bytes -= bytes;
	LWLockRelease(store->lock);
}

void
snapshot_publish(Oid link, dsm_segment *segment, const snapshot_state *made)
{
	snapshot_state *graph;

	dsm_pin_segment(segment);
	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	graph = find_or_add_graph(link);
	Assert(graph != NULL);
	retire(graph);
	graph->version = ++store->last_version;
	graph->handle = dsm_segment_handle(segment);
	graph->bytes = made->bytes;
	graph->nodes = made->nodes;
	graph->edges = made->edges;
	graph->xmin = made->xmin;
	graph->built_at = made->built_at;
	graph->build_ms = made->build_ms;
	graph->delta = 0;
	graph->answered = made->answered;
	graph->attempted_at = GetCurrentTimestamp();
	graph->error[0] = '\0';
	LWLockRelease(store->lock);
	ConditionVariableBroadcast(&store->changed);
}

void
snapshot_note_failure(Oid link, uint64 request, const char *message)
{
	snapshot_state *graph;

	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	graph = find_graph(link);
	if (graph != NULL)
	{
		graph->answered = request;
		graph->attempted_at = GetCurrentTimestamp();
		strlcpy(graph->error, message, SNAPSHOT_ERROR);
	}
	LWLockRelease(store->lock);
	ConditionVariableBroadcast(&store->changed);
}

void
snapshot_forget(Oid link)
{
	snapshot_state *graph;

	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	graph = find_graph(link);
	if (graph != NULL)
	{
		retire(graph);
		memset(graph, 0, sizeof(*graph));
	}
	LWLockRelease(store->lock);
	ConditionVariableBroadcast(&store->changed);
}
