/*
 * flow_window.c
 *		The open windows in memory.
 *
 * Entries are found by a hash of their keys.  Texts are interned, so a
 * key is compared with a few words and no strcmp; keys are compared whole, the
 * hash only finds them.
 *
 * The table owns all its memory, drawn from one flow_arena: about 250 bytes an
 * entry and 8 to 16 for its place in the index, besides its texts.  A
 * record costs one look-up for each of its four texts and one for its key.
 */
#include "flow/flow_window.h"

#include "flow/flow_address.h"
#include "flow/flow_arena.h"
#include "flow/flow_entries.h"
#include "flow/flow_hash.h"
#include "flow/flow_sums.h"
#include "flow/flow_texts.h"

#include <string.h>

typedef struct window_entry
{
	flow_entry entry;
	flow_window window;
} window_entry;

struct flow_window_table
{
	int64_t window_ns;
	flow_allocator allocator;
	flow_arena arena;
	flow_hash_secret secret;
	flow_texts texts;
	flow_entries entries; /* window_entry */
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
	table->entries.entry_size = sizeof(window_entry);
	return table;
}

static void
release_memory(flow_window_table *table)
{
	flow_texts_release(&table->texts, &table->arena);
	flow_entries_release(&table->entries, &table->arena);
	flow_arena_trim(&table->arena);
}

void
flow_window_table_clear(flow_window_table *table)
{
	flow_texts_clear(&table->texts);
	flow_arena_reset(&table->arena);
	flow_entries_clear(&table->entries);
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
	return table->entries.count;
}

size_t
flow_window_table_bytes(const flow_window_table *table)
{
	return table->arena.bytes;
}

const flow_window *
flow_window_table_entry(const flow_window_table *table, size_t index)
{
	return &((const window_entry *) flow_entries_at(&table->entries, index))->window;
}

static bool
listens_locally(const flow_record *record)
{
	if (record->role != FLOW_ROLE_UNKNOWN)
		return record->role == FLOW_ROLE_SERVER;
	return record->local_port != 0 &&
		   (record->peer_port == 0 || record->local_port < record->peer_port);
}

static void
add_counters(flow_counters *sum, const flow_counters *counters)
{
	sum->connections = flow_counter_sum(sum->connections, counters->connections);
	sum->failed = flow_counter_sum(sum->failed, counters->failed);
	sum->tx_bytes = flow_counter_sum(sum->tx_bytes, counters->tx_bytes);
	sum->rx_bytes = flow_counter_sum(sum->rx_bytes, counters->rx_bytes);
	sum->tx_packets = flow_counter_sum(sum->tx_packets, counters->tx_packets);
	sum->rx_packets = flow_counter_sum(sum->rx_packets, counters->rx_packets);
	sum->retransmits = flow_counter_sum(sum->retransmits, counters->retransmits);
	sum->rtt_sum_us = flow_counter_sum(sum->rtt_sum_us, counters->rtt_sum_us);
	sum->rtt_samples = flow_counter_sum(sum->rtt_samples, counters->rtt_samples);
}

static uint8_t
role_of(const flow_record *record, bool server)
{
	if (record->role == FLOW_ROLE_FORWARDER)
		return FLOW_ROLE_FORWARDER;
	return server ? FLOW_ROLE_SERVER : FLOW_ROLE_CLIENT;
}

/* What is left of an end's translation when ephemeral ports are dropped: nothing, maybe. */
static void
settle_end(flow_address *translated, uint16_t *translated_port, const flow_address *address,
		   uint16_t port)
{
	if (*translated_port != port || flow_address_compare(translated, address) != 0)
		return;
	*translated = (flow_address){0};
	*translated_port = 0;
}

/* The entry that record would be alone, its texts still the record's. */
static flow_window
window_of_record(const flow_record *record, int64_t window_ns)
{
	bool server = listens_locally(record);
	flow_window window = {
		.window_ns = flow_window_begin(record->start_ns, window_ns),
		.first_ns = record->start_ns,
		.last_ns = record->end_ns,
		.protocol = record->protocol,
		.role = role_of(record, server),
		.role_guessed = record->role == FLOW_ROLE_UNKNOWN,
		.local = record->local,
		.peer = record->peer,
		.local_port = server ? record->local_port : 0,
		.peer_port = server ? 0 : record->peer_port,
		.nat_local = record->nat_local,
		.nat_peer = record->nat_peer,
		.nat_local_port = server && record->nat_local.family != 0 ? record->nat_local_port : 0,
		.nat_peer_port = !server && record->nat_peer.family != 0 ? record->nat_peer_port : 0,
		.region = record->region,
		.scope = record->scope,
	};

	settle_end(&window.nat_local, &window.nat_local_port, &window.local, window.local_port);
	settle_end(&window.nat_peer, &window.nat_peer_port, &window.peer, window.peer_port);
	if (window.role != FLOW_ROLE_FORWARDER)
	{
		window.app = record->app;
		window.cluster = record->cluster;
	}
	add_counters(&window.counters, &record->counters);
	return window;
}

flow_record
flow_window_record(const flow_window *window)
{
	return (flow_record){
		.start_ns = window->first_ns,
		.end_ns = window->last_ns,
		.protocol = window->protocol,
		.role = window->role_guessed ? FLOW_ROLE_UNKNOWN : window->role,
		.local = window->local,
		.peer = window->peer,
		.local_port = window->local_port,
		.peer_port = window->peer_port,
		.nat_local = window->nat_local,
		.nat_peer = window->nat_peer,
		.nat_local_port = window->nat_local_port,
		.nat_peer_port = window->nat_peer_port,
		.app = window->app,
		.cluster = window->cluster,
		.region = window->region,
		.scope = window->scope,
		.counters = window->counters,
	};
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
							  (uint64_t) window->peer_port << 16 |
							  (window->nat_local_port ^ window->nat_peer_port));
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
keys_equal(const flow_entry *entry, const void *key)
{
	const flow_window *a = &((const window_entry *) entry)->window;
	const flow_window *b = key;

	return a->window_ns == b->window_ns && a->protocol == b->protocol && a->role == b->role &&
		   a->local_port == b->local_port && a->peer_port == b->peer_port &&
		   a->nat_local_port == b->nat_local_port && a->nat_peer_port == b->nat_peer_port &&
		   a->app.data == b->app.data && a->cluster.data == b->cluster.data &&
		   a->region.data == b->region.data && a->scope.data == b->scope.data &&
		   flow_address_compare(&a->local, &b->local) == 0 &&
		   flow_address_compare(&a->peer, &b->peer) == 0 &&
		   flow_address_compare(&a->nat_local, &b->nat_local) == 0 &&
		   flow_address_compare(&a->nat_peer, &b->nat_peer) == 0;
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

	table->arena.bounded = table->entries.count > 0;
	if (!intern_texts(table, &window))
		return false;
	hash = hash_key(&table->secret, &window);
	entry = (window_entry *) flow_entries_find(&table->entries, hash, keys_equal, &window);
	if (entry != NULL)
	{
		merge(&entry->window, &window);
		return true;
	}
	entry = (window_entry *) flow_entries_append(&table->entries, &table->arena, hash);
	if (entry == NULL)
		return false;
	entry->window = window;
	return true;
}
