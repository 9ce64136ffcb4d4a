/*
 * flow_json_test.c
 *		The native flow record: every field, every default, every error.
 */
#include "unit.h"

#include "decode/flow_json.h"
#include "decode/json.h"

#define MAX_RECORDS 8

/* The required fields, for records that are about another. */
#define REQUIRED                                                                                   \
	"\"start\":1,\"end\":2,\"proto\":\"tcp\",\"local\":{\"ip\":\"10.0.0.7\"},"                     \
	"\"peer\":{\"ip\":\"10.0.1.9\"}"

static const char full_record[] =
	"{\"host\":\"h1\",\"start\":1700000000000000000,\"end\":1700000010000000000,\"proto\":\"tcp\","
	"\"role\":\"client\",\"local\":{\"ip\":\"10.0.0.7\",\"port\":43210,\"app\":\"checkout\","
	"\"cluster\":\"checkout-v12\",\"instance\":\"checkout-v12-7\"},"
	"\"peer\":{\"ip\":\"10.0.1.9\",\"port\":6379},"
	"\"nat\":{\"local_ip\":\"192.0.2.1\",\"local_port\":1,\"peer_ip\":\"192.0.2.2\","
	"\"peer_port\":2},\"tx_bytes\":1200,\"rx_bytes\":5400,\"tx_packets\":9,\"rx_packets\":11,"
	"\"retransmits\":3,\"rtt_us\":180,\"connections\":1,\"failed\":4,\"region\":\"us-east-1\","
	"\"scope\":\"vpc-1\"}";

/* What a payload came to; the records' texts are copies. */
typedef struct decoded
{
	int64_t result;
	decode_error error;
	flow_record records[MAX_RECORDS];
	int count;
	char *texts[MAX_RECORDS * 6];
	int text_count;
} decoded;

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

/* Decode from a buffer of just that length, so that reading beyond it is seen. */
static void
decode_bytes(const char *payload, size_t length, decoded *into)
{
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

static void
forget(decoded *what)
{
	while (what->text_count > 0)
		free(what->texts[--what->text_count]);
}

/* The one record of a payload, in what must be forgotten. */
static flow_record
one_record(const char *payload, decoded *into)
{
	decode_bytes(payload, strlen(payload), into);
	if (into->result != 1)
		fail_msg("%s: %s %s", payload, into->error.field, into->error.message);
	return into->records[0];
}

static flow_record
record_without_texts(const char *payload)
{
	decoded what;
	flow_record record = one_record(payload, &what);

	assert_int_equal(what.text_count, 0);
	return record;
}

static void
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

static void
a_mistyped_field_is_named_with_what_it_must_be(void **state)
{
	static const struct
	{
		const char *field;
		const char *before; /* the value */
		const char *after;
		const char *message;
		const char *bad[16];
	} cases[] = {
#define INTEGER_KINDS "true", "[]", "{}", "\"\"", "\"x\"", "1.0", "1e3", "\" 1\""
#define TIME_MESSAGE  "must be Unix nanoseconds, an integer of 64 bits"
		{"start", "\"start\":", "", TIME_MESSAGE, {INTEGER_KINDS, "9223372036854775808"}},
		{"end", "\"end\":", "", TIME_MESSAGE, {INTEGER_KINDS, "\"-9223372036854775809\""}},
#define COUNTER_CASE(name)                                                                         \
	{                                                                                              \
		name, "\"" name "\":", "", "must be an integer between 0 and 9223372036854775807",         \
		{                                                                                          \
			INTEGER_KINDS, "-1", "9223372036854775808"                                             \
		}                                                                                          \
	}
		COUNTER_CASE("tx_bytes"),
		COUNTER_CASE("rx_bytes"),
		COUNTER_CASE("tx_packets"),
		COUNTER_CASE("rx_packets"),
		COUNTER_CASE("retransmits"),
		COUNTER_CASE("rtt_us"),
		COUNTER_CASE("connections"),
		COUNTER_CASE("failed"),
#define PORT_CASE(object, name)                                                                    \
	{                                                                                              \
		object "." name, "\"" object "\":{\"" name "\":", "}",                                     \
			"must be an integer between 0 and 65535",                                              \
		{                                                                                          \
			INTEGER_KINDS, "-1", "65536"                                                           \
		}                                                                                          \
	}
		PORT_CASE("local", "port"),
		PORT_CASE("peer", "port"),
		PORT_CASE("nat", "local_port"),
		PORT_CASE("nat", "peer_port"),
#define ADDRESS_CASE(object, name)                                                                 \
	{                                                                                              \
		object "." name, "\"" object "\":{\"" name "\":", "}", "must be an IPv4 or IPv6 address",  \
		{                                                                                          \
			"1", "true", "[]", "{}", "\"\"", "\"host\"", "\"10.0.0.1/32\"", "\"10.0.0.1\\n\""      \
		}                                                                                          \
	}
		ADDRESS_CASE("local", "ip"),
		ADDRESS_CASE("peer", "ip"),
		ADDRESS_CASE("nat", "local_ip"),
		ADDRESS_CASE("nat", "peer_ip"),
#define TEXT_MESSAGE "must be a string of at most 255 bytes"
		{"host", "\"host\":", "", TEXT_MESSAGE, {"1", "true", "[]", "{}"}},
		{"region", "\"region\":", "", TEXT_MESSAGE, {"1", "false", "[]", "{}"}},
		{"scope", "\"scope\":", "", TEXT_MESSAGE, {"1", "true", "[\"a\"]", "{}"}},
		{"local.app", "\"local\":{\"app\":", "}", TEXT_MESSAGE, {"1", "true", "[]", "{}"}},
		{"local.cluster", "\"local\":{\"cluster\":", "}", TEXT_MESSAGE, {"1", "true", "[]", "{}"}},
		{"local.instance",
		 "\"local\":{\"instance\":",
		 "}",
		 TEXT_MESSAGE,
		 {"1", "true", "[]", "{}"}},
		{"proto",
		 "\"proto\":",
		 "",
		 "must be \"tcp\" or \"udp\"",
		 {"1", "true", "[]", "{}", "\"\"", "\"sctp\"", "\"tcp \"", "\"6\"", "6.0", "\"tc\""}},
		{"role",
		 "\"role\":",
		 "",
		 "must be \"client\" or \"server\"",
		 {"1", "true", "[]", "{}", "\"\"", "\"peer\"", "\"clients\""}},
#define OBJECT_BAD "must be an object", {"1", "true", "[]", "\"\"", "[{}]"}
		{"local", "\"local\":", "", OBJECT_BAD},
		{"peer", "\"peer\":", "", OBJECT_BAD},
		{"nat", "\"nat\":", "", OBJECT_BAD},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
		for (size_t j = 0; j < LENGTH_OF(cases[i].bad) && cases[i].bad[j] != NULL; j++)
		{
			char payload[1000];

			snprintf(payload, sizeof(payload), "{" REQUIRED "}\r\n\n{" REQUIRED ",%s%s%s}\n",
					 cases[i].before, cases[i].bad[j], cases[i].after);
			assert_refused(payload, 3, cases[i].field, cases[i].message);
		}
}

static void
a_missing_field_is_named(void **state)
{
	(void) state;
	assert_refused("{}", 1, "start", "is required");
	assert_refused("{\"start\":1}", 1, "end", "is required");
	assert_refused("{\"start\":1,\"end\":2}", 1, "proto", "is required");
	assert_refused("{\"start\":1,\"end\":2,\"proto\":6}", 1, "local.ip", "is required");
	assert_refused("{\"start\":1,\"end\":2,\"proto\":6,\"local\":{}}", 1, "local.ip",
				   "is required");
	assert_refused("{\"start\":1,\"end\":2,\"proto\":6,\"local\":{\"ip\":\"::1\"}}", 1, "peer.ip",
				   "is required");
	assert_refused("{" REQUIRED ",\"local\":{\"ip\":null}}", 1, "local.ip", "is required");
}

static void
an_end_before_the_start_is_refused(void **state)
{
	(void) state;
	assert_refused("{" REQUIRED ",\"start\":3}", 1, "end", "must not be before start");
	assert_int_equal(record_without_texts("{" REQUIRED ",\"start\":2}").start_ns, 2);
}

static void
what_is_no_json_object_is_refused_with_its_line(void **state)
{
	(void) state;
	assert_refused("\n[1]", 2, "", "must be a JSON object");
	assert_refused("null", 1, "", "must be a JSON object");
	assert_refused("\"{}\"", 1, "", "must be a JSON object");
	assert_refused("{" REQUIRED "}\n{\"start\":}", 2, "",
				   "invalid JSON at byte 10: a value was expected");
	assert_refused("{" REQUIRED "} {" REQUIRED "}", 1, "",
				   "invalid JSON at byte 86: something follows the value");
	assert_refused("{\n" REQUIRED "}", 1, "", "invalid JSON at byte 2: it ends too early");
	assert_refused("{\"x\":{\"y\":[nope]}}", 1, "", "invalid JSON at byte 12: invalid token");
	assert_refused("{\"x\":\"\\ud800\"," REQUIRED "}", 1, "",
				   "invalid JSON at byte 6: half a surrogate pair in a string");
	assert_refused("\n\n{\"host\":\"\xc3(\"}", 3, "", "invalid UTF-8 at byte 10");
	assert_refused("\xef\xbb\xbf{" REQUIRED "}", 1, "", "invalid JSON at byte 1: invalid token");
	assert_refused("{\"host\":\"a\x01\"}", 1, "",
				   "invalid JSON at byte 9: a control character that is not escaped");
}

static void
a_nul_byte_is_refused(void **state)
{
	static const char payload[] = "{" REQUIRED "}\n{\"host\":\"a\0b\"}\n";
	decoded what;

	(void) state;
	decode_bytes(payload, sizeof(payload) - 1, &what);
	assert_int_equal(what.result, -1);
	assert_int_equal(what.error.line, 2);
	assert_string_equal(what.error.message, "NUL character at byte 11");
}

static void
every_beginning_of_a_record_is_refused(void **state)
{
	(void) state;
	for (size_t length = 1; length < sizeof(full_record) - 1; length++)
	{
		decoded what;

		decode_bytes(full_record, length, &what);
		assert_int_equal(what.result, -1);
		assert_int_equal(what.error.line, 1);
	}
}

static void
texts_are_bounded(void **state)
{
	char text[600] = "";
	char payload[1000];
	decoded what;

	(void) state;
	/* What counts is the bytes of the text, not those of its escapes. */
	for (int i = 0; i < 85; i++)
		strcat(text, "\\u20ac");
	snprintf(payload, sizeof(payload), "{" REQUIRED ",\"scope\":\"%s\"}", text);
	assert_int_equal(one_record(payload, &what).scope.length, FLOW_JSON_MAX_TEXT);
	forget(&what);
	snprintf(payload, sizeof(payload), "{" REQUIRED ",\"scope\":\"%sx\"}", text);
	assert_refused(payload, 1, "scope", "must be a string of at most 255 bytes");
}

static void
a_line_is_bounded(void **state)
{
	static const char line[] = "{" REQUIRED "}";
	size_t length = FLOW_JSON_MAX_LINE;
	char *payload = malloc(length + 3);
	decoded what;

	(void) state;
	memset(payload, ' ', length);
	memcpy(payload, line, sizeof(line) - 1);
	memcpy(payload + length, "\r\n", 2);
	decode_bytes(payload, length + 2, &what);
	assert_int_equal(what.result, 1);

	memcpy(payload + length, " \r\n", 3);
	decode_bytes(payload, length + 3, &what);
	assert_int_equal(what.result, -1);
	assert_int_equal(what.error.line, 1);
	assert_string_equal(what.error.message, "longer than 1048576 bytes");
	free(payload);
}

static void
nesting_in_an_unknown_field_is_bounded(void **state)
{
	char deep[3 * JSON_MAX_DEPTH] = "";
	char payload[1000];

	(void) state;
	for (int i = 1; i < JSON_MAX_DEPTH; i++)
		strcat(deep, "[");
	for (int i = 1; i < JSON_MAX_DEPTH; i++)
		strcat(deep, "]");
	snprintf(payload, sizeof(payload), "{\"x\":%s," REQUIRED "}", deep);
	assert_bare_record(payload);
	snprintf(payload, sizeof(payload), "{\"x\":[%s]," REQUIRED "}", deep);
	assert_refused(payload, 1, "", "invalid JSON at byte 69: nested too deep");
}

typedef struct refusal
{
	int64_t accepts;
	const char *message; /* NULL: says nothing */
	int64_t seen;
} refusal;

static bool
refuse(void *context, const flow_record *record, decode_error *error)
{
	refusal *how = context;

	(void) record;
	if (how->seen++ < how->accepts)
		return true;
	if (how->message != NULL)
		decode_error_set(error, "start", "%s", how->message);
	return false;
}

static void
a_record_that_the_sink_refuses_ends_the_payload(void **state)
{
	static const char payload[] = "{" REQUIRED "}\n\n{" REQUIRED "}\n{" REQUIRED "}\n";
	refusal says = {.accepts = 1, .message = "too old"};
	refusal silent = {.accepts = 2};
	decode_error error;

	(void) state;
	assert_int_equal(decode_flow_json(payload, sizeof(payload) - 1, refuse, &says, &error), -1);
	assert_int_equal(says.seen, 2);
	assert_int_equal(error.line, 3);
	assert_string_equal(error.field, "start");
	assert_string_equal(error.message, "too old");

	assert_int_equal(decode_flow_json(payload, sizeof(payload) - 1, refuse, &silent, &error), -1);
	assert_int_equal(error.line, 4);
	assert_string_equal(error.field, "");
	assert_string_equal(error.message, "record refused");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_read),
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
		cmocka_unit_test(a_mistyped_field_is_named_with_what_it_must_be),
		cmocka_unit_test(a_missing_field_is_named),
		cmocka_unit_test(an_end_before_the_start_is_refused),
		cmocka_unit_test(what_is_no_json_object_is_refused_with_its_line),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(every_beginning_of_a_record_is_refused),
		cmocka_unit_test(texts_are_bounded),
		cmocka_unit_test(a_line_is_bounded),
		cmocka_unit_test(nesting_in_an_unknown_field_is_bounded),
		cmocka_unit_test(a_record_that_the_sink_refuses_ends_the_payload),
	};

	return cmocka_run_group_tests_name("flow_json", tests, NULL, NULL);
}
