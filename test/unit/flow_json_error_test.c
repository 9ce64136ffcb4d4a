/*
 * flow_json_error_test.c
 *		Flow records that are refused: where, and with what words.
 */
#include "decoded.h"

#include "decode/flow_json.h"
#include "decode/json.h"

/* What fields of a type must be, and values that they do not take. */
typedef struct field_demand
{
	const char *message;
	const char *refused[16];
} field_demand;

static const field_demand time_demand = {
	"must be Unix nanoseconds, an integer of 64 bits",
	{"true", "[]", "{}", "\"\"", "\"x\"", "1.0", "1e3", "\" 1\"", "9223372036854775808",
	 "\"-9223372036854775809\""},
};

static const field_demand counter_demand = {
	"must be an integer between 0 and 9223372036854775807",
	{"true", "[]", "{}", "\"\"", "\"x\"", "1.0", "1e3", "\" 1\"", "-1", "9223372036854775808"},
};

static const field_demand port_demand = {
	"must be an integer between 0 and 65535",
	{"true", "[]", "{}", "\"\"", "\"x\"", "1.0", "1e3", "\" 1\"", "-1", "65536", "\"65536\""},
};

static const field_demand address_demand = {
	"must be an IPv4 or IPv6 address",
	{"1", "true", "[]", "{}", "\"\"", "\"host\"", "\"10.0.0.1/32\"", "\"10.0.0.1\\n\""},
};

static const field_demand text_demand = {
	"must be a string of at most 255 bytes",
	{"1", "true", "[]", "{}", "[\"a\"]"},
};

static const field_demand protocol_demand = {
	"must be \"tcp\" or \"udp\"",
	{"1", "true", "[]", "{}", "\"\"", "\"sctp\"", "\"tcp \"", "\"6\"", "6.0", "\"tc\""},
};

static const field_demand role_demand = {
	"must be \"client\", \"server\" or \"forwarder\"",
	{"1", "true", "[]", "{}", "\"\"", "\"peer\"", "\"clients\""},
};

static const field_demand object_demand = {
	"must be an object",
	{"1", "true", "[]", "\"\"", "[{}]"},
};

/* Every field; the value stands between before and after. */
static const struct
{
	const char *path;
	const char *before;
	const char *after;
	const field_demand *demand;
} fields[] = {
	{"host", "\"host\":", "", &text_demand},
	{"start", "\"start\":", "", &time_demand},
	{"end", "\"end\":", "", &time_demand},
	{"proto", "\"proto\":", "", &protocol_demand},
	{"role", "\"role\":", "", &role_demand},
	{"local", "\"local\":", "", &object_demand},
	{"local.ip", "\"local\":{\"ip\":", "}", &address_demand},
	{"local.port", "\"local\":{\"port\":", "}", &port_demand},
	{"local.app", "\"local\":{\"app\":", "}", &text_demand},
	{"local.cluster", "\"local\":{\"cluster\":", "}", &text_demand},
	{"local.instance", "\"local\":{\"instance\":", "}", &text_demand},
	{"peer", "\"peer\":", "", &object_demand},
	{"peer.ip", "\"peer\":{\"ip\":", "}", &address_demand},
	{"peer.port", "\"peer\":{\"port\":", "}", &port_demand},
	{"nat", "\"nat\":", "", &object_demand},
	{"nat.local_ip", "\"nat\":{\"local_ip\":", "}", &address_demand},
	{"nat.local_port", "\"nat\":{\"local_port\":", "}", &port_demand},
	{"nat.peer_ip", "\"nat\":{\"peer_ip\":", "}", &address_demand},
	{"nat.peer_port", "\"nat\":{\"peer_port\":", "}", &port_demand},
	{"tx_bytes", "\"tx_bytes\":", "", &counter_demand},
	{"rx_bytes", "\"rx_bytes\":", "", &counter_demand},
	{"tx_packets", "\"tx_packets\":", "", &counter_demand},
	{"rx_packets", "\"rx_packets\":", "", &counter_demand},
	{"retransmits", "\"retransmits\":", "", &counter_demand},
	{"rtt_us", "\"rtt_us\":", "", &counter_demand},
	{"rtt_samples", "\"rtt_samples\":", "", &counter_demand},
	{"connections", "\"connections\":", "", &counter_demand},
	{"failed", "\"failed\":", "", &counter_demand},
	{"region", "\"region\":", "", &text_demand},
	{"scope", "\"scope\":", "", &text_demand},
};

static void
a_mistyped_field_is_named_with_what_it_must_be(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(fields); i++)
		for (const char *const *value = fields[i].demand->refused; *value != NULL; value++)
		{
			char payload[1000];

			snprintf(payload, sizeof(payload), "{" REQUIRED "}\r\n\n{" REQUIRED ",%s%s%s}\n",
					 fields[i].before, *value, fields[i].after);
			assert_refused(payload, 3, fields[i].path, fields[i].demand->message);
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
a_forwarder_that_translates_nothing_is_refused(void **state)
{
	static const char message[] = "must say what a forwarder made of the connection";

	(void) state;
	assert_refused("{" REQUIRED ",\"role\":\"forwarder\"}", 1, "nat", message);
	assert_refused("{" REQUIRED ",\"role\":\"forwarder\",\"nat\":{\"local_ip\":\"10.0.0.7\","
				   "\"peer_ip\":\"10.0.1.9\"}}",
				   1, "nat", message);
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
	for (size_t length = 1; length < strlen(full_record); length++)
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
	assert_int_equal(one_record(payload, &what).scope.length, DECODE_MAX_TEXT);
	forget(&what);
	snprintf(payload, sizeof(payload), "{" REQUIRED ",\"scope\":\"%sx\"}", text);
	assert_refused(payload, 1, "scope", "must be a string of at most 255 bytes");
}

static void
a_line_is_bounded(void **state)
{
	static const char line[] = "{" REQUIRED "}";
	size_t length = DECODE_MAX_LINE;
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
		cmocka_unit_test(a_mistyped_field_is_named_with_what_it_must_be),
		cmocka_unit_test(a_missing_field_is_named),
		cmocka_unit_test(a_forwarder_that_translates_nothing_is_refused),
		cmocka_unit_test(an_end_before_the_start_is_refused),
		cmocka_unit_test(what_is_no_json_object_is_refused_with_its_line),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(every_beginning_of_a_record_is_refused),
		cmocka_unit_test(texts_are_bounded),
		cmocka_unit_test(a_line_is_bounded),
		cmocka_unit_test(nesting_in_an_unknown_field_is_bounded),
		cmocka_unit_test(a_record_that_the_sink_refuses_ends_the_payload),
	};

	return cmocka_run_group_tests_name("flow_json_error", tests, NULL, NULL);
}
