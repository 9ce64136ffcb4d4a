/*
 * flow_json_fuzz.c
 *		Any bytes as flow records, and those taken merged into windows.
 *
 * The last byte of the input chooses the bound of the table, so that full tables
 * are met too; the rest is the payload.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/flow_json.h"
#include "flow/flow_window.h"

#define WINDOW_NS INT64_C(10000000000)

#define REQUIRE(condition)                                                                         \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

typedef struct fuzz_run
{
	flow_window_table *table;
	int64_t records;
	uint64_t connections; /* of records since the table was cleared, at most FLOW_COUNTER_MAX */
} fuzz_run;

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The length of the UTF-8 character at text, NUL-terminated; 0 if malformed or a control. */
static size_t
character_length(const unsigned char *text)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	uint32_t code = length == 1 ? text[0] : text[0] & (0xffu >> (length + 1));

	if ((text[0] >= 0x80 && text[0] < 0xc0) || text[0] >= 0xf8)
		return 0;
	for (size_t i = 1; i < length; i++)
	{
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
		code < 0x20 || (code >= 0x7f && code < 0xa0))
		return 0;
	return length;
}

static void
require_printable(const char *text, size_t room)
{
	const unsigned char *at = (const unsigned char *) text;

	REQUIRE(memchr(text, '\0', room) != NULL);
	while (*at != '\0')
	{
		size_t length = character_length(at);

		REQUIRE(length > 0);
		at += length;
	}
}

static void
require_text(flow_text text)
{
	REQUIRE((text.data == NULL) == (text.length == 0));
	REQUIRE(text.length <= DECODE_MAX_TEXT);
	REQUIRE(text.data == NULL || memchr(text.data, '\0', text.length) == NULL);
}

static void
require_record(const flow_record *record)
{
	REQUIRE(record->start_ns <= record->end_ns);
	REQUIRE(record->protocol == FLOW_PROTOCOL_TCP || record->protocol == FLOW_PROTOCOL_UDP);
	REQUIRE(record->role <= FLOW_ROLE_SERVER);
	REQUIRE(record->local.family == 4 || record->local.family == 6);
	REQUIRE(record->peer.family == 4 || record->peer.family == 6);
	REQUIRE(record->counters.connections <= FLOW_COUNTER_MAX);
	REQUIRE(record->counters.rtt_samples == (record->counters.rtt_sum_us > 0));
	require_text(record->host);
	require_text(record->app);
	require_text(record->cluster);
	require_text(record->instance);
	require_text(record->region);
	require_text(record->scope);
}

/* The entries hold just the connections that were added, and are in their windows. */
static void
require_table(const fuzz_run *run)
{
	uint64_t connections = 0;

	for (size_t i = 0; i < flow_window_table_count(run->table); i++)
	{
		const flow_window *window = flow_window_table_entry(run->table, i);

		REQUIRE(window->window_ns <= window->first_ns && window->first_ns <= window->last_ns);
		REQUIRE((uint64_t) window->first_ns - (uint64_t) window->window_ns < (uint64_t) WINDOW_NS);
		REQUIRE(window->role == FLOW_ROLE_CLIENT || window->role == FLOW_ROLE_SERVER);
		REQUIRE((window->role == FLOW_ROLE_CLIENT ? window->local_port : window->peer_port) == 0);
		connections += window->counters.connections;
		if (connections > FLOW_COUNTER_MAX)
			connections = FLOW_COUNTER_MAX;
	}
	REQUIRE(connections == run->connections);
}

static bool
add_record(void *context, const flow_record *record, decode_error *error)
{
	fuzz_run *run = context;
	size_t before = flow_window_table_count(run->table);

	(void) error;
	require_record(record);
	if (!flow_window_table_add(run->table, record))
	{
		REQUIRE(before > 0 && flow_window_table_count(run->table) == before);
		require_table(run);
		flow_window_table_clear(run->table);
		run->connections = before = 0;
		REQUIRE(flow_window_table_add(run->table, record));
	}
	REQUIRE(flow_window_table_count(run->table) - before <= 1);
	run->records++;
	run->connections += record->counters.connections;
	if (run->connections > FLOW_COUNTER_MAX)
		run->connections = FLOW_COUNTER_MAX;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t bound = size > 0 ? (size_t) data[size - 1] * 1024 : 0;
	fuzz_run run = {.table = flow_window_table_create(&flow_allocator_malloc, WINDOW_NS, bound)};
	decode_error error;
	int64_t taken;

	REQUIRE(run.table != NULL);
	memset(&error, 0xff, sizeof(error));
	taken =
		decode_flow_json((const char *) data, size > 0 ? size - 1 : 0, add_record, &run, &error);
	if (taken < 0)
	{
		REQUIRE(taken == -1 && error.line > 0 && error.message[0] != '\0');
		require_printable(error.field, sizeof(error.field));
		require_printable(error.message, sizeof(error.message));
	}
	else
		REQUIRE(taken == run.records);
	require_table(&run);
	flow_window_table_destroy(run.table);
	return 0;
}
