/*
 * decoded.c
 *		Payloads of flow records decoded for a test.
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

static void
keep_text(decoded *into, flow_text *text)
{
	char *copy;

	if (text->data == NULL)
		return;
	copy = malloc(text->length + !text->length);
	memcpy(copy, text->data, text->length);
	text->data = into->texts[into->text_count++] = copy;
}

static bool
keep_record(void *context, const flow_record *record, decode_error *error)
{
	decoded *into = context;
	flow_record *kept = &into->records[into->count++];

	(void) error;
	assert_true(into->count <= MAX_RECORDS);
	*kept = *record;
	keep_text(into, &kept->host);
	keep_text(into, &kept->app);
	keep_text(into, &kept->cluster);
	keep_text(into, &kept->instance);
	keep_text(into, &kept->region);
	keep_text(into, &kept->scope);
	return true;
}

void
decode_bytes(const char *payload, size_t length, decoded *into)
{
	/* Of just that length, so that reading beyond it is seen. */
	char *exact = malloc(length + !length);

	memcpy(exact, payload, length);
	memset(into, 0, sizeof(*into));
	memset(&into->error, 'x', sizeof(into->error));
	into->result = decode_flow_json(exact, length, keep_record, into, &into->error);
	free(exact);
	if (into->result < 0)
	{
		assert_printable(into->error.field);
		assert_printable(into->error.message);
	}
	else
		assert_int_equal(into->result, into->count);
}

void
forget(decoded *what)
{
	while (what->text_count > 0)
		free(what->texts[--what->text_count]);
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

	assert_int_equal(what.text_count, 0);
	return record;
}

void
assert_refused(const char *payload, int64_t line, const char *field, const char *message)
{
	decoded what;

	decode_bytes(payload, strlen(payload), &what);
	if (what.result != -1)
		fail_msg("taken: %s", payload);
	assert_string_equal(what.error.message, message);
	assert_string_equal(what.error.field, field);
	assert_int_equal(what.error.line, line);
	forget(&what);
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
