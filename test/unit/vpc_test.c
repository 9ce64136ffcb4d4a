/*
 * vpc_test.c
 *		Flow logs of AWS VPCs: every field, every version, what is refused.
 */
#include "decoded.h"

#define HEADER                                                                                     \
	"version vpc-id instance-id interface-id srcaddr dstaddr srcport dstport pkt-srcaddr "         \
	"pkt-dstaddr protocol packets bytes start end action tcp-flags log-status flow-direction "     \
	"region\n"

static flow_record
one_log(const char *payload, decoded *into)
{
	decode_text_as("vpc", payload, 1, into);
	return into->records[0];
}

static void
every_field_of_an_egress_log_is_read(void **state)
{
	decoded what;
	flow_record record =
		one_log(HEADER "5 vpc-1 i-01 eni-1 10.0.0.62 10.0.0.220 43416 5001 10.0.0.63 192.0.2.9 6 "
					   "8 568 1566848875 1566848933 ACCEPT 3 OK egress us-east-1\n",
				&what);

	(void) state;
	assert_true(record.start_ns == INT64_C(1566848875000000000));
	assert_true(record.end_ns == INT64_C(1566848933000000000));
	assert_int_equal(record.protocol, FLOW_PROTOCOL_TCP);
	assert_int_equal(record.role, FLOW_ROLE_CLIENT);
	/* What the packets say, not the interface. */
	assert_address(record.local, "10.0.0.63");
	assert_int_equal(record.local_port, 43416);
	assert_address(record.peer, "192.0.2.9");
	assert_int_equal(record.peer_port, 5001);
	assert_text(record.host, "eni-1");
	assert_text(record.instance, "i-01");
	assert_text(record.region, "us-east-1");
	assert_text(record.scope, "vpc-1");
	assert_text(record.app, NULL);
	assert_int_equal(record.counters.tx_bytes, 568);
	assert_int_equal(record.counters.tx_packets, 8);
	assert_int_equal(record.counters.connections, 1);
	assert_int_equal(record.counters.failed, 0);
	forget(&what);
}

static void
an_ingress_log_is_the_destinations(void **state)
{
	decoded what;
	flow_record record =
		one_log("srcaddr dstaddr srcport dstport protocol packets bytes start end tcp_flags "
				"flow_direction\n10.0.0.62 10.0.0.9 43416 5001 6 8 568 1 2 2 ingress\n",
				&what);

	(void) state;
	assert_address(record.local, "10.0.0.9");
	assert_int_equal(record.role, FLOW_ROLE_SERVER);
	assert_int_equal(record.counters.rx_bytes, 568);
	assert_int_equal(record.counters.rx_packets, 8);
	assert_int_equal(record.counters.connections, 1);
	forget(&what);
}

static void
the_answer_to_an_opening_is_no_opening(void **state)
{
	decoded what;
	flow_record record = one_log(
		HEADER "5 - - - 10.0.0.9 10.0.0.62 5001 43416 - - 6 8 568 1 2 ACCEPT 18 OK - -\n", &what);

	(void) state;
	assert_address(record.local, "10.0.0.62");
	assert_int_equal(record.role, FLOW_ROLE_CLIENT);
	assert_int_equal(record.counters.connections, 0);
	assert_int_equal(record.counters.rx_bytes, 568);
	forget(&what);
}

static void
the_default_format_needs_no_header(void **state)
{
	decoded what;

	(void) state;
	decode_text_as(
		"vpc",
		"2 123456789010 eni-1 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 "
		"ACCEPT OK\r\n\n"
		"2 123456789010 eni-1 172.31.16.21 172.31.16.139 22 20641 6 5 300 1418530010 1418530070 "
		"ACCEPT OK\n"
		"2 123456789010 eni-1 2001:db8::1 2001:db8::2 34892 53 17 54 8855 1 2 ACCEPT OK",
		3, &what);
	/* Both directions are of the client. */
	for (int i = 0; i < 2; i++)
	{
		assert_address(what.records[i].local, "172.31.16.139");
		assert_int_equal(what.records[i].role, FLOW_ROLE_UNKNOWN);
		assert_int_equal(what.records[i].counters.connections, 0);
		assert_text(what.records[i].host, "eni-1");
	}
	assert_int_equal(what.records[0].counters.tx_bytes, 4249);
	assert_int_equal(what.records[1].counters.rx_bytes, 300);
	assert_int_equal(what.records[2].protocol, FLOW_PROTOCOL_UDP);
	assert_address(what.records[2].peer, "2001:db8::2");
	forget(&what);
}

static void
later_versions_without_header_have_the_documented_order(void **state)
{
	decoded what;

	(void) state;
	decode_text_as("vpc",
				   "3 1 eni-1 10.0.0.1 10.0.0.2 1000 80 6 1 2 3 4 ACCEPT OK vpc-1 subnet-1 i-1 2 "
				   "IPv4 10.1.0.1 10.1.0.2\n"
				   "4 1 eni-1 10.0.0.1 10.0.0.2 1000 80 6 1 2 3 4 ACCEPT OK vpc-1 subnet-1 i-1 2 "
				   "IPv4 - - us-east-1 az - -\n"
				   "5 1 eni-1 10.0.0.1 10.0.0.2 1000 80 6 1 2 3 4 ACCEPT OK vpc-1 subnet-1 i-1 2 "
				   "IPv4 - - us-east-1 az - - - - ingress 1\n",
				   3, &what);
	assert_address(what.records[0].local, "10.1.0.1");
	assert_text(what.records[0].scope, "vpc-1");
	assert_text(what.records[1].region, "us-east-1");
	assert_address(what.records[1].local, "10.0.0.1");
	assert_address(what.records[2].local, "10.0.0.2");
	assert_int_equal(what.records[2].role, FLOW_ROLE_SERVER);
	forget(&what);
}

static void
a_rejected_flow_is_a_failed_attempt_that_carried_nothing(void **state)
{
	decoded what;
	flow_record record = one_log(
		HEADER "5 - - - 10.0.0.1 10.0.0.2 9999 80 - - 6 2 120 1 2 REJECT 2 OK egress -\n", &what);

	(void) state;
	assert_int_equal(record.counters.failed, 1);
	assert_int_equal(record.counters.connections, 0);
	assert_int_equal(record.counters.tx_bytes, 0);
	assert_int_equal(record.counters.tx_packets, 0);
	forget(&what);
}

static void
what_has_no_data_or_no_ports_is_passed_over(void **state)
{
	decoded what;

	(void) state;
	decode_text_as("vpc",
				   "2 1 eni-1 - - - - - - - 1431280876 1431280934 - NODATA\n"
				   "2 1 eni-1 - - - - - - - 1431280876 1431280934 - SKIPDATA\n"
				   "2 1 eni-1 10.0.0.1 10.0.0.2 0 0 1 4 336 1 2 ACCEPT OK\n" HEADER,
				   0, &what);
	forget(&what);
}

/* The default format with one field replaced. */
static void
assert_field_refused(int at, const char *value, const char *field, const char *message)
{
	static const char *const fields[] = {"2", "1", "eni-1", "10.0.0.1", "10.0.0.2", "1000",   "80",
										 "6", "1", "2",     "3",        "4",        "ACCEPT", "OK"};
	char line[500] = "\n";

	for (int i = 0; i < (int) LENGTH_OF(fields); i++)
	{
		strcat(line, i == at ? value : fields[i]);
		strcat(line, " ");
	}
	assert_refused_as("vpc", line, strlen(line), 2, field, message);
}

static void
what_is_missing_or_wrong_is_named(void **state)
{
	static const char port[] = "must be an integer between 0 and 65535, or -";

	(void) state;
	assert_field_refused(2, "\xff", "interface-id", "must be UTF-8 without NUL");
	assert_field_refused(3, "-", "srcaddr", "is required");
	assert_field_refused(3, "host", "srcaddr", "must be an IPv4 or IPv6 address");
	assert_field_refused(4, "-", "dstaddr", "is required");
	assert_field_refused(5, "65536", "srcport", port);
	assert_field_refused(6, "x", "dstport", port);
	assert_field_refused(7, "-", "protocol", "is required");
	assert_field_refused(7, "256", "protocol", "must be an integer between 0 and 255, or -");
	assert_field_refused(8, "-1", "packets",
						 "must be an integer between 0 and 9223372036854775807, or -");
	assert_field_refused(9, "1.5", "bytes",
						 "must be an integer between 0 and 9223372036854775807, or -");
	assert_field_refused(10, "-", "start", "is required");
	assert_field_refused(10, "5", "end", "must not be before start");
	assert_field_refused(11, "9223372037", "end",
						 "must be an integer between 0 and 9223372036, or -");
	assert_field_refused(12, "MAYBE", "action", "must be ACCEPT, REJECT or -");
	assert_field_refused(13, "GOOD", "log-status", "must be OK, NODATA, SKIPDATA or -");
}

static void
the_number_of_fields_must_be_that_of_the_header(void **state)
{
	static const char few[] = "srcaddr dstaddr\n10.0.0.1";
	static const char none[] = "2 1 eni-1 10.0.0.1";
	char many[200] = "";

	(void) state;
	assert_refused_as("vpc", few, strlen(few), 2, "", "has 1 fields where the header has 2");
	assert_refused_as("vpc", none, strlen(none), 1, "",
					  "has 4 fields, not 14, 21, 25 or 29: a line of their names is needed first");
	for (int i = 0; i < 65; i++)
		strcat(many, "x ");
	assert_refused_as("vpc", many, strlen(many), 1, "", "has more than 64 fields");
}

static void
a_line_is_bounded(void **state)
{
	size_t length = DECODE_MAX_LINE + 1;
	char *line = malloc(length);

	(void) state;
	memset(line, 'x', length);
	assert_refused_as("vpc", line, length, 1, "", "longer than 1048576 bytes");
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_an_egress_log_is_read),
		cmocka_unit_test(an_ingress_log_is_the_destinations),
		cmocka_unit_test(the_answer_to_an_opening_is_no_opening),
		cmocka_unit_test(the_default_format_needs_no_header),
		cmocka_unit_test(later_versions_without_header_have_the_documented_order),
		cmocka_unit_test(a_rejected_flow_is_a_failed_attempt_that_carried_nothing),
		cmocka_unit_test(what_has_no_data_or_no_ports_is_passed_over),
		cmocka_unit_test(what_is_missing_or_wrong_is_named),
		cmocka_unit_test(the_number_of_fields_must_be_that_of_the_header),
		cmocka_unit_test(a_line_is_bounded),
	};

	return cmocka_run_group_tests_name("vpc", tests, NULL, NULL);
}
