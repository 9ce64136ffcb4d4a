/*
 * call_window.c
 *		The open windows of calls in memory.
 *
 * As flow_window.c: entries found by a hash of their keys, texts interned, all
 * memory drawn from one flow_arena.  An entry takes some 250 bytes, and 16 for
 * each of its buckets, which are an array of its own that doubles.  A record
 * costs a look-up for each of its six texts and one for its key, and one pass
 * over its buckets and the entry's.
 */
#include "flow/call_window.h"

#include "flow/flow_arena.h"
#include "flow/flow_entries.h"
#include "flow/flow_hash.h"
#include "flow/flow_sums.h"
#include "flow/flow_texts.h"

#include <string.h>

#define FIRST_BUCKET_ROOM 8
#define SIGNIFICANT_BITS  10

typedef struct window_entry
{
	flow_entry entry;
	call_window window;
} window_entry;

struct call_window_table
{
	int64_t window_ns;
	flow_allocator allocator;
	flow_arena arena;
	flow_hash_secret secret;
	flow_texts texts;
	flow_entries entries; /* window_entry */
};

call_window_table *
call_window_table_create(const flow_allocator *allocator, int64_t window_ns, size_t max_bytes)
{
	call_window_table *table;

	if (window_ns <= 0)
		return NULL;
	table = allocator->allocate(allocator->context, sizeof(*table));
	if (table == NULL)
		return NULL;

	*table = (call_window_table){.window_ns = window_ns, .allocator = *allocator};
	table->arena.allocator = &table->allocator;
	table->arena.max_bytes = max_bytes;
	table->arena.bytes = sizeof(*table);
	table->secret = flow_hash_secret_draw();
	table->entries.entry_size = sizeof(window_entry);
	return table;
}

static call_window *
window_at(const call_window_table *table, size_t index)
{
	return &((window_entry *) flow_entries_at(&table->entries, index))->window;
}

static void
release_buckets(call_window_table *table, call_window *window)
{
	flow_arena_release(&table->arena, window->buckets,
					   window->bucket_room * sizeof(*window->buckets));
}

void
call_window_table_clear(call_window_table *table)
{
	for (size_t i = 0; i < table->entries.count; i++)
		release_buckets(table, window_at(table, i));
	flow_texts_clear(&table->texts);
	flow_entries_clear(&table->entries);
	flow_arena_reset(&table->arena);
	if (table->arena.bytes <= table->arena.max_bytes)
		return;
	flow_texts_release(&table->texts, &table->arena);
	flow_entries_release(&table->entries, &table->arena);
	flow_arena_trim(&table->arena);
}

void
call_window_table_destroy(call_window_table *table)
{
	flow_allocator allocator;

	if (table == NULL)
		return;
	allocator = table->allocator;
	call_window_table_clear(table);
	flow_texts_release(&table->texts, &table->arena);
	flow_entries_release(&table->entries, &table->arena);
	flow_arena_trim(&table->arena);
	allocator.release(allocator.context, table);
}

size_t
call_window_table_count(const call_window_table *table)
{
	return table->entries.count;
}

size_t
call_window_table_bytes(const call_window_table *table)
{
	return table->arena.bytes;
}

const call_window *
call_window_table_entry(const call_window_table *table, size_t index)
{
	return window_at(table, index);
}

uint64_t
call_window_value(uint64_t value_ns)
{
	unsigned bits = value_ns == 0 ? 0 : 64 - (unsigned) __builtin_clzll(value_ns);
	uint64_t unit;

	if (bits <= SIGNIFICANT_BITS)
		return value_ns;
	unit = UINT64_C(1) << (bits - SIGNIFICANT_BITS);
	/* Half a unit may be beyond 64 bits. */
	if (value_ns > UINT64_MAX - unit / 2)
		return value_ns & -unit;
	return (value_ns + unit / 2) & -unit;
}

/* The entry that record would be alone, but for its buckets. */
static call_window
window_of_record(const call_record *record, int64_t window_ns)
{
	return (call_window){
		.window_ns = flow_window_begin(record->start_ns, window_ns),
		.first_ns = record->start_ns,
		.last_ns = record->end_ns,
		.side = record->side,
		.client_kind = record->client_kind,
		.server_kind = record->server_kind,
		.client = record->client,
		.server = record->server,
		.client_cluster = record->client_cluster,
		.server_cluster = record->server_cluster,
		.protocol = record->protocol,
		.endpoint = record->endpoint,
	};
}

static bool
intern_texts(call_window_table *table, call_window *window)
{
	flow_text *texts[] = {&window->client,         &window->server,   &window->client_cluster,
						  &window->server_cluster, &window->protocol, &window->endpoint};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!flow_texts_intern(&table->texts, &table->arena, &table->secret, texts[i]))
			return false;
	return true;
}

static uint64_t
hash_key(const flow_hash_secret *secret, const call_window *window)
{
	uint64_t hash = flow_hash_word(secret, secret->start, (uint64_t) window->window_ns);

	hash = flow_hash_word(secret, hash,
						  (uint64_t) window->side << 16 | (uint64_t) window->client_kind << 8 |
							  window->server_kind);
	hash = flow_hash_word(secret, hash, (uintptr_t) window->client.data);
	hash = flow_hash_word(secret, hash, (uintptr_t) window->server.data);
	hash = flow_hash_word(secret, hash, (uintptr_t) window->client_cluster.data);
	hash = flow_hash_word(secret, hash, (uintptr_t) window->server_cluster.data);
	hash = flow_hash_word(secret, hash, (uintptr_t) window->protocol.data);
	return flow_hash_word(secret, hash, (uintptr_t) window->endpoint.data);
}

static bool
keys_equal(const flow_entry *entry, const void *key)
{
	const call_window *a = &((const window_entry *) entry)->window;
	const call_window *b = key;

	return a->window_ns == b->window_ns && a->side == b->side && a->client_kind == b->client_kind &&
		   a->server_kind == b->server_kind && a->client.data == b->client.data &&
		   a->server.data == b->server.data && a->client_cluster.data == b->client_cluster.data &&
		   a->server_cluster.data == b->server_cluster.data &&
		   a->protocol.data == b->protocol.data && a->endpoint.data == b->endpoint.data;
}

/* The place of a value among the buckets from at on: where it is, or belongs. */
static uint32_t
place_of(const call_window *window, uint32_t at, uint64_t value)
{
	while (at < window->bucket_count && window->buckets[at].value_ns < value)
		at++;
	return at;
}

static bool
is_at(const call_window *window, uint32_t at, uint64_t value)
{
	return at < window->bucket_count && window->buckets[at].value_ns == value;
}

/* How many buckets record has that window, which may be NULL, lacks. */
static uint32_t
missing_buckets(const call_window *window, const call_record *record)
{
	uint32_t missing = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < record->bucket_count; i++)
	{
		uint64_t value = call_window_value(record->buckets[i].value_ns);

		if (i > 0 && value == call_window_value(record->buckets[i - 1].value_ns))
			continue;
		if (window != NULL)
			at = place_of(window, at, value);
		if (window == NULL || !is_at(window, at, value))
			missing++;
	}
	return missing;
}

/* Make room for so many more buckets.  False: no memory, nothing changed. */
static bool
reserve_buckets(call_window_table *table, call_window *window, uint32_t more)
{
	uint32_t room = window->bucket_room == 0 ? FIRST_BUCKET_ROOM : window->bucket_room;
	call_bucket *buckets;

	if (more <= window->bucket_room - window->bucket_count)
		return true;
	while (room < window->bucket_count + more)
		room *= 2;
	buckets = flow_arena_allocate(&table->arena, room * sizeof(*buckets));
	if (buckets == NULL)
		return false;
	if (window->bucket_count > 0)
		memcpy(buckets, window->buckets, window->bucket_count * sizeof(*buckets));
	release_buckets(table, window);
	window->buckets = buckets;
	window->bucket_room = room;
	return true;
}

/* Add buckets that there is room for. */
static void
add_buckets(call_window *window, const call_record *record)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < record->bucket_count; i++)
	{
		uint64_t value = call_window_value(record->buckets[i].value_ns);
		call_bucket *bucket;

		at = place_of(window, at, value);
		bucket = &window->buckets[at];
		if (!is_at(window, at, value))
		{
			memmove(bucket + 1, bucket, (window->bucket_count - at) * sizeof(*bucket));
			*bucket = (call_bucket){value, 0};
			window->bucket_count++;
		}
		bucket->count = flow_counter_sum(bucket->count, record->buckets[i].count);
	}
}

static void
merge(call_window *into, const call_record *record)
{
	if (record->start_ns < into->first_ns)
		into->first_ns = record->start_ns;
	if (record->end_ns > into->last_ns)
		into->last_ns = record->end_ns;
	into->requests = flow_counter_sum(into->requests, record->requests);
	into->errors = flow_counter_sum(into->errors, record->errors);
	into->latency_count = flow_counter_sum(into->latency_count, record->latency_count);
	into->latency_sum_ns = flow_counter_sum(into->latency_sum_ns, record->latency_sum_ns);
	add_buckets(into, record);
}

/* A new entry without traffic, with room for the record's buckets; NULL: no memory. */
static call_window *
new_window(call_window_table *table, const call_window *key, uint64_t hash,
		   const call_record *record)
{
	call_window made = *key;
	window_entry *entry;

	if (!reserve_buckets(table, &made, missing_buckets(NULL, record)))
		return NULL;
	entry = (window_entry *) flow_entries_append(&table->entries, &table->arena, hash);
	if (entry == NULL)
	{
		release_buckets(table, &made);
		return NULL;
	}
	entry->window = made;
	return &entry->window;
}

bool
call_window_table_add(call_window_table *table, const call_record *record)
{
	call_window key = window_of_record(record, table->window_ns);
	call_window *window;
	window_entry *entry;
	uint64_t hash;

	table->arena.bounded = table->entries.count > 0;
	if (!intern_texts(table, &key))
		return false;
	hash = hash_key(&table->secret, &key);
	entry = (window_entry *) flow_entries_find(&table->entries, hash, keys_equal, &key);
	if (entry != NULL)
	{
		window = &entry->window;
		if (!reserve_buckets(table, window, missing_buckets(window, record)))
			return false;
	}
	else
		window = new_window(table, &key, hash, record);
	if (window == NULL)
		return false;
	merge(window, record);
	return true;
}
