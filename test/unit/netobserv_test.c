/*
 * netobserv_test.c
 *		Flow logs of NetObserv: every field, which end is local, what is refused.
 */
#include "decoded.h"

#define ENDS                                                                                       \
	"\"SrcAddr\":\"10.0.0.7\",\"SrcPort\":43210,\"DstAddr\":\"10.0.1.9\",\"DstPort\":6379,"        \
	"\"Proto\":6,\"TimeFlowStartMs\":1700000000000,\"TimeFlowEndMs\":1700000010000"

static const char full_log[] =
	"{" ENDS ",\"Flags\":[\"SYN\",\"ACK\"],\"Bytes\":1200,\"Packets\":9,\"FlowDirection\":1,"
	"\"Sampling\":50,\"TimeFlowRttNs\":180999,\"TimeReceived\":1700000011,"
	"\"SrcK8S_OwnerName\":\"checkout\",\"SrcK8S_Namespace\":\"shop\",\"SrcK8S_Name\":\"c-1\","
	"\"SrcK8S_HostName\":\"n1\",\"SrcK8S_Zone\":\"us-1a\",\"SrcK8S_Type\":\"Pod\","
	"\"DstK8S_OwnerName\":\"redis\",\"DstK8S_Namespace\":\"data\",\"DstK8S_Name\":\"r-0\","
	"\"DstK8S_HostName\":\"n2\",\"DstK8S_Zone\":\"us-1b\",\"XlatSrcAddr\":\"10.0.0.7\","
	"\"XlatSrcPort\":43210,\"XlatDstAddr\":\"10.9.9.9\",\"XlatDstPort\":6380,"
	"\"ZoneId\":3,\"_RecordType\":\"flowLog\",\"Duplicate\":false}";

static flow_record
one_log(const char *payload, decoded *into)
{
	decode_text_as("netobserv", payload, 1, into);
	return into->records[0];
}

/* The record of a log with ENDS and more, which must have no texts. */
static flow_record
log_with(const char *more)
{
	char payload[1000];
	decoded what;
	flow_record record;

	snprintf(payload, sizeof(payload), "{" ENDS "%s}", more);
	record = one_log(payload, &what);
	assert_int_equal(what.copy_count, 0);
	forget(&what);
	return record;
}

static void
every_field_of_an_egress_log_is_read(void **state)
{
	decoded what;
	flow_record record = one_log(full_log, &what);

	(void) state;
	assert_true(record.start_ns == INT64_C(1700000000000000000));
	assert_true(record.end_ns == INT64_C(1700000010000000000));
	assert_int_equal(record.protocol, FLOW_PROTOCOL_TCP);
	assert_int_equal(record.role, FLOW_ROLE_CLIENT);
	assert_address(record.local, "10.0.0.7");
	assert_int_equal(record.local_port, 43210);
	assert_address(record.peer, "10.0.1.9");
	assert_int_equal(record.peer_port, 6379);
	assert_int_equal(record.nat_local.family, 0);
	assert_address(record.nat_peer, "10.9.9.9");
	assert_int_equal(record.nat_peer_port, 6380);
	assert_text(record.app, "checkout");
	assert_text(record.cluster, "shop/checkout");
	assert_text(record.instance, "c-1");
	assert_text(record.host, "n1");
	assert_text(record.region, "us-1a");
	assert_text(record.scope, NULL);
	assert_int_equal(record.counters.tx_bytes, 60000);
	assert_int_equal(record.counters.tx_packets, 450);
	assert_int_equal(record.counters.rx_bytes, 0);
	assert_int_equal(record.counters.connections, 50);
	assert_int_equal(record.counters.failed, 0);
	assert_int_equal(record.counters.rtt_sum_us, 180);
	assert_int_equal(record.counters.rtt_samples, 1);
	forget(&what);
}

static void
an_ingress_log_is_the_destinations(void **state)
{
	char payload[1200];
	decoded what;
	flow_record record;

	(void) state;
	snprintf(payload, sizeof(payload), "%s", full_log);
	memcpy(strstr(payload, "\"FlowDirection\":1"), "\"FlowDirection\":0", 17);
	record = one_log(payload, &what);
	assert_int_equal(record.role, FLOW_ROLE_SERVER);
	assert_address(record.local, "10.0.1.9");
	assert_int_equal(record.local_port, 6379);
	assert_address(record.peer, "10.0.0.7");
	assert_address(record.nat_local, "10.9.9.9");
	assert_int_equal(record.nat_peer.family, 0);
	assert_text(record.app, "redis");
	assert_text(record.cluster, "data/redis");
	assert_text(record.instance, "r-0");
	assert_text(record.host, "n2");
	assert_text(record.region, "us-1b");
	assert_int_equal(record.counters.rx_bytes, 60000);
	assert_int_equal(record.counters.tx_bytes, 0);
	forget(&what);
}

static void
both_directions_of_a_connection_have_one_local_end(void **state)
{
	decoded what;
	flow_record there = log_with(",\"Bytes\":5");
	flow_record back =
		one_log("{\"SrcAddr\":\"10.0.1.9\",\"SrcPort\":6379,\"DstAddr\":\"10.0.0.7\",\"DstPort\":"
				"43210,\"Proto\":6,\"TimeFlowStartMs\":1,\"TimeFlowEndMs\":2,\"Bytes\":7}",
				&what);

	(void) state;
	assert_address(there.local, "10.0.0.7");
	assert_address(back.local, "10.0.0.7");
	assert_int_equal(there.counters.tx_bytes, 5);
	assert_int_equal(there.counters.rx_bytes, 0);
	assert_int_equal(back.counters.tx_bytes, 0);
	assert_int_equal(back.counters.rx_bytes, 7);
	assert_int_equal(there.role, FLOW_ROLE_UNKNOWN);
}

static void
flags_say_who_opened_the_connection(void **state)
{
	(void) state;
	assert_int_equal(log_with(",\"Flags\":2").role, FLOW_ROLE_CLIENT);
	assert_int_equal(log_with(",\"Flags\":2").counters.connections, 1);
	/* The answer goes from the server, which is the source here. */
	assert_address(log_with(",\"Flags\":272").local, "10.0.1.9");
	assert_int_equal(log_with(",\"Flags\":272").role, FLOW_ROLE_CLIENT);
	assert_int_equal(log_with(",\"Flags\":[\"SYN_ACK\"],\"FlowDirection\":1").role,
					 FLOW_ROLE_SERVER);
	assert_int_equal(log_with(",\"Flags\":[\"SYN_ACK\"]").counters.connections, 0);
	assert_int_equal(log_with(",\"Flags\":[\"ACK\"]").role, FLOW_ROLE_UNKNOWN);
	assert_int_equal(log_with(",\"Flags\":null").counters.connections, 0);
}

static void
sampling_scales_up_to_the_greatest_counter(void **state)
{
	flow_record record =
		log_with(",\"Bytes\":9223372036854775807,\"Packets\":3,\"Sampling\":2,\"Flags\":2");

	(void) state;
	assert_true(record.counters.tx_bytes == FLOW_COUNTER_MAX);
	assert_int_equal(record.counters.tx_packets, 6);
	assert_int_equal(record.counters.connections, 2);
	assert_int_equal(log_with(",\"Packets\":3,\"Sampling\":0").counters.tx_packets, 3);
	assert_int_equal(log_with(",\"Packets\":3,\"Sampling\":1").counters.tx_packets, 3);
}

static void
what_repeats_other_logs_is_passed_over(void **state)
{
	decoded what;

	(void) state;
	decode_text_as("netobserv",
				   "{" ENDS ",\"_RecordType\":\"newConnection\"}\n"
				   "{" ENDS ",\"_RecordType\":\"heartbeat\"}\n"
				   "{" ENDS ",\"_RecordType\":\"endConnection\"}\n"
				   "{" ENDS ",\"Duplicate\":true}\n"
				   "{\"Proto\":1}\n\n"
				   "{" ENDS ",\"Proto\":132}\n"
				   "{" ENDS ",\"_RecordType\":\"flowLog\"}\n",
				   1, &what);
	forget(&what);
}

static void
a_namespace_that_is_too_long_leaves_no_cluster(void **state)
{
	char payload[1000];
	char name[DECODE_MAX_TEXT + 1];
	decoded what;
	flow_record record;

	(void) state;
	memset(name, 'n', DECODE_MAX_TEXT);
	name[DECODE_MAX_TEXT] = '\0';
	snprintf(payload, sizeof(payload),
			 "{" ENDS ",\"SrcK8S_Namespace\":\"%s\",\"SrcK8S_OwnerName\":\"a\"}", name);
	record = one_log(payload, &what);
	assert_text(record.app, "a");
	assert_text(record.cluster, NULL);
	forget(&what);
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
		{"{}", "SrcAddr", "is required"},
		{"{\"SrcAddr\":\"::1\"}", "DstAddr", "is required"},
		{"{\"SrcAddr\":\"::1\",\"DstAddr\":\"::1\"}", "Proto", "is required"},
		{"{\"SrcAddr\":\"::1\",\"DstAddr\":\"::1\",\"Proto\":6}", "TimeFlowStartMs", "is required"},
		{"{\"SrcAddr\":\"::1\",\"DstAddr\":\"::1\",\"Proto\":6,\"TimeFlowStartMs\":1}",
		 "TimeFlowEndMs", "is required"},
		{"{" ENDS ",\"TimeFlowEndMs\":1}", "TimeFlowEndMs", "must not be before TimeFlowStartMs"},
		{"{" ENDS ",\"TimeFlowEndMs\":9223372036854775807}", "TimeFlowEndMs", "is out of range"},
		{"{" ENDS ",\"FlowDirection\":3}", "FlowDirection", "must be 0, 1 or 2"},
		{"{" ENDS ",\"Flags\":\"SYN\"}", "Flags", "must be a number or names of TCP flags"},
		{"{" ENDS ",\"Flags\":[2]}", "Flags", "must be a number or names of TCP flags"},
		{"{" ENDS ",\"Bytes\":-1}", "Bytes",
		 "must be an integer between 0 and 9223372036854775807"},
		{"{" ENDS ",\"SrcAddr\":\"\"}", "SrcAddr", "must be an IPv4 or IPv6 address"},
		{"{" ENDS ",\"Duplicate\":1}", "Duplicate", "must be true or false"},
		{"[]", "", "must be a JSON object"},
		{"{\"Flags\":[\"SYN\"", "", "invalid JSON at byte 16: it ends too early"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char payload[1000];

		snprintf(payload, sizeof(payload), "{" ENDS "}\n%s", cases[i].payload);
		assert_refused_as("netobserv", payload, strlen(payload), 2, cases[i].field,
						  cases[i].message);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_an_egress_log_is_read),
		cmocka_unit_test(an_ingress_log_is_the_destinations),
		cmocka_unit_test(both_directions_of_a_connection_have_one_local_end),
		cmocka_unit_test(flags_say_who_opened_the_connection),
		cmocka_unit_test(sampling_scales_up_to_the_greatest_counter),
		cmocka_unit_test(what_repeats_other_logs_is_passed_over),
		cmocka_unit_test(a_namespace_that_is_too_long_leaves_no_cluster),
		cmocka_unit_test(what_is_missing_or_wrong_is_named_with_its_line),
	};

	return cmocka_run_group_tests_name("netobserv", tests, NULL, NULL);
}
