/*
 * flow_window.c
 *		The open windows in memory.
 *
 * A hash index of 32-bit numbers (open addressing, linear probing, at most half
 * full) over entries that stand in blocks in order of arrival.  Texts are
 * interned, so a key is compared with a few words and no strcmp; keys are
 * compared whole, the hash only finds them.
 *
 * The table owns all its memory, drawn from one flow_arena: about 250 bytes an
 * entry and 8 to 16 for its place in the index, besides its texts.  A
 * record costs one look-up for each of its four texts and one for its key.
 */
#include "flow/flow_window.h"

#include "flow/flow_address.h"
#include "flow/flow_arena.h"
#include "flow/flow_hash.h"
#include "flow/flow_texts.h"

#include <string.h>

#define FIRST_SLOT_COUNT  256
#define FIRST_BLOCK_COUNT 16

typedef struct window_entry
{
	flow_window window;
	uint64_t hash;
} window_entry;

#define ENTRIES_PER_BLOCK (FLOW_ARENA_BLOCK_SIZE / sizeof(window_entry))

struct flow_window_table
{
	int64_t window_ns;
	flow_allocator allocator;
	flow_arena arena;
	flow_hash_secret secret;
	flow_texts texts;

	uint32_t *slots; /* 1 + the entry's index, or 0 */
	size_t slot_count;

	window_entry **blocks; /* ENTRIES_PER_BLOCK in each */
	size_t block_room;
	size_t count;
};

flow_window_table *
flow_window_table_create(const flow_allocator *allocator, int64_t window_ns, size_t max_bytes)
{
	flow_window_table *table;

	if (window_ns <= 0)
		return NULL;
	table = allocator->allocate(allocator->context, sizeof(*table));
	if (table == NULL)
		return NULL;

	*table = (flow_window_table){.window_ns = window_ns, .allocator = *allocator};
	table->arena.allocator = &table->allocator;
	table->arena.max_bytes = max_bytes;
	table->arena.bytes = sizeof(*table);
	table->secret = flow_hash_secret_draw();
	return table;
}

static void
release_memory(flow_window_table *table)
{
	flow_texts_release(&table->texts, &table->arena);
	flow_arena_release(&table->arena, table->slots, table->slot_count * sizeof(*table->slots));
	table->slots = NULL;
	table->slot_count = 0;
	flow_arena_release(&table->arena, table->blocks, table->block_room * sizeof(*table->blocks));
	table->blocks = NULL;
	table->block_room = 0;
	flow_arena_trim(&table->arena);
}

void
flow_window_table_clear(flow_window_table *table)
{
	flow_texts_clear(&table->texts);
	flow_arena_reset(&table->arena);
	if (table->count > 0)
		memset(table->slots, 0, table->slot_count * sizeof(*table->slots));
	table->count = 0;
	if (table->arena.bytes > table->arena.max_bytes)
		release_memory(table);
}

void
flow_window_table_destroy(flow_window_table *table)
{
	flow_allocator allocator;

	if (table == NULL)
		return;
	allocator = table->allocator;
	flow_window_table_clear(table);
	release_memory(table);
	allocator.release(allocator.context, table);
}

size_t
flow_window_table_count(const flow_window_table *table)
{
	return table->count;
}

size_t
flow_window_table_bytes(const flow_window_table *table)
{
	return table->arena.bytes;
}

static window_entry *
entry_at(const flow_window_table *table, size_t index)
{
	return &table->blocks[index / ENTRIES_PER_BLOCK][index % ENTRIES_PER_BLOCK];
}

const flow_window *
flow_window_table_entry(const flow_window_table *table, size_t index)
{
	return &entry_at(table, index)->window;
}

/* Rounded down, before 1970 too; a begin that int64 cannot hold becomes its least. */
static int64_t
window_begin(int64_t start_ns, int64_t window_ns)
{
	int64_t begin;
	int64_t whole = start_ns / window_ns;

	if (start_ns % window_ns < 0)
		whole--;
	if (__builtin_mul_overflow(whole, window_ns, &begin))
		return INT64_MIN;
	return begin;
}

static bool
listens_locally(const flow_record *record)
{
	if (record->role != FLOW_ROLE_UNKNOWN)
		return record->role == FLOW_ROLE_SERVER;
	return record->local_port != 0 &&
		   (record->peer_port == 0 || record->local_port < record->peer_port);
}

/* Counters reach us from a kernel and from other machines: keep the promise of flow.h. */
static uint64_t
add_up_to_max(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;

	return sum < a || sum > FLOW_COUNTER_MAX ? FLOW_COUNTER_MAX : sum;
}

static void
add_counters(flow_counters *sum, const flow_counters *counters)
{
	sum->connections = add_up_to_max(sum->connections, counters->connections);
	sum->failed = add_up_to_max(sum->failed, counters->failed);
	sum->tx_bytes = add_up_to_max(sum->tx_bytes, counters->tx_bytes);
	sum->rx_bytes = add_up_to_max(sum->rx_bytes, counters->rx_bytes);
	sum->tx_packets = add_up_to_max(sum->tx_packets, counters->tx_packets);
	sum->rx_packets = add_up_to_max(sum->rx_packets, counters->rx_packets);
	sum->retransmits = add_up_to_max(sum->retransmits, counters->retransmits);
	sum->rtt_sum_us = add_up_to_max(sum->rtt_sum_us, counters->rtt_sum_us);
	sum->rtt_samples = add_up_to_max(sum->rtt_samples, counters->rtt_samples);
}

/* The entry that record would be alone, its texts still the record's. */
static flow_window
window_of_record(const flow_record *record, int64_t window_ns)
{
	bool server = listens_locally(record);
	flow_window window = {
		.window_ns = window_begin(record->start_ns, window_ns),
		.first_ns = record->start_ns,
		.last_ns = record->end_ns,
		.protocol = record->protocol,
		.role = server ? FLOW_ROLE_SERVER : FLOW_ROLE_CLIENT,
		.role_guessed = record->role == FLOW_ROLE_UNKNOWN,
		.local = record->local,
		.peer = record->peer,
		.local_port = server ? record->local_port : 0,
		.peer_port = server ? 0 : record->peer_port,
		.nat_local = record->nat_local,
		.nat_peer = record->nat_peer,
		.nat_peer_port = server || record->nat_peer.family == 0 ? 0 : record->nat_peer_port,
		.app = record->app,
		.cluster = record->cluster,
		.region = record->region,
		.scope = record->scope,
	};

	add_counters(&window.counters, &record->counters);
	return window;
}

static bool
intern_texts(flow_window_table *table, flow_window *window)
{
	flow_text *texts[] = {&window->app, &window->cluster, &window->region, &window->scope};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!flow_texts_intern(&table->texts, &table->arena, &table->secret, texts[i]))
			return false;
	return true;
}

static uint64_t
hash_address(const flow_hash_secret *secret, uint64_t hash, const flow_address *address)
{
	uint64_t words[2];

	if (address->family == 0)
		return hash;
	memcpy(words, address->bytes, sizeof(words));
	hash = flow_hash_word(secret, hash, words[0]);
	return flow_hash_word(secret, hash, words[1] ^ address->family);
}

static uint64_t
hash_key(const flow_hash_secret *secret, const flow_window *window)
{
	uint64_t hash = flow_hash_word(secret, secret->start, (uint64_t) window->window_ns);

	hash = flow_hash_word(secret, hash,
						  (uint64_t) window->protocol << 56 | (uint64_t) window->role << 48 |
							  (uint64_t) window->local_port << 32 |
							  (uint64_t) window->peer_port << 16 | window->nat_peer_port);
	hash = hash_address(secret, hash, &window->local);
	hash = hash_address(secret, hash, &window->peer);
	hash = hash_address(secret, hash, &window->nat_local);
	hash = hash_address(secret, hash, &window->nat_peer);
	hash = flow_hash_word(secret, hash, (uintptr_t) window->app.data);
	hash = flow_hash_word(secret, hash, (uintptr_t) window->cluster.data);
	hash = flow_hash_word(secret, hash, (uintptr_t) window->region.data);
	return flow_hash_word(secret, hash, (uintptr_t) window->scope.data);
}

static bool
keys_equal(const flow_window *a, const flow_window *b)
{
	return a->window_ns == b->window_ns && a->protocol == b->protocol && a->role == b->role &&
		   a->local_port == b->local_port && a->peer_port == b->peer_port &&
		   a->nat_peer_port == b->nat_peer_port && a->app.data == b->app.data &&
		   a->cluster.data == b->cluster.data && a->region.data == b->region.data &&
		   a->scope.data == b->scope.data && flow_address_compare(&a->local, &b->local) == 0 &&
		   flow_address_compare(&a->peer, &b->peer) == 0 &&
		   flow_address_compare(&a->nat_local, &b->nat_local) == 0 &&
		   flow_address_compare(&a->nat_peer, &b->nat_peer) == 0;
}

static window_entry *
find_entry(const flow_window_table *table, const flow_window *key, uint64_t hash)
{
	size_t mask = table->slot_count - 1;

	if (table->slot_count == 0)
		return NULL;
	for (size_t at = hash & mask; table->slots[at] != 0; at = (at + 1) & mask)
	{
		window_entry *entry = entry_at(table, table->slots[at] - 1);

		if (entry->hash == hash && keys_equal(&entry->window, key))
			return entry;
	}
	return NULL;
}

static void
place_in_index(uint32_t *slots, size_t slot_count, uint64_t hash, size_t index)
{
	size_t mask = slot_count - 1;
	size_t at = hash & mask;

	while (slots[at] != 0)
		at = (at + 1) & mask;
	slots[at] = (uint32_t) index + 1;
}

static bool
reserve_slot(flow_window_table *table)
{
	size_t slot_count = table->slot_count == 0 ? FIRST_SLOT_COUNT : 2 * table->slot_count;
	uint32_t *slots;

	if (2 * (table->count + 1) <= table->slot_count)
		return true;
	slots = flow_arena_allocate(&table->arena, slot_count * sizeof(*slots));
	if (slots == NULL)
		return false;
	memset(slots, 0, slot_count * sizeof(*slots));
	for (size_t i = 0; i < table->count; i++)
		place_in_index(slots, slot_count, entry_at(table, i)->hash, i);
	flow_arena_release(&table->arena, table->slots, table->slot_count * sizeof(*slots));
	table->slots = slots;
	table->slot_count = slot_count;
	return true;
}

static bool
reserve_block_pointer(flow_window_table *table)
{
	size_t room = table->block_room == 0 ? FIRST_BLOCK_COUNT : 2 * table->block_room;
	window_entry **blocks;

	if (table->count / ENTRIES_PER_BLOCK < table->block_room)
		return true;
	blocks = flow_arena_allocate(&table->arena, room * sizeof(*blocks));
	if (blocks == NULL)
		return false;
	if (table->blocks != NULL)
		memcpy(blocks, table->blocks, table->block_room * sizeof(*blocks));
	flow_arena_release(&table->arena, table->blocks, table->block_room * sizeof(*blocks));
	table->blocks = blocks;
	table->block_room = room;
	return true;
}

static bool
reserve_entry(flow_window_table *table)
{
	window_entry *block;

	if (table->count % ENTRIES_PER_BLOCK != 0)
		return true;
	if (!reserve_block_pointer(table))
		return false;
	block = flow_arena_block(&table->arena);
	if (block == NULL)
		return false;
	table->blocks[table->count / ENTRIES_PER_BLOCK] = block;
	return true;
}

static bool
append_entry(flow_window_table *table, const flow_window *window, uint64_t hash)
{
	if (table->arena.bounded && table->arena.bytes > table->arena.max_bytes)
		return false;
	if (table->count == UINT32_MAX || !reserve_slot(table) || !reserve_entry(table))
		return false;
	place_in_index(table->slots, table->slot_count, hash, table->count);
	*entry_at(table, table->count++) = (window_entry){*window, hash};
	return true;
}

static void
merge(flow_window *into, const flow_window *window)
{
	if (window->first_ns < into->first_ns)
		into->first_ns = window->first_ns;
	if (window->last_ns > into->last_ns)
		into->last_ns = window->last_ns;
	into->role_guessed = into->role_guessed && window->role_guessed;
	add_counters(&into->counters, &window->counters);
}

bool
flow_window_table_add(flow_window_table *table, const flow_record *record)
{
	flow_window window = window_of_record(record, table->window_ns);
	window_entry *entry;
	uint64_t hash;

	table->arena.bounded = table->count > 0;
	if (!intern_texts(table, &window))
		return false;
	hash = hash_key(&table->secret, &window);
	entry = find_entry(table, &window, hash);
	if (entry == NULL)
		return append_entry(table, &window, hash);
	merge(&entry->window, &window);
	return true;
}
