/*
 * decode_fuzz.c
 *		Any bytes as a payload of FUZZ_FORMAT, and what is taken merged into windows.
 *
 * The last byte of the input chooses the bound of the tables, so that full ones
 * are met too; the rest is the payload.
 */
#include <string.h>

#include "decode/formats.h"
#include "flow/call_window.h"
#include "flow/flow_window.h"
#include "fuzz.h"

#define WINDOW_NS INT64_C(10000000000)

/* Sums are of records since the table was cleared, at most FLOW_COUNTER_MAX. */
typedef struct fuzz_run
{
	flow_window_table *flows;
	call_window_table *calls;
	int64_t records;
	uint64_t connections;
	uint64_t requests;
	uint64_t latencies;
} fuzz_run;

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
add(uint64_t *sum, uint64_t count)
{
	*sum += count;
	if (*sum > FLOW_COUNTER_MAX)
		*sum = FLOW_COUNTER_MAX;
}

static void
require_window(int64_t window_ns, int64_t first_ns, int64_t last_ns)
{
	REQUIRE(window_ns <= first_ns && first_ns <= last_ns);
	REQUIRE((uint64_t) first_ns - (uint64_t) window_ns < (uint64_t) WINDOW_NS);
}

/* The entries hold just the connections that were added, and are in their windows. */
static void
require_flows(const fuzz_run *run)
{
	uint64_t connections = 0;

	for (size_t i = 0; i < flow_window_table_count(run->flows); i++)
	{
		const flow_window *window = flow_window_table_entry(run->flows, i);

		require_window(window->window_ns, window->first_ns, window->last_ns);
		REQUIRE(window->role != FLOW_ROLE_UNKNOWN && window->role <= FLOW_ROLE_FORWARDER);
		REQUIRE((window->role == FLOW_ROLE_SERVER ? window->peer_port : window->local_port) == 0);
		REQUIRE((window->role == FLOW_ROLE_SERVER ? window->nat_peer_port
												  : window->nat_local_port) == 0);
		add(&connections, window->counters.connections);
	}
	REQUIRE(connections == run->connections);
}

/* The same of requests and latencies. */
static void
require_calls(const fuzz_run *run)
{
	uint64_t requests = 0, latencies = 0, in_buckets = 0;

	for (size_t i = 0; i < call_window_table_count(run->calls); i++)
	{
		const call_window *window = call_window_table_entry(run->calls, i);

		require_window(window->window_ns, window->first_ns, window->last_ns);
		REQUIRE(window->bucket_count <= window->bucket_room);
		add(&requests, window->requests);
		add(&latencies, window->latency_count);
		for (uint32_t at = 0; at < window->bucket_count; at++)
		{
			REQUIRE(at == 0 || window->buckets[at - 1].value_ns < window->buckets[at].value_ns);
			add(&in_buckets, window->buckets[at].count);
		}
	}
	REQUIRE(requests == run->requests && latencies == run->latencies);
	REQUIRE(in_buckets == run->latencies);
}

static bool
add_flow(void *context, const flow_record *record, decode_error *error)
{
	fuzz_run *run = context;
	size_t before = flow_window_table_count(run->flows);

	(void) error;
	require_flow(record);
	if (!flow_window_table_add(run->flows, record))
	{
		REQUIRE(before > 0 && flow_window_table_count(run->flows) == before);
		require_flows(run);
		flow_window_table_clear(run->flows);
		run->connections = before = 0;
		REQUIRE(flow_window_table_add(run->flows, record));
	}
	REQUIRE(flow_window_table_count(run->flows) - before <= 1);
	run->records++;
	add(&run->connections, record->counters.connections);
	return true;
}

static bool
add_call(void *context, const call_record *record, decode_error *error)
{
	fuzz_run *run = context;
	size_t before = call_window_table_count(run->calls);

	(void) error;
	require_call(record);
	if (!call_window_table_add(run->calls, record))
	{
		REQUIRE(before > 0 && call_window_table_count(run->calls) == before);
		require_calls(run);
		call_window_table_clear(run->calls);
		run->requests = run->latencies = before = 0;
		REQUIRE(call_window_table_add(run->calls, record));
	}
	REQUIRE(call_window_table_count(run->calls) - before <= 1);
	run->records++;
	add(&run->requests, record->requests);
	add(&run->latencies, record->latency_count);
	return true;
}

static bool
add_span(void *context, const span_record *record, decode_error *error)
{
	fuzz_run *run = context;

	(void) error;
	require_span(record);
	run->records++;
	return true;
}

/* run NULL: without a sink. */
static int64_t
decode(const char *payload, size_t length, fuzz_run *run, decode_error *error)
{
	const decode_format *format = decode_format_find(FUZZ_FORMAT);

	REQUIRE(format != NULL);
	memset(error, 0xff, sizeof(*error));
	switch (format->kind)
	{
		case DECODE_FLOWS:
			return format->flows(payload, length, run ? add_flow : NULL, run, error);
		case DECODE_CALLS:
			return format->calls(payload, length, run ? add_call : NULL, run, error);
		case DECODE_SPANS:
			return format->spans(payload, length, run ? add_span : NULL, run, error);
	}
	return -2;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *payload = (const char *) data;
	size_t length = size > 0 ? size - 1 : 0;
	size_t bound = size > 0 ? (size_t) data[size - 1] * 1024 : 0;
	fuzz_run run = {
		.flows = flow_window_table_create(&flow_allocator_malloc, WINDOW_NS, bound),
		.calls = call_window_table_create(&flow_allocator_malloc, WINDOW_NS, bound),
	};
	decode_error error;
	int64_t taken;

	REQUIRE(run.flows != NULL && run.calls != NULL);
	taken = decode(payload, length, &run, &error);
	REQUIRE(taken == -1 || taken == run.records);
	if (taken < 0)
		require_error(&error);
	REQUIRE(decode(payload, length, NULL, &error) == taken);
	require_flows(&run);
	require_calls(&run);
	flow_window_table_destroy(run.flows);
	call_window_table_destroy(run.calls);
	return 0;
}
