/*
 * span_calls.c
 *		The calls that pairing finds, by edge and minute.
 *
 * A hash table over edge, endpoint and minute, whose texts are interned, so that a
 * key is compared with a few words.  Memory: some 300 bytes an entry, and its
 * sketch.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "flow/flow_arena.h"
#include "flow/flow_texts.h"
#include "resolve/span_calls.h"
#include "store/rows.h"
#include "store/traffic.h"

/* The columns of topo.span_call. */
enum
{
	CALL_BUCKET,
	CALL_SRC,
	CALL_DST,
	CALL_APP,
	CALL_SRC_TYPE,
	CALL_SRC_NAME,
	CALL_DST_TYPE,
	CALL_DST_NAME,
	CALL_ENDPOINT,
	CALL_FIRST_SEEN,
	CALL_LAST_SEEN,
	CALL_TRAFFIC,
	CALL_COLUMNS
};

typedef struct call_key
{
	TimestampTz bucket;
	int64 caller; /* 0: peer_type and peer say who */
	int64 owner;
	int64 app;
	const char *peer_type;
	const char *peer;     /* interned */
	const char *endpoint; /* interned */
} call_key;

typedef struct call_entry
{
	call_key key;
	flow_text peer;
	flow_text endpoint;
	TimestampTz first_seen;
	TimestampTz last_seen;
	traffic_value traffic;
} call_entry;

struct span_calls
{
	MemoryContext context;
	HTAB *entries;
	flow_allocator allocator;
	flow_arena arena;
	flow_texts texts;
	flow_hash_secret secret;
};

static void *
calls_allocate(void *context, size_t size)
{
	return MemoryContextAllocExtended((MemoryContext) context, size,
									  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
}

static void
calls_release(void *context, void *memory)
{
	if (memory)
		pfree(memory);
}

span_calls *
span_calls_create(void)
{
	span_calls *calls = palloc0(sizeof(*calls));
	HASHCTL control = {
		.keysize = sizeof(call_key), .entrysize = sizeof(call_entry), .hcxt = CurrentMemoryContext};

	calls->context = CurrentMemoryContext;
	calls->entries =
		hash_create("topology calls", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	calls->allocator = (flow_allocator){calls_allocate, calls_release, CurrentMemoryContext};
	calls->arena.allocator = &calls->allocator;
	calls->secret = flow_hash_secret_draw();
	return calls;
}

static flow_text
intern(span_calls *calls, flow_text text)
{
	if (!flow_texts_intern(&calls->texts, &calls->arena, &calls->secret, &text))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("A call could not be counted.")));
	return text;
}

/* The begin of the minute of a time. */
static TimestampTz
minute_of(TimestampTz time)
{
	TimestampTz rest = time % USECS_PER_MINUTE;

	return time - (rest < 0 ? rest + USECS_PER_MINUTE : rest);
}

static call_entry *
find_entry(span_calls *calls, const span_wait *callee)
{
	bool assumed = callee->caller == 0;
	flow_text peer = assumed ? intern(calls, callee->peer) : (flow_text){NULL, 0};
	flow_text endpoint = intern(calls, callee->endpoint);
	call_key key = {.bucket = minute_of(callee->started),
					.caller = callee->caller,
					.owner = callee->owner,
					.app = callee->app,
					.peer_type = assumed ? callee->peer_type : NULL,
					.peer = peer.data,
					.endpoint = endpoint.data};
	bool found;
	call_entry *entry = hash_search(calls->entries, &key, HASH_ENTER, &found);

	if (found)
		return entry;
	entry->peer = peer;
	entry->endpoint = endpoint;
	entry->first_seen = PG_INT64_MAX;
	entry->last_seen = PG_INT64_MIN;
	traffic_value_init(&entry->traffic, calls->context);
	return entry;
}

void
span_calls_add(span_calls *calls, const span_wait *callee)
{
	call_entry *entry = find_entry(calls, callee);
	TimestampTz end = callee->started + Max(callee->duration_ns, 0) / 1000;

	entry->first_seen = Min(entry->first_seen, callee->started);
	entry->last_seen = Max(entry->last_seen, end);
	if (callee->calls <= 0)
		return;
	traffic_value_add(&entry->traffic, TRAFFIC_REQUESTS, (uint64) callee->calls);
	if (callee->failed)
		traffic_value_add(&entry->traffic, TRAFFIC_ERRORS, (uint64) callee->calls);
	if (callee->duration_ns >= 0)
		traffic_value_add_latency(&entry->traffic, callee->duration_ns, callee->calls);
}

static void
set_native_text(Datum *values, bool *nulls, int column, flow_text text)
{
	nulls[column] = text.data == NULL;
	if (text.data)
		values[column] = PointerGetDatum(cstring_to_text_with_len(text.data, (int) text.length));
}

static void
add_row(row_array *rows, const call_entry *entry)
{
	const call_key *key = &entry->key;
	Datum values[CALL_COLUMNS];
	bool nulls[CALL_COLUMNS] = {false};

	values[CALL_BUCKET] = TimestampTzGetDatum(key->bucket);
	values[CALL_SRC] = Int64GetDatum(key->caller);
	nulls[CALL_SRC] = key->caller == 0;
	values[CALL_DST] = Int64GetDatum(key->owner);
	values[CALL_APP] = Int64GetDatum(key->app);
	nulls[CALL_SRC_TYPE] = !key->peer_type;
	if (key->peer_type)
		values[CALL_SRC_TYPE] = CStringGetTextDatum(key->peer_type);
	set_native_text(values, nulls, CALL_SRC_NAME, entry->peer);
	nulls[CALL_DST_TYPE] = nulls[CALL_DST_NAME] = true;
	set_native_text(values, nulls, CALL_ENDPOINT, entry->endpoint);
	values[CALL_FIRST_SEEN] = TimestampTzGetDatum(entry->first_seen);
	values[CALL_LAST_SEEN] = TimestampTzGetDatum(entry->last_seen);
	values[CALL_TRAFFIC] = PointerGetDatum(traffic_form(&entry->traffic));
	row_array_add(rows, values, nulls);
}

bool
span_calls_datum(const span_calls *calls, Datum *array)
{
	HASH_SEQ_STATUS scan;
	const call_entry *entry;
	row_array rows;

	if (hash_get_num_entries(calls->entries) == 0)
		return false;
	row_array_begin(&rows, "span_call", CALL_COLUMNS);
	hash_seq_init(&scan, calls->entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
		add_row(&rows, entry);
	*array = row_array_finish(&rows);
	return true;
}
