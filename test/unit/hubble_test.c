/*
 * hubble_test.c
 *		Flows of Hubble: every field, what counts and what is told twice.
 */
#include "decoded.h"

#define IP "\"IP\":{\"source\":\"10.0.0.7\",\"destination\":\"10.0.1.9\"}"
#define TCP(flags)                                                                                 \
	"\"l4\":{\"TCP\":{\"source_port\":43210,\"destination_port\":6379,\"flags\":" flags "}}"
#define TIME "\"time\":\"2023-11-14T22:13:20.000000001Z\""
#define FLOW TIME "," IP "," TCP("{\"SYN\":true}")

static const char full_flow[] =
	"{\"flow\":{" TIME ",\"uuid\":\"u\",\"verdict\":\"FORWARDED\","
	"\"IP\":{\"source\":\"10.0.0.7\",\"source_xlated\":\"\",\"destination\":\"10.0.1.9\","
	"\"destination_xlated\":\"10.96.0.1\",\"ipVersion\":\"IPv4\"}," TCP(
		"{\"SYN\":true}") ","
						  "\"source\":{\"identity\":3,\"namespace\":\"shop\",\"labels\":[\"k8s:app="
						  "x\"],"
						  "\"pod_name\":\"c-1\",\"workloads\":[{\"name\":\"checkout\",\"kind\":"
						  "\"Deployment\"},"
						  "{\"name\":\"other\"}]},\"destination\":{\"namespace\":\"data\",\"pod_"
						  "name\":\"r-0\","
						  "\"workloads\":[{\"kind\":\"StatefulSet\",\"name\":\"redis\"}]},\"Type\":"
						  "\"L3_L4\","
						  "\"node_name\":\"n1\",\"traffic_direction\":\"EGRESS\","
						  "\"trace_observation_point\":\"TO_STACK\",\"is_reply\":false,\"Summary\":"
						  "\"TCP\"},"
						  "\"node_name\":\"n1\",\"time\":\"2023-11-14T22:13:20.000000001Z\"}";

/* The record of a flow that stands alone: FLOW and more. */
static flow_record
flow_with(const char *more)
{
	char payload[1000];
	decoded what;
	flow_record record;

	snprintf(payload, sizeof(payload), "{" FLOW "%s}", more);
	decode_text_as("hubble", payload, 1, &what);
	record = what.records[0];
	forget(&what);
	return record;
}

static void
assert_passed_over(const char *payload)
{
	decoded what;

	decode_text_as("hubble", payload, 0, &what);
	forget(&what);
}

static void
every_field_of_an_egress_flow_is_read(void **state)
{
	decoded what;
	flow_record record;

	(void) state;
	decode_text_as("hubble", full_flow, 1, &what);
	record = what.records[0];
	assert_true(record.start_ns == INT64_C(1700000000000000001));
	assert_true(record.end_ns == record.start_ns);
	assert_int_equal(record.protocol, FLOW_PROTOCOL_TCP);
	assert_int_equal(record.role, FLOW_ROLE_CLIENT);
	assert_address(record.local, "10.0.0.7");
	assert_int_equal(record.local_port, 43210);
	assert_address(record.peer, "10.0.1.9");
	assert_int_equal(record.peer_port, 6379);
	assert_int_equal(record.nat_local.family, 0);
	assert_address(record.nat_peer, "10.96.0.1");
	assert_int_equal(record.nat_peer_port, 6379);
	assert_text(record.app, "checkout");
	assert_text(record.cluster, "shop/checkout");
	assert_text(record.instance, "c-1");
	assert_text(record.host, "n1");
	assert_int_equal(record.counters.connections, 1);
	assert_int_equal(record.counters.failed, 0);
	forget(&what);
}

static void
an_ingress_flow_is_the_destinations(void **state)
{
	char payload[1200];
	decoded what;

	(void) state;
	/* JSON may say a field twice: the last counts. */
	snprintf(payload, sizeof(payload), "%.*s,\"traffic_direction\":\"INGRESS\"}",
			 (int) strlen(full_flow) - 1, full_flow);
	decode_text_as("hubble", payload, 1, &what);
	assert_int_equal(what.records[0].role, FLOW_ROLE_SERVER);
	assert_address(what.records[0].local, "10.0.1.9");
	assert_text(what.records[0].app, "redis");
	assert_text(what.records[0].cluster, "data/redis");
	assert_address(what.records[0].nat_local, "10.96.0.1");
	forget(&what);
}

static void
only_what_opens_a_connection_counts_as_one(void **state)
{
	decoded what;

	(void) state;
	assert_int_equal(flow_with("").counters.connections, 1);
	assert_int_equal(flow_with("," TCP("{\"SYN\":true,\"ACK\":true}")).counters.connections, 0);
	assert_int_equal(flow_with("," TCP("{\"FIN\":true}")).counters.connections, 0);
	assert_int_equal(flow_with("," TCP("null")).counters.connections, 0);
	decode_text_as("hubble",
				   "{" TIME "," IP ",\"l4\":{\"UDP\":{\"source_port\":5,\"destination_port\":53}}}",
				   1, &what);
	assert_int_equal(what.records[0].protocol, FLOW_PROTOCOL_UDP);
	assert_int_equal(what.records[0].peer_port, 53);
	assert_int_equal(what.records[0].counters.connections, 0);
	forget(&what);
}

static void
a_dropped_flow_is_a_failed_attempt(void **state)
{
	(void) state;
	assert_int_equal(flow_with(",\"verdict\":\"DROPPED\"").counters.failed, 1);
	assert_int_equal(flow_with(",\"verdict\":\"DROPPED\"").counters.connections, 0);
	assert_int_equal(flow_with(",\"verdict\":\"ERROR\"").counters.failed, 1);
	assert_int_equal(flow_with(",\"verdict\":\"AUDIT\"").counters.connections, 1);
	assert_int_equal(flow_with(",\"verdict\":\"REDIRECTED\"").counters.connections, 1);
}

static void
what_is_told_elsewhere_or_no_flow_is_passed_over(void **state)
{
	(void) state;
	assert_passed_over("{" FLOW ",\"is_reply\":true}");
	assert_passed_over("{" FLOW ",\"Type\":\"L7\"}");
	assert_passed_over("{" FLOW ",\"trace_observation_point\":\"FROM_ENDPOINT\"}");
	assert_passed_over("{" FLOW ",\"verdict\":\"TRANSLATED\"}");
	assert_passed_over("{" TIME "," IP ",\"l4\":{\"ICMPv4\":{\"type\":8}}}");
	assert_passed_over("{" TIME "," TCP("null") "}");
	assert_passed_over("{\"lost_events\":{\"num_events_lost\":\"3\"},\"node_name\":\"n\"}");
	assert_passed_over("{\"node_status\":{\"state_change\":\"NODE_CONNECTED\"}}");
	assert_passed_over("{\"agent_event\":{}}\n{\"debug_event\":{}}\n");
}

static void
what_is_missing_or_wrong_is_named_with_its_line(void **state)
{
	static const struct
	{
		const char *payload;
		const char *field;
		const char *message;
	} cases[] = {
		{"{}", "time", "is required"},
		{"{\"flow\":{}}", "time", "is required"},
		{"{" TIME "," TCP("null") ",\"IP\":{\"source\":\"::1\"}}", "IP.destination", "is required"},
		{"{" TIME "," TCP("null") ",\"IP\":{\"destination\":\"::1\"}}", "IP.source", "is required"},
		{"{" FLOW ",\"time\":1}", "time", "must be a time after RFC 3339"},
		{"{" FLOW ",\"time\":\"today\"}", "time", "must be a time after RFC 3339"},
		{"{" FLOW ",\"IP\":{\"source\":\"x\"}}", "IP.source", "must be an IPv4 or IPv6 address"},
		{"{" FLOW ",\"IP\":{\"source_xlated\":\"x\"}}", "IP.source_xlated",
		 "must be an IPv4 or IPv6 address"},
		{"{" FLOW ",\"l4\":{\"TCP\":{\"source_port\":70000}}}", "l4.TCP.source_port",
		 "must be an integer between 0 and 65535"},
		{"{" FLOW ",\"source\":{\"workloads\":{}}}", "source.workloads",
		 "must be an array of objects"},
		{"{" FLOW ",\"source\":{\"workloads\":[1]}}", "source.workloads",
		 "must be an array of objects"},
		{"{" FLOW ",\"source\":{\"workloads\":[{\"name\":1}]}}", "workloads.name",
		 "must be a string of at most 255 bytes"},
		{"{" FLOW ",\"is_reply\":1}", "is_reply", "must be true or false"},
		{"{" FLOW ",\"flow\":[]}", "flow", "must be an object"},
		{"nothing", "", "invalid JSON at byte 1: invalid token"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char payload[1000];

		snprintf(payload, sizeof(payload), "{" FLOW "}\n%s", cases[i].payload);
		assert_refused_as("hubble", payload, strlen(payload), 2, cases[i].field, cases[i].message);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_an_egress_flow_is_read),
		cmocka_unit_test(an_ingress_flow_is_the_destinations),
		cmocka_unit_test(only_what_opens_a_connection_counts_as_one),
		cmocka_unit_test(a_dropped_flow_is_a_failed_attempt),
		cmocka_unit_test(what_is_told_elsewhere_or_no_flow_is_passed_over),
		cmocka_unit_test(what_is_missing_or_wrong_is_named_with_its_line),
	};

	return cmocka_run_group_tests_name("hubble", tests, NULL, NULL);
}
