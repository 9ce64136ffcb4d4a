/*
 * flow_to_json_test.c
 *		The native flow record written: what is read back is what was written, and
 *		the windows of a table survive the way through it.
 */
#include "decoded.h"
#include "windows.h"

#include "encode/flow_to_json.h"
#include "flow/flow_address.h"

#define ROUNDS 20000

static void
assert_texts_equal(flow_text a, flow_text b)
{
	assert_int_equal(a.length, b.length);
	if (a.length > 0)
		assert_memory_equal(a.data, b.data, a.length);
}

static void
assert_records_equal(const flow_record *a, const flow_record *b)
{
	assert_true(a->start_ns == b->start_ns);
	assert_true(a->end_ns == b->end_ns);
	assert_int_equal(a->protocol, b->protocol);
	assert_int_equal(a->role, b->role);
	assert_int_equal(flow_address_compare(&a->local, &b->local), 0);
	assert_int_equal(flow_address_compare(&a->peer, &b->peer), 0);
	assert_int_equal(a->local_port, b->local_port);
	assert_int_equal(a->peer_port, b->peer_port);
	assert_int_equal(flow_address_compare(&a->nat_local, &b->nat_local), 0);
	assert_int_equal(flow_address_compare(&a->nat_peer, &b->nat_peer), 0);
	assert_int_equal(a->nat_local_port, b->nat_local_port);
	assert_int_equal(a->nat_peer_port, b->nat_peer_port);
	assert_texts_equal(a->host, b->host);
	assert_texts_equal(a->app, b->app);
	assert_texts_equal(a->cluster, b->cluster);
	assert_texts_equal(a->instance, b->instance);
	assert_texts_equal(a->region, b->region);
	assert_texts_equal(a->scope, b->scope);
	assert_memory_equal(&a->counters, &b->counters, sizeof(a->counters));
}

/* The record as it comes out of the decoder; texts live as long as what. */
static flow_record
written_and_read(const flow_record *record, decoded *what)
{
	char line[16384];
	size_t length = encode_flow_json(record, line, sizeof(line));

	assert_true(length <= sizeof(line));
	assert_null(memchr(line, '\n', length));
	decode_bytes(line, length, what);
	if (what->result != 1)
		fail_msg("%.*s: %s %s", (int) length, line, what->error.field, what->error.message);
	return what->records[0];
}

static void
assert_comes_back(const flow_record *record)
{
	decoded what;
	flow_record read = written_and_read(record, &what);

	assert_records_equal(&read, record);
	forget(&what);
}

static void
every_field_comes_back(void **state)
{
	flow_record record = sample_record();

	(void) state;
	assert_comes_back(&record);
	record.role = FLOW_ROLE_SERVER;
	record.protocol = FLOW_PROTOCOL_UDP;
	assert_comes_back(&record);
}

static void
a_record_is_written_as_the_documents_say(void **state)
{
	static const char expected[] =
		"{\"host\":\"h1\",\"start\":30000000005,\"end\":30000000009,\"proto\":\"tcp\","
		"\"role\":\"client\",\"local\":{\"ip\":\"10.0.0.7\",\"port\":43210,\"app\":\"checkout\","
		"\"cluster\":\"checkout-v12\",\"instance\":\"checkout-v12-7\"},"
		"\"peer\":{\"ip\":\"10.0.1.9\",\"port\":6379},"
		"\"nat\":{\"peer_ip\":\"192.0.2.2\",\"peer_port\":7000},\"tx_bytes\":3,\"rx_bytes\":4,"
		"\"tx_packets\":5,\"rx_packets\":6,\"retransmits\":7,\"rtt_us\":8,\"rtt_samples\":9,"
		"\"connections\":1,\"failed\":2,\"region\":\"us-east-1\",\"scope\":\"vpc-1\"}";
	flow_record record = sample_record();
	char line[1024];
	size_t length;

	(void) state;
	record.nat_local = (flow_address){0};
	record.nat_local_port = 0;
	length = encode_flow_json(&record, line, sizeof(line));
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(line, expected, length);
}

static void
what_has_its_default_is_left_out(void **state)
{
	flow_record record = {.start_ns = 1,
						  .end_ns = 2,
						  .protocol = FLOW_PROTOCOL_TCP,
						  .local = address_of("10.0.0.7"),
						  .peer = address_of("10.0.1.9")};
	char line[256];
	size_t length = encode_flow_json(&record, line, sizeof(line));

	(void) state;
	assert_int_equal(length, strlen("{" REQUIRED "}"));
	assert_memory_equal(line, "{" REQUIRED "}", length);
	assert_comes_back(&record);
}

static void
texts_come_back_whatever_is_in_them(void **state)
{
	static const char *const texts[] = {
		"\"",
		"\\",
		"\\\"\\\\",
		"a\"b\\c/d",
		"</script>",
		"\\u0041",
		"{\"app\":\"\"}",
		"caf\xc3\xa9",
		"\xe4\xb8\xad",
		"\xf0\x9f\x98\x80 x",
		"\xef\xbf\xbf",
		" ",
		"'; DROP TABLE node; --",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(texts); i++)
	{
		flow_record record = sample_record();

		record.host = record.app = record.cluster = text_of(texts[i]);
		record.instance = record.region = record.scope = text_of(texts[i]);
		assert_comes_back(&record);
	}
}

static void
control_characters_are_escaped(void **state)
{
	static const char text[] = "\x01\b\t\n\r\x1f\x7f";
	flow_record record = sample_record();
	decoded what;
	char line[1024];
	size_t length;

	(void) state;
	record.app = text_of(text);
	length = encode_flow_json(&record, line, sizeof(line));
	for (size_t i = 0; i < length; i++)
		assert_true((unsigned char) line[i] >= ' ');
	/* which the decoder understands, if only to refuse them in a name */
	decode_bytes(line, length, &what);
	if (what.result < 0)
		assert_string_equal(what.error.field, "local.app");
	else
		assert_text(what.records[0].app, text);
	forget(&what);
}

static void
ipv6_addresses_come_back(void **state)
{
	static const char *const addresses[] = {
		"::", "::1", "2001:db8::1", "fd00:70::ffff:0:1", "2001:db8:1:2:3:4:5:6", "fe80::1"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(addresses); i++)
	{
		flow_record record = sample_record();

		record.local = address_of(addresses[i]);
		record.nat_peer = address_of(addresses[i]);
		assert_comes_back(&record);
	}
}

static void
translations_come_back(void **state)
{
	flow_record record = sample_record();

	(void) state;
	record.nat_local = (flow_address){0};
	record.nat_local_port = 0;
	assert_comes_back(&record);
	/* the port alone */
	record.nat_peer = record.peer;
	assert_comes_back(&record);
	record = sample_record();
	record.nat_peer = (flow_address){0};
	record.nat_peer_port = 0;
	assert_comes_back(&record);
	record.role = FLOW_ROLE_FORWARDER;
	assert_comes_back(&record);
}

static void
numbers_come_back_at_their_bounds(void **state)
{
	flow_record record = sample_record();

	(void) state;
	record.start_ns = INT64_MIN;
	record.end_ns = INT64_MAX;
	record.local_port = record.peer_port = 65535;
	record.counters = (flow_counters){FLOW_COUNTER_MAX, FLOW_COUNTER_MAX, FLOW_COUNTER_MAX,
									  FLOW_COUNTER_MAX, FLOW_COUNTER_MAX, FLOW_COUNTER_MAX,
									  FLOW_COUNTER_MAX, FLOW_COUNTER_MAX, FLOW_COUNTER_MAX};
	assert_comes_back(&record);
}

static void
what_does_not_fit_is_told_and_nothing_is_written_beyond(void **state)
{
	flow_record record = sample_record();
	size_t length = encode_flow_json(&record, NULL, 0);

	(void) state;
	for (size_t size = 0; size <= length; size++)
	{
		/* of just that size, so that writing beyond it is seen */
		char *buffer = malloc(size + !size);

		assert_int_equal(encode_flow_json(&record, buffer, size), length);
		free(buffer);
	}
}

static flow_address
some_address(void)
{
	uint8_t bytes[16];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) rand();
	return rand() % 2 ? flow_address_from_ipv4(bytes) : flow_address_from_ipv6(bytes);
}

static uint64_t
some_number(void)
{
	uint64_t number = (uint64_t) rand() << 32 ^ (uint64_t) rand();

	return rand() % 4 == 0 ? 0 : number >> rand() % 64 & FLOW_COUNTER_MAX;
}

static flow_text
some_text(void)
{
	static const char *const texts[] = {NULL,       "a", "\"", "b\\", "\xc3\xa4\xe4\xb8\xad",
										"long name"};
	const char *text = texts[rand() % LENGTH_OF(texts)];

	return text != NULL ? text_of(text) : (flow_text){0};
}

static flow_record
some_record(void)
{
	flow_record record = {
		.start_ns = (int64_t) some_number(),
		.protocol = rand() % 2 ? FLOW_PROTOCOL_TCP : FLOW_PROTOCOL_UDP,
		.role = (uint8_t) (rand() % 3),
		.local = some_address(),
		.peer = some_address(),
		.local_port = (uint16_t) some_number(),
		.peer_port = (uint16_t) some_number(),
		.app = some_text(),
		.cluster = some_text(),
		.region = some_text(),
		.scope = some_text(),
	};
	uint64_t *counters = (uint64_t *) &record.counters;

	record.end_ns = record.start_ns + rand() % 1000;
	if (record.end_ns < record.start_ns)
		record.end_ns = record.start_ns;
	for (size_t i = 0; i < sizeof(record.counters) / sizeof(*counters); i++)
		counters[i] = some_number();
	if (rand() % 4 == 0)
		record.nat_local = some_address();
	if (rand() % 4 == 0)
	{
		record.nat_peer = some_address();
		record.nat_peer_port = (uint16_t) some_number();
	}
	flow_record_settle_translation(&record);
	return record;
}

static void
assert_windows_equal(const flow_window *a, const flow_window *b)
{
	flow_record first = flow_window_record(a), second = flow_window_record(b);

	assert_records_equal(&first, &second);
	assert_true(a->window_ns == b->window_ns);
	assert_int_equal(a->role, b->role);
	assert_int_equal(a->role_guessed, b->role_guessed);
}

/* What a record comes to in a table, and what that comes to after the way through JSON. */
static void
assert_window_comes_back(const flow_record *record, flow_window_table *sent,
						 flow_window_table *received)
{
	flow_record leaving, read;
	decoded what;

	assert_true(flow_window_table_add(sent, record));
	leaving = flow_window_record(flow_window_table_entry(sent, 0));
	read = written_and_read(&leaving, &what);
	assert_true(flow_window_table_add(received, &read));
	forget(&what);
	assert_windows_equal(flow_window_table_entry(received, 0), flow_window_table_entry(sent, 0));
}

static void
windows_come_back(void **state)
{
	flow_window_table *sent = new_table(NO_BOUND), *received = new_table(NO_BOUND);

	(void) state;
	srand(42);
	for (size_t i = 0; i < ROUNDS; i++)
	{
		flow_record record = some_record();

		/* a sum without samples is one sample to the decoder */
		if (record.counters.rtt_samples == 0)
			record.counters.rtt_samples = record.counters.rtt_sum_us > 0;
		assert_window_comes_back(&record, sent, received);
		flow_window_table_clear(sent);
		flow_window_table_clear(received);
	}
	flow_window_table_destroy(sent);
	flow_window_table_destroy(received);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(a_record_is_written_as_the_documents_say),
		cmocka_unit_test(what_has_its_default_is_left_out),
		cmocka_unit_test(texts_come_back_whatever_is_in_them),
		cmocka_unit_test(control_characters_are_escaped),
		cmocka_unit_test(ipv6_addresses_come_back),
		cmocka_unit_test(translations_come_back),
		cmocka_unit_test(numbers_come_back_at_their_bounds),
		cmocka_unit_test(what_does_not_fit_is_told_and_nothing_is_written_beyond),
		cmocka_unit_test(windows_come_back),
	};

	return cmocka_run_group_tests_name("flow_to_json", tests, NULL, NULL);
}
