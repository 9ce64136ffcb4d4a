/*
 * registry.c
 *		The shared memory of the workers; registry.h tells its rules.
 *
 * Its size is fixed at server start by topology.max_sources.  A crash of any
 * process resets it with the rest of shared memory, so that nothing in it can
 * be stale.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "settings.h"
#include "worker/registry.h"

#define REGISTRY_TRANCHE "topology"

/* Of sources, of keepers and of snapshotters: topology.max_sources each. */
#define SLOTS_OF_EACH 3

static registry *shared = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;
static shmem_request_hook_type previous_shmem_request = NULL;

static Size
registry_size(void)
{
	return add_size(offsetof(registry, slots),
					mul_size(SLOTS_OF_EACH * topology_max_sources, sizeof(source_slot)));
}

static void
registry_shmem_request(void)
{
	if (previous_shmem_request)
		previous_shmem_request();
	RequestAddinShmemSpace(registry_size());
	RequestNamedLWLockTranche(REGISTRY_TRANCHE, 1);
}

static void
registry_shmem_startup(void)
{
	bool found;

	if (previous_shmem_startup)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("topology registry", registry_size(), &found);
	if (!found)
	{
		memset(shared, 0, registry_size());
		shared->lock = &GetNamedLWLockTranche(REGISTRY_TRANCHE)->lock;
		shared->slot_count = SLOTS_OF_EACH * topology_max_sources;
		shared->scan_all = true;
		ConditionVariableInit(&shared->changed);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
registry_request(void)
{
	hook_shmem_request(registry_shmem_request, &previous_shmem_request);
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = registry_shmem_startup;
}

registry *
registry_get(void)
{
	return shared;
}

void
registry_lock(LWLockMode mode)
{
	LWLockAcquire(shared->lock, mode);
}

void
registry_unlock(void)
{
	LWLockRelease(shared->lock);
}

void
registry_wake_launcher(void)
{
	Latch *launcher;

	registry_lock(LW_SHARED);
	launcher = shared->launcher;
	registry_unlock();
	if (launcher)
		SetLatch(launcher);
}

static bool
scan_is_queued(Oid database)
{
	for (int i = 0; i < shared->scan_count; i++)
		if (shared->scans[i] == database)
			return true;
	return false;
}

void
registry_request_scan(Oid database)
{
	if (!shared)
		return;
	registry_lock(LW_EXCLUSIVE);
	if (!OidIsValid(database) || shared->scan_count == REGISTRY_SCANS)
		shared->scan_all = true;
	else if (!scan_is_queued(database))
		shared->scans[shared->scan_count++] = database;
	registry_unlock();
	registry_wake_launcher();
}

source_slot *
registry_find_slot(Oid database, int32 source, bool make)
{
	source_slot *unused = NULL;
	int first = topology_max_sources * (source > 0 ? 0 : 1 - source);

	for (int i = first; i < first + topology_max_sources; i++)
	{
		source_slot *slot = &shared->slots[i];

		if (slot->database == database && slot->source == source)
			return slot;
		if (!OidIsValid(slot->database) && !unused)
			unused = slot;
	}
	if (!make || !unused)
		return NULL;
	unused->database = database;
	unused->source = source;
	return unused;
}

void
registry_settle_slot(source_slot *slot, bool failed)
{
	TimestampTz now = GetCurrentTimestamp();
	int longest_ms = topology_restart_delay_max * 1000;

	if (!failed || (slot->running_since != 0 &&
					TimestampDifferenceExceeds(slot->running_since, now, longest_ms)))
		slot->failures = 0;
	slot->state = failed ? SLOT_BACKOFF : SLOT_STOPPED;
	slot->next_start = 0;
	if (failed)
	{
		int delay_ms = 1000 << Min(slot->failures, 16);

		slot->failures++;
		slot->next_start = TimestampTzPlusMilliseconds(now, Min(delay_ms, longest_ms));
	}
	slot->running_since = 0;
	slot->pid = 0;
	slot->latch = NULL;
}

void
registry_free_slot(source_slot *slot)
{
	slot_requests requested = slot->requested;
	slot_requests done = slot->done;

	Assert(slot->pid == 0);
	memset(slot, 0, sizeof(*slot));
	slot->requested = requested;
	slot->done = done;
}

static database_hold *
find_hold(Oid database)
{
	for (int i = 0; i < shared->hold_count; i++)
		if (shared->holds[i].database == database)
			return &shared->holds[i];
	return NULL;
}

bool
registry_is_held(Oid database)
{
	return find_hold(database) != NULL;
}

bool
registry_hold(Oid database)
{
	database_hold *hold;
	bool held = true;

	registry_lock(LW_EXCLUSIVE);
	hold = find_hold(database);
	if (hold)
		hold->count++;
	else if (shared->hold_count < REGISTRY_HOLDS)
		shared->holds[shared->hold_count++] = (database_hold){.database = database, .count = 1};
	else
		held = false;
	registry_unlock();
	return held;
}

void
registry_release(Oid database)
{
	database_hold *hold;

	registry_lock(LW_EXCLUSIVE);
	hold = find_hold(database);
	if (hold && --hold->count == 0)
		*hold = shared->holds[--shared->hold_count];
	registry_unlock();
	registry_request_scan(database);
}
