/*
 * flow_json_test.c
 *		The native flow record: every field, every form, every default.
 */
#include "decoded.h"

#include "decode/flow_json.h"

static void
every_field_is_read(void **state)
{
	decoded what;
	flow_record record = one_record(full_record, &what);

	(void) state;
	assert_true(record.start_ns == INT64_C(1700000000000000000));
	assert_true(record.end_ns == INT64_C(1700000010000000000));
	assert_int_equal(record.protocol, FLOW_PROTOCOL_TCP);
	assert_int_equal(record.role, FLOW_ROLE_CLIENT);
	assert_address(record.local, "10.0.0.7");
	assert_int_equal(record.local_port, 43210);
	assert_address(record.peer, "10.0.1.9");
	assert_int_equal(record.peer_port, 6379);
	assert_address(record.nat_local, "192.0.2.1");
	assert_int_equal(record.nat_local_port, 1);
	assert_address(record.nat_peer, "192.0.2.2");
	assert_int_equal(record.nat_peer_port, 2);
	assert_text(record.host, "h1");
	assert_text(record.app, "checkout");
	assert_text(record.cluster, "checkout-v12");
	assert_text(record.instance, "checkout-v12-7");
	assert_text(record.region, "us-east-1");
	assert_text(record.scope, "vpc-1");
	assert_int_equal(record.counters.connections, 1);
	assert_int_equal(record.counters.failed, 4);
	assert_int_equal(record.counters.tx_bytes, 1200);
	assert_int_equal(record.counters.rx_bytes, 5400);
	assert_int_equal(record.counters.tx_packets, 9);
	assert_int_equal(record.counters.rx_packets, 11);
	assert_int_equal(record.counters.retransmits, 3);
	assert_int_equal(record.counters.rtt_sum_us, 180);
	assert_int_equal(record.counters.rtt_samples, 1);
	forget(&what);
}

static void
a_sum_of_round_trips_says_of_how_many(void **state)
{
	static const struct
	{
		const char *fields;
		uint64_t sum, samples;
	} cases[] = {
		{"\"rtt_us\":900,\"rtt_samples\":3", 900, 3},
		{"\"rtt_us\":900", 900, 1},
		{"\"rtt_us\":900,\"rtt_samples\":0", 900, 1},
		{"\"rtt_us\":900,\"rtt_samples\":null", 900, 1},
		{"\"rtt_samples\":\"2\"", 0, 2},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char line[256];
		flow_record record;

		snprintf(line, sizeof(line), "{" REQUIRED ",%s}", cases[i].fields);
		record = record_without_texts(line);
		assert_int_equal(record.counters.rtt_sum_us, cases[i].sum);
		assert_int_equal(record.counters.rtt_samples, cases[i].samples);
	}
}

static void
what_is_absent_null_or_empty_has_its_default(void **state)
{
	(void) state;
	assert_bare_record("{" REQUIRED "}");
	assert_bare_record(
		"{\"host\":null,\"role\":null,\"nat\":null,\"tx_bytes\":null,\"rx_bytes\":null,"
		"\"tx_packets\":null,\"rx_packets\":null,\"retransmits\":null,\"rtt_us\":null,"
		"\"connections\":null,\"failed\":null,\"region\":null,\"scope\":null,\"start\":1,"
		"\"end\":2,\"proto\":\"tcp\",\"local\":{\"ip\":\"10.0.0.7\",\"port\":null,\"app\":null,"
		"\"cluster\":null,\"instance\":null},\"peer\":{\"ip\":\"10.0.1.9\",\"port\":null}}");
	assert_bare_record(
		"{\"start\":1,\"end\":2,\"proto\":\"tcp\",\"host\":\"\",\"region\":\"\",\"scope\":\"\","
		"\"local\":{\"ip\":\"10.0.0.7\",\"app\":\"\",\"cluster\":\"\",\"instance\":\"\"},"
		"\"peer\":{\"ip\":\"10.0.1.9\"},\"nat\":{},\"rtt_us\":0}");
	assert_bare_record("{" REQUIRED ",\"nat\":{\"local_ip\":null,\"local_port\":null,"
					   "\"peer_ip\":null,\"peer_port\":0}}");
}

static void
unknown_fields_are_ignored(void **state)
{
	(void) state;
	assert_bare_record("{\"x\":1,\"Start\":9,\"y\":{\"start\":7,\"z\":[{\"end\":[]}]}," REQUIRED
					   ",\"app\":\"not here\",\"\":null,\"w\":[1,\"a\\u00e4\",true,false]}");
	assert_bare_record("{\"start\":1,\"end\":2,\"proto\":\"tcp\","
					   "\"local\":{\"extra\":{\"ip\":3},\"ip\":\"10.0.0.7\"},"
					   "\"peer\":{\"app\":\"not here\",\"ip\":\"10.0.1.9\",\"v\":[]}}");
}

static void
the_last_of_two_fields_counts(void **state)
{
	(void) state;
	assert_bare_record("{\"start\":5,\"proto\":\"udp\",\"tx_bytes\":7,\"tx_bytes\":0," REQUIRED
					   "}");
	assert_bare_record("{\"host\":\"h\",\"host\":null,\"role\":\"server\",\"role\":null," REQUIRED
					   "}");
	assert_bare_record(
		"{\"local\":{\"ip\":\"192.0.2.1\",\"port\":3,\"app\":\"a\"},"
		"\"peer\":{\"port\":4},\"nat\":{\"peer_ip\":\"192.0.2.1\"},\"nat\":null," REQUIRED "}");
	assert_refused("{" REQUIRED ",\"local\":{\"port\":1}}", 1, "local.ip", "is required");
	assert_refused("{" REQUIRED ",\"start\":null}", 1, "start", "is required");
	assert_refused("{" REQUIRED ",\"peer\":null}", 1, "peer.ip", "is required");
}

static void
integers_may_be_strings_and_reach_their_bounds(void **state)
{
	flow_record record = record_without_texts(
		"{\"start\":\"-9223372036854775808\",\"end\":\"9223372036854775807\",\"proto\":17,"
		"\"local\":{\"ip\":\"10.0.0.7\",\"port\":\"65535\"},"
		"\"peer\":{\"ip\":\"10.0.1.9\",\"port\":0},"
		"\"tx_bytes\":\"9223372036854775807\",\"rx_bytes\":9223372036854775807,\"failed\":\"0\","
		"\"rtt_us\":\"5\"}");

	(void) state;
	assert_true(record.start_ns == INT64_MIN);
	assert_true(record.end_ns == INT64_MAX);
	assert_int_equal(record.protocol, FLOW_PROTOCOL_UDP);
	assert_int_equal(record.local_port, 65535);
	assert_true(record.counters.tx_bytes == FLOW_COUNTER_MAX);
	assert_true(record.counters.rx_bytes == FLOW_COUNTER_MAX);
	assert_int_equal(record.counters.rtt_sum_us, 5);
	assert_int_equal(record.counters.rtt_samples, 1);
}

static void
protocol_and_role_are_read_in_any_case(void **state)
{
	(void) state;
	assert_int_equal(record_without_texts("{" REQUIRED ",\"proto\":\"UDP\"}").protocol, 17);
	assert_int_equal(record_without_texts("{" REQUIRED ",\"proto\":\"Tcp\"}").protocol, 6);
	assert_int_equal(record_without_texts("{" REQUIRED ",\"proto\":17}").protocol, 17);
	assert_int_equal(record_without_texts("{" REQUIRED ",\"proto\":6}").protocol, 6);
	assert_int_equal(record_without_texts("{" REQUIRED ",\"role\":\"SERVER\"}").role,
					 FLOW_ROLE_SERVER);
	assert_int_equal(record_without_texts("{" REQUIRED ",\"role\":\"Client\"}").role,
					 FLOW_ROLE_CLIENT);
	assert_int_equal(
		record_without_texts("{" REQUIRED ",\"role\":\"Forwarder\",\"nat\":{\"peer_port\":1}}")
			.role,
		FLOW_ROLE_FORWARDER);
}

static void
escapes_in_names_and_texts_are_replaced(void **state)
{
	decoded what;
	flow_record record =
		one_record("{" REQUIRED ",\"\\u0068ost\":\"b\\u00fc\\nx\\ud83d\\ude00\",\"sc\\u006fpe\":"
				   "\"\\\"\"}",
				   &what);

	(void) state;
	assert_text(record.host, "bü\nx😀");
	assert_text(record.scope, "\"");
	forget(&what);
}

static void
addresses_have_one_form(void **state)
{
	flow_record record = record_without_texts("{\"start\":1,\"end\":1,\"proto\":\"tcp\","
											  "\"local\":{\"ip\":\"::ffff:10.0.0.7\"},"
											  "\"peer\":{\"ip\":\"2001:DB8:0::1\"}}");

	(void) state;
	assert_int_equal(record.local.family, 4);
	assert_address(record.local, "10.0.0.7");
	assert_address(record.peer, "2001:db8::1");
}

#define TUPLE                                                                                      \
	"\"start\":1,\"end\":2,\"proto\":\"tcp\",\"local\":{\"ip\":\"10.0.0.7\",\"port\":5},"          \
	"\"peer\":{\"ip\":\"10.0.1.9\",\"port\":6},\"nat\":"

static void
a_translation_is_completed_from_what_is_not_translated(void **state)
{
	flow_record record;

	(void) state;
	record = record_without_texts("{" TUPLE "{\"local_ip\":\"192.0.2.1\",\"peer_port\":80}}");
	assert_address(record.nat_local, "192.0.2.1");
	assert_int_equal(record.nat_local_port, 5);
	assert_address(record.nat_peer, "10.0.1.9");
	assert_int_equal(record.nat_peer_port, 80);
}

static void
a_translation_that_changes_nothing_is_none(void **state)
{
	flow_record plain = record_without_texts("{" TUPLE "null}");
	flow_record same = record_without_texts(
		"{" TUPLE "{\"local_ip\":\"10.0.0.7\",\"local_port\":5,\"peer_ip\":\"10.0.1.9\"}}");

	(void) state;
	assert_int_equal(plain.nat_peer.family, 0);
	assert_memory_equal(&plain, &same, sizeof(plain));
}

static void
lines_end_with_lf_crlf_or_the_payload(void **state)
{
	static const struct
	{
		const char *payload;
		int64_t count;
	} cases[] = {
		{"", 0},
		{"\n", 0},
		{"\r\n \t\r\n", 0},
		{"{" REQUIRED "}", 1},
		{"{" REQUIRED "}\n", 1},
		{"{" REQUIRED "}\r\n", 1},
		{"{" REQUIRED "}\r\n{" REQUIRED "}", 2},
		{"\n\n  {" REQUIRED "}  \n\n\t{" REQUIRED "}\r\n\r\n{" REQUIRED "}\n \n", 3},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		decoded what;

		decode_bytes(cases[i].payload, strlen(cases[i].payload), &what);
		assert_int_equal(what.result, cases[i].count);
	}
	assert_int_equal(decode_flow_json(NULL, 0, NULL, NULL, &(decode_error){0}), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(a_sum_of_round_trips_says_of_how_many),
		cmocka_unit_test(what_is_absent_null_or_empty_has_its_default),
		cmocka_unit_test(unknown_fields_are_ignored),
		cmocka_unit_test(the_last_of_two_fields_counts),
		cmocka_unit_test(integers_may_be_strings_and_reach_their_bounds),
		cmocka_unit_test(protocol_and_role_are_read_in_any_case),
		cmocka_unit_test(escapes_in_names_and_texts_are_replaced),
		cmocka_unit_test(addresses_have_one_form),
		cmocka_unit_test(a_translation_is_completed_from_what_is_not_translated),
		cmocka_unit_test(a_translation_that_changes_nothing_is_none),
		cmocka_unit_test(lines_end_with_lf_crlf_or_the_payload),
	};

	return cmocka_run_group_tests_name("flow_json", tests, NULL, NULL);
}
