/*
 * decoded.c
 *		Payloads decoded for a test.
 */
#include "decoded.h"

const char full_record[] =
	"{\"host\":\"h1\",\"start\":1700000000000000000,\"end\":1700000010000000000,\"proto\":\"tcp\","
	"\"role\":\"client\",\"local\":{\"ip\":\"10.0.0.7\",\"port\":43210,\"app\":\"checkout\","
	"\"cluster\":\"checkout-v12\",\"instance\":\"checkout-v12-7\"},"
	"\"peer\":{\"ip\":\"10.0.1.9\",\"port\":6379},"
	"\"nat\":{\"local_ip\":\"192.0.2.1\",\"local_port\":1,\"peer_ip\":\"192.0.2.2\","
	"\"peer_port\":2},\"tx_bytes\":1200,\"rx_bytes\":5400,\"tx_packets\":9,\"rx_packets\":11,"
	"\"retransmits\":3,\"rtt_us\":180,\"connections\":1,\"failed\":4,\"region\":\"us-east-1\","
	"\"scope\":\"vpc-1\"}";

/* A copy of bytes that forget() frees. */
static void *
keep_bytes(decoded *into, const void *bytes, size_t size)
{
	void *copy = malloc(size + !size);

	assert_true(into->copy_count < (int) LENGTH_OF(into->copies));
	if (size > 0)
		memcpy(copy, bytes, size);
	into->copies[into->copy_count++] = copy;
	return copy;
}

static void
keep_text(decoded *into, flow_text *text)
{
	if (text->data != NULL)
		text->data = keep_bytes(into, text->data, text->length);
}

static int
next_index(decoded *into)
{
	assert_true(into->count < MAX_RECORDS);
	return into->count++;
}

static bool
keep_flow(void *context, const flow_record *record, decode_error *error)
{
	decoded *into = context;
	flow_record *kept = &into->records[next_index(into)];

	(void) error;
	*kept = *record;
	keep_text(into, &kept->host);
	keep_text(into, &kept->app);
	keep_text(into, &kept->cluster);
	keep_text(into, &kept->instance);
	keep_text(into, &kept->region);
	keep_text(into, &kept->scope);
	return true;
}

static bool
keep_span(void *context, const span_record *record, decode_error *error)
{
	decoded *into = context;
	span_record *kept = &into->spans[next_index(into)];

	(void) error;
	*kept = *record;
	keep_text(into, &kept->service);
	keep_text(into, &kept->cluster);
	keep_text(into, &kept->instance);
	keep_text(into, &kept->name);
	keep_text(into, &kept->endpoint);
	keep_text(into, &kept->peer);
	return true;
}

static bool
keep_call(void *context, const call_record *record, decode_error *error)
{
	decoded *into = context;
	call_record *kept = &into->calls[next_index(into)];

	(void) error;
	*kept = *record;
	keep_text(into, &kept->client);
	keep_text(into, &kept->server);
	keep_text(into, &kept->client_cluster);
	keep_text(into, &kept->server_cluster);
	keep_text(into, &kept->protocol);
	keep_text(into, &kept->endpoint);
	kept->buckets =
		keep_bytes(into, record->buckets, record->bucket_count * sizeof(*record->buckets));
	return true;
}

static int64_t
decode_with(const decode_format *format, const char *payload, size_t length, decoded *into,
			decode_error *error)
{
	switch (format->kind)
	{
		case DECODE_FLOWS:
			return format->flows(payload, length, into != NULL ? keep_flow : NULL, into, error);
		case DECODE_CALLS:
			return format->calls(payload, length, into != NULL ? keep_call : NULL, into, error);
		case DECODE_SPANS:
			return format->spans(payload, length, into != NULL ? keep_span : NULL, into, error);
	}
	return -1;
}

void
decode_as(const char *format_name, const char *payload, size_t length, decoded *into)
{
	const decode_format *format = decode_format_find(format_name);
	/* Of just that length, so that reading beyond it is seen. */
	char *exact = malloc(length + !length);
	decode_error unseen;

	assert_non_null(format);
	if (length > 0)
		memcpy(exact, payload, length);
	memset(into, 0, sizeof(*into));
	memset(&into->error, 'x', sizeof(into->error));
	into->result = decode_with(format, exact, length, into, &into->error);
	assert_int_equal(decode_with(format, exact, length, NULL, &unseen), into->result);
	free(exact);
	if (into->result < 0)
	{
		assert_printable(into->error.field);
		assert_printable(into->error.message);
		assert_string_equal(unseen.message, into->error.message);
	}
	else
		assert_int_equal(into->result, into->count);
}

void
decode_bytes(const char *payload, size_t length, decoded *into)
{
	decode_as("flow", payload, length, into);
}

void
decode_text_as(const char *format, const char *payload, int64_t count, decoded *into)
{
	decode_as(format, payload, strlen(payload), into);
	if (into->result < 0)
		fail_msg("%s: %s %s", payload, into->error.field, into->error.message);
	assert_int_equal(into->result, count);
}

void
assert_refused_as(const char *format, const char *payload, size_t length, int64_t line,
				  const char *field, const char *message)
{
	decoded what;

	decode_as(format, payload, length, &what);
	if (what.result != -1)
		fail_msg("taken: %s", payload);
	assert_string_equal(what.error.message, message);
	assert_string_equal(what.error.field, field);
	assert_int_equal(what.error.line, line);
	forget(&what);
}

void
forget(decoded *what)
{
	while (what->copy_count > 0)
		free(what->copies[--what->copy_count]);
}

static void
assert_texts_equal(flow_text a, flow_text b)
{
	assert_int_equal(a.length, b.length);
	assert_int_equal(a.data == NULL, b.data == NULL);
	if (a.length > 0)
		assert_memory_equal(a.data, b.data, a.length);
}

void
assert_spans_equal(const span_record *a, const span_record *b)
{
	assert_memory_equal(a->trace_id, b->trace_id, sizeof(a->trace_id));
	assert_memory_equal(a->span_id, b->span_id, sizeof(a->span_id));
	assert_memory_equal(a->parent_span_id, b->parent_span_id, sizeof(a->parent_span_id));
	assert_int_equal(a->has_parent, b->has_parent);
	assert_int_equal(a->failed, b->failed);
	assert_int_equal(a->has_end, b->has_end);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->peer_kind, b->peer_kind);
	assert_true(a->start_ns == b->start_ns);
	assert_true(a->end_ns == b->end_ns);
	assert_true(a->adjusted_count == b->adjusted_count);
	assert_texts_equal(a->service, b->service);
	assert_texts_equal(a->cluster, b->cluster);
	assert_texts_equal(a->instance, b->instance);
	assert_texts_equal(a->name, b->name);
	assert_texts_equal(a->endpoint, b->endpoint);
	assert_texts_equal(a->peer, b->peer);
}

void
assert_calls_equal(const call_record *a, const call_record *b)
{
	assert_true(a->start_ns == b->start_ns);
	assert_true(a->end_ns == b->end_ns);
	assert_int_equal(a->side, b->side);
	assert_int_equal(a->client_kind, b->client_kind);
	assert_int_equal(a->server_kind, b->server_kind);
	assert_texts_equal(a->client, b->client);
	assert_texts_equal(a->server, b->server);
	assert_texts_equal(a->client_cluster, b->client_cluster);
	assert_texts_equal(a->server_cluster, b->server_cluster);
	assert_texts_equal(a->protocol, b->protocol);
	assert_texts_equal(a->endpoint, b->endpoint);
	assert_true(a->requests == b->requests);
	assert_true(a->errors == b->errors);
	assert_true(a->latency_count == b->latency_count);
	assert_true(a->latency_sum_ns == b->latency_sum_ns);
	assert_int_equal(a->bucket_count, b->bucket_count);
	assert_memory_equal(a->buckets, b->buckets, a->bucket_count * sizeof(*a->buckets));
}

flow_record
one_record(const char *payload, decoded *into)
{
	decode_bytes(payload, strlen(payload), into);
	if (into->result != 1)
		fail_msg("%s: %s %s", payload, into->error.field, into->error.message);
	return into->records[0];
}

flow_record
record_without_texts(const char *payload)
{
	decoded what;
	flow_record record = one_record(payload, &what);

	assert_int_equal(what.copy_count, 0);
	return record;
}

void
assert_refused(const char *payload, int64_t line, const char *field, const char *message)
{
	assert_refused_as("flow", payload, strlen(payload), line, field, message);
}

void
assert_bare_record(const char *payload)
{
	flow_record record = record_without_texts(payload);
	flow_record bare;

	memset(&bare, 0, sizeof(bare));
	bare.start_ns = 1;
	bare.end_ns = 2;
	bare.protocol = FLOW_PROTOCOL_TCP;
	bare.local = address_of("10.0.0.7");
	bare.peer = address_of("10.0.1.9");
	assert_memory_equal(&record, &bare, sizeof(bare));
}
