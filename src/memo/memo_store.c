/*
 * memo_store.c
 *		What was merged once, remembered in shared memory, known by what it was made of.
 */
#include "postgres.h"

#include "memo/memo_store.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "settings.h"
#include "memo/memo_notes.h"

#define STORE_TRANCHE "topology memos"

typedef struct memo_store
{
	LWLock *lock;
	LWLock *notes_lock;
	pg_atomic_uint64 hits;
	pg_atomic_uint64 misses;
	memo_ring *ring; /* in the rest of the room */
	memo_notes notes;
} memo_store;

static memo_store *store = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;
#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type previous_shmem_request = NULL;
#endif

static Size
ring_room(void)
{
	return mul_size((Size) topology_memo_memory, 1024);
}

static Size
store_room(void)
{
	return add_size(CACHELINEALIGN(sizeof(memo_store)), ring_room());
}

static void
store_shmem_request(void)
{
#if PG_VERSION_NUM >= 150000
	if (previous_shmem_request)
		previous_shmem_request();
#endif
	RequestAddinShmemSpace(store_room());
	RequestNamedLWLockTranche(STORE_TRANCHE, 2);
}

static void
make_store(void)
{
	LWLockPadded *locks = GetNamedLWLockTranche(STORE_TRANCHE);

	memset(store, 0, sizeof(memo_store));
	store->lock = &locks[0].lock;
	store->notes_lock = &locks[1].lock;
	pg_atomic_init_u64(&store->hits, 0);
	pg_atomic_init_u64(&store->misses, 0);
	store->ring = memo_ring_make((char *) store + CACHELINEALIGN(sizeof(memo_store)), ring_room());
}

static void
store_shmem_startup(void)
{
	bool found;

	if (previous_shmem_startup)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	store = ShmemInitStruct("topology memos", store_room(), &found);
	if (!found)
		make_store();
	LWLockRelease(AddinShmemInitLock);
}

void
memo_store_init(void)
{
	if (topology_memo_memory == 0)
		return;
#if PG_VERSION_NUM >= 150000
	previous_shmem_request = shmem_request_hook;
	shmem_request_hook = store_shmem_request;
#else
	store_shmem_request();
#endif
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = store_shmem_startup;
}

static bool
has_ring(void)
{
	return store != NULL && store->ring != NULL;
}

bool
memo_store_wanted(void)
{
	return topology_use_memos && has_ring();
}

static bool
find_memo(memo_key key, size_t *length)
{
	bool found;

	LWLockAcquire(store->lock, LW_SHARED);
	found = memo_ring_find(store->ring, key, length);
	LWLockRelease(store->lock);
	return found;
}

/* False: it has gone meanwhile. */
static bool
read_memo(memo_key key, void *bytes, size_t length)
{
	bool read;

	LWLockAcquire(store->lock, LW_SHARED);
	read = memo_ring_read(store->ring, key, bytes, length);
	LWLockRelease(store->lock);
	if (!read)
		pfree(bytes);
	return read;
}

bool
memo_store_get(memo_key key, void **bytes, size_t *length)
{
	bool found;

	if (!memo_store_wanted())
		return false;
	found = find_memo(key, length);
	if (found)
	{
		/* memory is had without the lock: it may take a while, or fail */
		*bytes = MemoryContextAllocHuge(CurrentMemoryContext, Max(*length, 1));
		found = read_memo(key, *bytes, *length);
	}
	pg_atomic_fetch_add_u64(found ? &store->hits : &store->misses, 1);
	return found;
}

static memo_place
reserve_place(memo_key key, size_t length, uint64 *place)
{
	memo_place found;

	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	found = memo_ring_reserve(store->ring, key, length, place);
	LWLockRelease(store->lock);
	return found;
}

static void
fill_place(uint64 place, const memo_part *parts, int count)
{
	size_t offset = 0;

	for (int i = 0; i < count; i++)
	{
		memo_ring_fill(store->ring, place, offset, parts[i].bytes, parts[i].length);
		offset += parts[i].length;
	}
}

static void
publish_place(uint64 place)
{
	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	memo_ring_publish(store->ring, place);
	LWLockRelease(store->lock);
}

void
memo_store_put(memo_key key, const memo_part *parts, int count)
{
	size_t length = 0;
	uint64 place;

	if (!memo_store_wanted())
		return;
	for (int i = 0; i < count; i++)
		length = add_size(length, parts[i].length);
	HOLD_INTERRUPTS();
	if (reserve_place(key, length, &place) == MEMO_RESERVED)
	{
		fill_place(place, parts, count);
		publish_place(place);
	}
	RESUME_INTERRUPTS();
}

bool
memo_store_was_asked(memo_key key)
{
	bool asked;

	if (!memo_store_wanted())
		return false;
	LWLockAcquire(store->notes_lock, LW_EXCLUSIVE);
	asked = memo_notes_ask(&store->notes, key);
	LWLockRelease(store->notes_lock);
	return asked;
}

uint64
memo_store_forget(void)
{
	uint64 memos;

	if (!has_ring())
		return 0;
	LWLockAcquire(store->lock, LW_EXCLUSIVE);
	memos = memo_ring_forget(store->ring);
	LWLockRelease(store->lock);
	return memos;
}

memo_store_figures
memo_store_status(void)
{
	memo_store_figures figures = {0};

	if (!has_ring())
		return figures;
	figures.memory = ring_room();
	figures.hits = pg_atomic_read_u64(&store->hits);
	figures.misses = pg_atomic_read_u64(&store->misses);
	LWLockAcquire(store->lock, LW_SHARED);
	figures.ring = memo_ring_figures(store->ring);
	LWLockRelease(store->lock);
	return figures;
}
