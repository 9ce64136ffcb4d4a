/*
 * ipc_json_test.c
 *		The native ipc record: every field, its histogram, what is refused.
 */
#include "decoded.h"

#define REQUIRED_CALL "\"start\":1,\"end\":2,\"client\":\"a\",\"server\":\"b\",\"requests\":9"

static call_record
call_with(const char *more, decoded *into)
{
	char payload[1000];

	snprintf(payload, sizeof(payload), "{" REQUIRED_CALL "%s}", more);
	decode_text_as("ipc", payload, 1, into);
	return into->calls[0];
}

static void
assert_bucket(const call_record *call, uint32_t at, uint64_t value_ns, uint64_t count)
{
	assert_true(at < call->bucket_count);
	assert_true(call->buckets[at].value_ns == value_ns);
	assert_true(call->buckets[at].count == count);
}

static void
every_field_is_read(void **state)
{
	decoded what;
	call_record call;

	(void) state;
	decode_text_as("ipc",
				   "{\"start\":1700000000000000000,\"end\":\"1700000060000000000\","
				   "\"client\":\"checkout\",\"server\":\"payments\","
				   "\"client_cluster\":\"checkout-v12\",\"server_cluster\":\"payments-v3\","
				   "\"protocol\":\"grpc\",\"endpoint\":\"Payments/Charge\",\"requests\":120,"
				   "\"errors\":3,\"latency_ms\":{\"count\":110,\"sum\":960.5,"
				   "\"bounds\":[1,4,9,16],\"counts\":[10,20,50,0,30]},\"x\":[{}]}",
				   1, &what);
	call = what.calls[0];
	assert_true(call.start_ns == INT64_C(1700000000000000000));
	assert_true(call.end_ns == INT64_C(1700000060000000000));
	assert_int_equal(call.side, CALL_SIDE_UNKNOWN);
	assert_int_equal(call.client_kind, SPAN_PEER_APP);
	assert_int_equal(call.server_kind, SPAN_PEER_APP);
	assert_text(call.client, "checkout");
	assert_text(call.server, "payments");
	assert_text(call.client_cluster, "checkout-v12");
	assert_text(call.server_cluster, "payments-v3");
	assert_text(call.protocol, "grpc");
	assert_text(call.endpoint, "Payments/Charge");
	assert_int_equal(call.requests, 120);
	assert_int_equal(call.errors, 3);
	assert_int_equal(call.latency_count, 110);
	assert_int_equal(call.latency_sum_ns, 960500000);
	assert_int_equal(call.bucket_count, 4);
	assert_bucket(&call, 0, 500000, 10);
	assert_bucket(&call, 1, 2000000, 20);
	assert_bucket(&call, 2, 6000000, 50);
	/* What is left of the sum: 960.5 - 5 - 40 - 300, of 30. */
	assert_bucket(&call, 3, 20516667, 30);
	forget(&what);
}

static void
what_is_absent_has_its_default(void **state)
{
	decoded what;
	call_record call =
		call_with(",\"client_cluster\":null,\"protocol\":\"\",\"latency_ms\":null", &what);

	(void) state;
	assert_text(call.client_cluster, NULL);
	assert_text(call.server_cluster, NULL);
	assert_text(call.protocol, NULL);
	assert_text(call.endpoint, NULL);
	assert_int_equal(call.requests, 9);
	assert_int_equal(call.errors, 0);
	assert_int_equal(call.latency_count, 0);
	assert_int_equal(call.latency_sum_ns, 0);
	assert_int_equal(call.bucket_count, 0);
	forget(&what);
}

static void
one_bucket_answers_with_the_mean_within_it(void **state)
{
	static const struct
	{
		const char *latency;
		uint64_t value_ns;
	} cases[] = {
		{"{\"count\":4,\"sum\":10}", 2500000},
		{"{\"sum\":10,\"bounds\":[1,5],\"counts\":[0,4,0]}", 2500000},
		{"{\"sum\":1,\"bounds\":[1,5],\"counts\":[0,4,0]}", 1000000},
		{"{\"sum\":100,\"bounds\":[1,5],\"counts\":[0,4,0]}", 5000000},
		{"{\"sum\":100,\"bounds\":[1,5],\"counts\":[0,0,4]}", 25000000},
		{"{\"sum\":0,\"bounds\":[1,5],\"counts\":[0,0,4]}", 5000000},
		{"{\"bounds\":[1,5],\"counts\":[0,0,4]}", 5000000},
		{"{\"bounds\":[1,5],\"counts\":[4,0,0]}", 500000},
		{"{\"bounds\":[1,4],\"counts\":[0,4,0]}", 2000000},
		{"{\"bounds\":[0,4],\"counts\":[4,0,0]}", 0},
		{"{\"bounds\":[-3,-1],\"counts\":[0,4,0]}", 0},
		{"{\"sum\":\"NaN\",\"bounds\":[1,4],\"counts\":[0,4,0]}", 2000000},
		{"{\"count\":4}", 0},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char more[200];
		decoded what;
		call_record call;

		snprintf(more, sizeof(more), ",\"latency_ms\":%s", cases[i].latency);
		call = call_with(more, &what);
		assert_int_equal(call.bucket_count, 1);
		assert_bucket(&call, 0, cases[i].value_ns, 4);
		forget(&what);
	}
}

static void
the_sum_is_what_the_buckets_come_to_if_none_is_told(void **state)
{
	decoded what;
	call_record call = call_with(",\"latency_ms\":{\"bounds\":[1,4],\"counts\":[2,3,1]}", &what);

	(void) state;
	assert_int_equal(call.latency_count, 6);
	assert_int_equal(call.latency_sum_ns, 2 * 500000 + 3 * 2000000 + 4000000);
	forget(&what);
}

static void
the_last_of_two_histograms_counts(void **state)
{
	decoded what;
	call_record call = call_with(",\"latency_ms\":{\"count\":4,\"sum\":1,\"bounds\":[1],"
								 "\"counts\":[4,0]},\"latency_ms\":{\"bounds\":[1],\"bounds\":[4,9]"
								 ",\"counts\":[0,2,0]}",
								 &what);

	(void) state;
	assert_int_equal(call.bucket_count, 1);
	assert_bucket(&call, 0, 6000000, 2);
	assert_int_equal(call.latency_sum_ns, 12000000);
	forget(&what);
}

static void
what_is_missing_or_wrong_is_named_with_its_line(void **state)
{
	static const char counts[] = "must be an array of at most 2048 integers that are not negative";
	static const struct
	{
		const char *payload;
		const char *field;
		const char *message;
	} cases[] = {
		{"{}", "start", "is required"},
		{"{\"start\":1}", "end", "is required"},
		{"{\"start\":1,\"end\":2}", "client", "is required"},
		{"{\"start\":1,\"end\":2,\"client\":\"a\"}", "server", "is required"},
		{"{\"start\":1,\"end\":2,\"client\":\"a\",\"server\":\"b\"}", "requests", "is required"},
		{"{" REQUIRED_CALL ",\"client\":\"\"}", "client", "must not be empty"},
		{"{" REQUIRED_CALL ",\"server\":\"\"}", "server", "must not be empty"},
		{"{" REQUIRED_CALL ",\"end\":0}", "end", "must not be before start"},
		{"{" REQUIRED_CALL ",\"errors\":10}", "errors", "must not be above requests"},
		{"{" REQUIRED_CALL ",\"requests\":-1}", "requests",
		 "must be an integer between 0 and 9223372036854775807"},
		{"{" REQUIRED_CALL ",\"latency_ms\":[]}", "latency_ms", "must be an object"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"bounds\":1}}", "latency_ms.bounds",
		 "must be an array of at most 2048 numbers"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"bounds\":[\"x\"]}}", "latency_ms.bounds",
		 "must be an array of at most 2048 numbers"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"counts\":[-1]}}", "latency_ms.counts", counts},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"counts\":[1.5]}}", "latency_ms.counts", counts},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"bounds\":[1],\"counts\":[1]}}", "latency_ms",
		 "must have one count more than bounds"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"bounds\":[1]}}", "latency_ms",
		 "must have one count more than bounds"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"bounds\":[2,2],\"counts\":[1,1,1]}}", "latency_ms",
		 "must have ascending bounds"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"bounds\":[\"NaN\"],\"counts\":[1,1]}}", "latency_ms",
		 "must have ascending bounds"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"count\":3,\"bounds\":[2],\"counts\":[1,1]}}",
		 "latency_ms", "must have a count that is the sum of its buckets"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"bounds\":[2],\"counts\":[9223372036854775807,1]}}",
		 "latency_ms", "must have counts that add up to at most 9223372036854775807"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"sum\":\"x\"}}", "latency_ms.sum",
		 "must be a number"},
		{"{" REQUIRED_CALL ",\"latency_ms\":{\"sum\":1e999}}", "latency_ms.sum",
		 "must be a number"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char payload[1000];

		snprintf(payload, sizeof(payload), "{" REQUIRED_CALL "}\n%s", cases[i].payload);
		assert_refused_as("ipc", payload, strlen(payload), 2, cases[i].field, cases[i].message);
	}
}

static void
buckets_are_bounded(void **state)
{
	char *payload = malloc(100000);
	char *end = payload;
	decoded what;

	(void) state;
	end += sprintf(end, "{" REQUIRED_CALL ",\"latency_ms\":{\"bounds\":[1");
	for (int i = 2; i < CALL_MAX_BUCKETS; i++)
		end += sprintf(end, ",%d", i);
	end += sprintf(end, "],\"counts\":[1");
	for (int i = 1; i < CALL_MAX_BUCKETS; i++)
		end += sprintf(end, ",1");
	strcpy(end, "]}}");
	decode_text_as("ipc", payload, 1, &what);
	assert_int_equal(what.calls[0].bucket_count, CALL_MAX_BUCKETS);
	forget(&what);
	strcpy(end, ",1]}}");
	assert_refused_as("ipc", payload, strlen(payload), 1, "latency_ms.counts",
					  "must be an array of at most 2048 integers that are not negative");
	free(payload);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(what_is_absent_has_its_default),
		cmocka_unit_test(one_bucket_answers_with_the_mean_within_it),
		cmocka_unit_test(the_sum_is_what_the_buckets_come_to_if_none_is_told),
		cmocka_unit_test(the_last_of_two_histograms_counts),
		cmocka_unit_test(what_is_missing_or_wrong_is_named_with_its_line),
		cmocka_unit_test(buckets_are_bounded),
	};

	return cmocka_run_group_tests_name("ipc_json", tests, NULL, NULL);
}
