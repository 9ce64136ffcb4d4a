/*
 * memo_ring.c
 *		Bytes by key in memory of a fixed size: a log in a ring, with an index.
 *
 * Places in the log are numbered on and on: the byte of place p is at p modulo the size
 * of the log.  An entry is a header and its bytes, rounded up to ALIGNMENT, which divides
 * the size of the log: so a header lies in one piece, and only bytes go around the end.
 *
 * The index is a hash table of places, each plus one, with linear probing; no slot is
 * marked as deleted, what comes behind moves up instead.
 */
#include "memo/memo_ring.h"

#include <stdatomic.h>
#include <string.h>

#define ALIGNMENT 32

/* The log has so many bytes for each slot of the index, or more. */
#define BYTES_PER_SLOT 256

typedef enum entry_state
{
	ENTRY_RESERVED,
	ENTRY_READY,
	ENTRY_GONE /* it is not in the index */
} entry_state;

typedef struct log_entry
{
	memo_key key;
	uint64_t length;
	uint32_t state;
	_Atomic uint32_t read; /* since it was written */
} log_entry;

_Static_assert(sizeof(log_entry) == ALIGNMENT, "an entry's header must not go around the end");

struct memo_ring
{
	uint64_t head; /* where the next entry goes */
	uint64_t tail; /* of the oldest entry */
	uint64_t log_size;
	uint64_t slot_mask;
	uint64_t used_slots;
	uint64_t *slots;
	uint8_t *log;
	memo_figures figures;
};

static uint64_t
aligned(uint64_t size)
{
	return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

memo_ring *
memo_ring_make(void *memory, size_t size)
{
	memo_ring *ring = memory;
	uint64_t slots = 8;
	uint64_t begin;

	while (slots * 2 * BYTES_PER_SLOT <= size)
		slots *= 2;
	begin = aligned(sizeof(memo_ring)) + slots * sizeof(uint64_t);
	if (size < begin + 8 * ALIGNMENT)
		return NULL;
	memset(ring, 0, begin);
	ring->slot_mask = slots - 1;
	ring->slots = (uint64_t *) ((uint8_t *) memory + aligned(sizeof(memo_ring)));
	ring->log = (uint8_t *) memory + begin;
	ring->log_size = (size - begin) / ALIGNMENT * ALIGNMENT;
	return ring;
}

static log_entry *
entry_at(const memo_ring *ring, uint64_t place)
{
	return (log_entry *) (ring->log + place % ring->log_size);
}

static uint64_t
entry_size(const log_entry *entry)
{
	return sizeof(log_entry) + aligned(entry->length);
}

static uint64_t
room(const memo_ring *ring)
{
	return ring->log_size - (ring->head - ring->tail);
}

/*
 * The index
 */

static uint64_t
home_slot(const memo_ring *ring, memo_key key)
{
	uint64_t mixed = (key.high ^ (key.low * UINT64_C(0x9e3779b97f4a7c15)));

	mixed *= UINT64_C(0xff51afd7ed558ccd);
	return (mixed ^ (mixed >> 32)) & ring->slot_mask;
}

static bool
same_key(memo_key a, memo_key b)
{
	return a.high == b.high && a.low == b.low;
}

/* The slot that has a key, or the empty one where it would go. */
static uint64_t *
slot_of(const memo_ring *ring, memo_key key)
{
	uint64_t i = home_slot(ring, key);

	while (ring->slots[i] != 0 && !same_key(entry_at(ring, ring->slots[i] - 1)->key, key))
		i = (i + 1) & ring->slot_mask;
	return &ring->slots[i];
}

/* The entry of a key that can be read, or NULL. */
static log_entry *
ready_entry(const memo_ring *ring, memo_key key)
{
	uint64_t slot = *slot_of(ring, key);
	log_entry *entry = slot == 0 ? NULL : entry_at(ring, slot - 1);

	return entry != NULL && entry->state == ENTRY_READY ? entry : NULL;
}

static void
empty_slot(memo_ring *ring, uint64_t *slot)
{
	uint64_t hole = (uint64_t) (slot - ring->slots);

	for (uint64_t i = (hole + 1) & ring->slot_mask; ring->slots[i] != 0;
		 i = (i + 1) & ring->slot_mask)
	{
		uint64_t home = home_slot(ring, entry_at(ring, ring->slots[i] - 1)->key);

		/* it may move up to the hole unless its home lies behind that */
		if (((i - home) & ring->slot_mask) >= ((i - hole) & ring->slot_mask))
		{
			ring->slots[hole] = ring->slots[i];
			hole = i;
		}
	}
	ring->slots[hole] = 0;
	ring->used_slots--;
}

/*
 * Making room
 */

/* Move the entry at the tail to the head: where bytes overlap, they go downwards, in order. */
static void
move_to_head(memo_ring *ring, uint64_t size)
{
	for (uint64_t done = 0; done < size;)
	{
		uint64_t from = (ring->tail + done) % ring->log_size;
		uint64_t to = (ring->head + done) % ring->log_size;
		uint64_t most = ring->log_size - (from > to ? from : to);
		uint64_t bytes = size - done < most ? size - done : most;

		memmove(ring->log + to, ring->log + from, bytes);
		done += bytes;
	}
}

static void
renew_tail(memo_ring *ring, log_entry *entry)
{
	uint64_t size = entry_size(entry);
	uint64_t *slot = slot_of(ring, entry->key);

	atomic_store_explicit(&entry->read, 0, memory_order_relaxed);
	if (room(ring) > 0)
		move_to_head(ring, size);
	*slot = ring->head + 1;
	ring->head += size;
	ring->tail += size;
	ring->figures.renewed++;
}

static void
drop_tail(memo_ring *ring, log_entry *entry)
{
	if (entry->state == ENTRY_READY)
	{
		empty_slot(ring, slot_of(ring, entry->key));
		ring->figures.memos--;
		ring->figures.evicted++;
	}
	ring->tail += entry_size(entry);
}

/* What may still be written anew while room is made. */
typedef struct renewal_budget
{
	uint64_t bytes;
	uint32_t memos;
} renewal_budget;

static bool
may_renew(const log_entry *entry, renewal_budget *budget)
{
	uint64_t size = entry_size(entry);

	if (entry->state != ENTRY_READY ||
		atomic_load_explicit(&entry->read, memory_order_relaxed) == 0 || budget->memos == 0 ||
		size > budget->bytes)
		return false;
	budget->memos--;
	budget->bytes -= size;
	return true;
}

/* False: a reserved place is in the way. */
static bool
make_room(memo_ring *ring, uint64_t size)
{
	renewal_budget budget = {.bytes = ring->log_size / 4, .memos = MEMO_RENEWALS};

	while (room(ring) < size || ring->used_slots > ring->slot_mask / 4 * 3)
	{
		log_entry *entry = entry_at(ring, ring->tail);

		if (entry->state == ENTRY_RESERVED)
			return false;
		if (may_renew(entry, &budget))
			renew_tail(ring, entry);
		else
			drop_tail(ring, entry);
	}
	return true;
}

/*
 * What callers do
 */

/* Whether it can have a place, for which room is made. */
static memo_place
find_room(memo_ring *ring, memo_key key, size_t length)
{
	uint64_t most = ring->log_size / 4;

	if (*slot_of(ring, key) != 0)
		return MEMO_KNOWN;
	if (length > most || sizeof(log_entry) + aligned(length) > most)
	{
		ring->figures.too_large++;
		return MEMO_TOO_LARGE;
	}
	if (!make_room(ring, sizeof(log_entry) + aligned(length)))
	{
		ring->figures.crowded++;
		return MEMO_CROWDED;
	}
	return MEMO_RESERVED;
}

memo_place
memo_ring_reserve(memo_ring *ring, memo_key key, size_t length, uint64_t *place)
{
	memo_place found = find_room(ring, key, length);
	log_entry *entry = entry_at(ring, ring->head);

	if (found != MEMO_RESERVED)
		return found;
	entry->key = key;
	entry->length = length;
	entry->state = ENTRY_RESERVED;
	atomic_init(&entry->read, 0);
	*slot_of(ring, key) = ring->head + 1;
	ring->used_slots++;
	*place = ring->head;
	ring->head += entry_size(entry);
	return MEMO_RESERVED;
}

/* How many bytes of a place there are in one piece, from an offset on; *at is where. */
static size_t
piece(const memo_ring *ring, uint64_t place, size_t offset, size_t length, uint8_t **at)
{
	uint64_t begin = (place + sizeof(log_entry) + offset) % ring->log_size;

	*at = ring->log + begin;
	return length < ring->log_size - begin ? length : (size_t) (ring->log_size - begin);
}

void
memo_ring_fill(memo_ring *ring, uint64_t place, size_t offset, const void *bytes, size_t length)
{
	uint8_t *at;
	size_t first = piece(ring, place, offset, length, &at);

	if (first > 0)
		memcpy(at, bytes, first);
	if (first < length)
		memcpy(ring->log, (const uint8_t *) bytes + first, length - first);
}

void
memo_ring_publish(memo_ring *ring, uint64_t place)
{
	entry_at(ring, place)->state = ENTRY_READY;
	ring->figures.memos++;
	ring->figures.kept++;
}

bool
memo_ring_find(memo_ring *ring, memo_key key, size_t *length)
{
	log_entry *entry = ready_entry(ring, key);

	if (entry == NULL)
		return false;
	*length = entry->length;
	return true;
}

bool
memo_ring_read(memo_ring *ring, memo_key key, void *to, size_t length)
{
	uint64_t slot = *slot_of(ring, key);
	log_entry *entry = ready_entry(ring, key);
	uint8_t *at;
	size_t first;

	if (entry == NULL || entry->length != length)
		return false;
	first = piece(ring, slot - 1, 0, length, &at);
	if (first > 0)
		memcpy(to, at, first);
	if (first < length)
		memcpy((uint8_t *) to + first, ring->log, length - first);
	atomic_store_explicit(&entry->read, 1, memory_order_relaxed);
	return true;
}

uint64_t
memo_ring_forget(memo_ring *ring)
{
	uint64_t memos = ring->figures.memos;
	log_entry *entry;

	for (uint64_t place = ring->tail; place != ring->head; place += entry_size(entry))
	{
		entry = entry_at(ring, place);
		if (entry->state != ENTRY_READY)
			continue;
		empty_slot(ring, slot_of(ring, entry->key));
		entry->state = ENTRY_GONE;
	}
	ring->figures.memos = 0;
	while (ring->tail != ring->head && entry_at(ring, ring->tail)->state == ENTRY_GONE)
		drop_tail(ring, entry_at(ring, ring->tail));
	return memos;
}

memo_figures
memo_ring_figures(const memo_ring *ring)
{
	memo_figures figures = ring->figures;

	figures.bytes = ring->head - ring->tail;
	return figures;
}
