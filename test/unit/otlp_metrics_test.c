/*
 * otlp_metrics_test.c
 *		What metrics of OpenTelemetry mean, the same in JSON and protobuf.
 */
#include "decoded.h"
#include "otlp_encoder.h"

#include <math.h>

#define START INT64_C(1700000000000000000)
#define END   INT64_C(1700000060000000000)

#define TIMES FIXED64_NODE(2, "startTimeUnixNano", START), FIXED64_NODE(3, "timeUnixNano", END)

/* Attributes of explicit and of exponential data points. */
#define POINT_TEXT(key, text)     TEXT_ATTRIBUTE(9, key, text)
#define POINT_INTEGER(key, value) INTEGER_ATTRIBUTE(9, key, value)

static const otlp_node resource_attributes[] = {
	TEXT_ATTRIBUTE(1, "service.name", "checkout"),
	TEXT_ATTRIBUTE(1, "service.version", "v12"),
};

/* What to put around a data point. */
typedef struct metric
{
	const char *name;
	const char *unit;
	bool exponential;
	int64_t temporality;
} metric;

static const metric http_client = {"http.client.request.duration", "s", false, 1};

/* A payload with one data point, in both encodings. */
static void
encode(const metric *metric, const otlp_node *point, size_t count, buffer *json, buffer *proto)
{
	const otlp_node histogram[] = {
		NODE(NODE_MESSAGE, 1, "dataPoints", .repeated = true, .children = point, .count = count),
		VARINT_NODE(2, "aggregationTemporality", metric->temporality),
	};
	const otlp_node metrics[] = {
		STRING_NODE(1, "name", metric->name),
		STRING_NODE(2, "description", "d"),
		STRING_NODE(3, "unit", metric->unit),
		MESSAGE_NODE(metric->exponential ? 10 : 9,
					 metric->exponential ? "exponentialHistogram" : "histogram", histogram),
	};
	const otlp_node scopes[] = {ELEMENT_NODE(2, "metrics", metrics)};
	const otlp_node resource[] = {NODE(NODE_MESSAGE, 1, "resource", .children = resource_attributes,
									   .count = LENGTH_OF(resource_attributes)),
								  ELEMENT_NODE(2, "scopeMetrics", scopes)};
	const otlp_node request[] = {ELEMENT_NODE(1, "resourceMetrics", resource)};

	*json = otlp_to_json(request, 1);
	*proto = otlp_to_proto(request, 1);
}

/* Decode both, which must come to the same number of records. */
static void
decode_both(const metric *metric, const otlp_node *point, size_t count, decoded *of_json,
			decoded *of_proto)
{
	buffer json, proto;

	encode(metric, point, count, &json, &proto);
	decode_as("otlp_metrics_json", json.data, json.length, of_json);
	decode_as("otlp_metrics_proto", proto.data, proto.length, of_proto);
	assert_int_equal(of_json->result, of_proto->result);
	buffer_free(&json);
	buffer_free(&proto);
}

static call_record
both_ways(const metric *metric, const otlp_node *point, size_t count, decoded *into)
{
	decoded of_proto;

	decode_both(metric, point, count, into, &of_proto);
	if (into->result != 1)
		fail_msg("%s: %s", into->error.field, into->error.message);
	assert_calls_equal(&into->calls[0], &of_proto.calls[0]);
	forget(&of_proto);
	return into->calls[0];
}

#define BOTH_WAYS(metric, into, ...)                                                               \
	both_ways(metric, ((const otlp_node[]){__VA_ARGS__}),                                          \
			  LENGTH_OF(((const otlp_node[]){__VA_ARGS__})), into)

/* A point of one request. */
#define ONE_REQUEST TIMES, FIXED64_NODE(4, "count", 1)

static void
refused_both_ways(const metric *metric, const otlp_node *point, size_t count, const char *field,
				  const char *message)
{
	decoded of_json, of_proto;

	decode_both(metric, point, count, &of_json, &of_proto);
	assert_int_equal(of_json.result, -1);
	assert_string_equal(of_json.error.message, message);
	assert_string_equal(of_proto.error.message, message);
	assert_string_equal(of_json.error.field, field);
	assert_string_equal(of_proto.error.field, field);
	assert_int_equal(of_json.error.line, 1);
	assert_int_equal(of_proto.error.line, 0);
	forget(&of_json);
	forget(&of_proto);
}

#define REFUSED(metric, field, message, ...)                                                       \
	refused_both_ways(metric, ((const otlp_node[]){__VA_ARGS__}),                                  \
					  LENGTH_OF(((const otlp_node[]){__VA_ARGS__})),                               \
					  "resourceMetrics.scopeMetrics.metrics." field, message)

static void
every_field_of_an_explicit_histogram_is_read(void **state)
{
	static const int64_t counts[] = {1, 0, 3, 2};
	static const double bounds[] = {0.004, 0.016, 0.064};
	static const call_bucket buckets[] = {{2828427, 1}, {32000000, 3}, {80000000, 2}};
	decoded what;
	call_record call = BOTH_WAYS(
		&http_client, &what, TIMES, FIXED64_NODE(4, "count", 6), DOUBLE_NODE(5, "sum", 0.26),
		FIXED64S_NODE(6, "bucketCounts", counts), DOUBLES_NODE(7, "explicitBounds", bounds),
		POINT_TEXT("http.request.method", "GET"), POINT_TEXT("url.template", "/pay"),
		POINT_TEXT("service.peer.name", "payments"), POINT_TEXT("server.address", "10.0.0.1"),
		POINT_INTEGER("http.response.status_code", 200), DOUBLE_NODE(11, "min", 0.002),
		DOUBLE_NODE(12, "max", 0.1));

	(void) state;
	assert_true(call.start_ns == START);
	assert_true(call.end_ns == END);
	assert_int_equal(call.side, CALL_SIDE_CLIENT);
	assert_int_equal(call.client_kind, SPAN_PEER_APP);
	assert_int_equal(call.server_kind, SPAN_PEER_APP);
	assert_text(call.client, "checkout");
	assert_text(call.client_cluster, "checkout-v12");
	assert_text(call.server, "payments");
	assert_text(call.server_cluster, NULL);
	assert_text(call.protocol, "http");
	assert_text(call.endpoint, "GET /pay");
	assert_int_equal(call.requests, 6);
	assert_int_equal(call.errors, 0);
	assert_int_equal(call.latency_count, 6);
	assert_int_equal(call.latency_sum_ns, 260000000);
	assert_int_equal(call.bucket_count, LENGTH_OF(buckets));
	assert_memory_equal(call.buckets, buckets, sizeof(buckets));
	forget(&what);
}

static void
every_field_of_an_exponential_histogram_is_read(void **state)
{
	static const metric rpc_server = {"rpc.server.call.duration", "s", true, 1};
	static const int64_t counts[] = {2, 0, 3};
	const otlp_node positive[] = {SINT32_NODE(1, "offset", -4),
								  VARINTS_NODE(2, "bucketCounts", counts)};
	const otlp_node negative[] = {SINT32_NODE(1, "offset", 1)};
	decoded what;
	call_record call = BOTH_WAYS(
		&rpc_server, &what, TIMES, FIXED64_NODE(4, "count", 6), DOUBLE_NODE(5, "sum", 3.0),
		SINT32_NODE(6, "scale", -1), FIXED64_NODE(7, "zeroCount", 1),
		MESSAGE_NODE(8, "positive", positive), MESSAGE_NODE(9, "negative", negative),
		DOUBLE_NODE(14, "zeroThreshold", 0.001), TEXT_ATTRIBUTE(1, "rpc.system", "grpc"),
		TEXT_ATTRIBUTE(1, "rpc.service", "shop.Pay"), TEXT_ATTRIBUTE(1, "rpc.method", "Charge"),
		TEXT_ATTRIBUTE(1, "peer.service", "web"), TEXT_ATTRIBUTE(1, "server.address", "me"),
		INTEGER_ATTRIBUTE(1, "rpc.grpc.status_code", 14));
	/* The base is 4: from 4^-4 to 4^-3, and from 4^-2 to 4^-1. */
	static const call_bucket buckets[] = {{500000, 1}, {7812500, 2}, {125000000, 3}};

	(void) state;
	assert_int_equal(call.side, CALL_SIDE_SERVER);
	assert_text(call.client, "web");
	assert_text(call.client_cluster, NULL);
	assert_text(call.server, "checkout");
	assert_text(call.server_cluster, "checkout-v12");
	assert_text(call.protocol, "grpc");
	assert_text(call.endpoint, "shop.Pay/Charge");
	assert_int_equal(call.requests, 6);
	assert_int_equal(call.errors, 6);
	assert_int_equal(call.latency_sum_ns, 3000000000);
	assert_int_equal(call.bucket_count, LENGTH_OF(buckets));
	assert_memory_equal(call.buckets, buckets, sizeof(buckets));
	forget(&what);
}

/* How far a value may be from what stands for its bucket: the square root of the base, less 1. */
static void
exponential_buckets_are_within_their_error(void **state)
{
	static const metric precise = {"http.client.request.duration", "ns", true, 1};
	static const int64_t counts[] = {1, 0, 1};
	decoded what;

	(void) state;
	for (int scale = -2; scale <= 8; scale++)
	{
		double base = exp2(ldexp(1, -scale));
		double value = 12345678;
		int64_t index = (int64_t) ceil(log(value) / log(base)) - 1;
		const otlp_node positive[] = {SINT32_NODE(1, "offset", index),
									  VARINTS_NODE(2, "bucketCounts", counts)};
		call_record call =
			BOTH_WAYS(&precise, &what, TIMES, FIXED64_NODE(4, "count", 2),
					  SINT32_NODE(6, "scale", scale), MESSAGE_NODE(8, "positive", positive));
		double told = (double) call.buckets[0].value_ns;

		assert_int_equal(call.bucket_count, 2);
		assert_true(told / value <= sqrt(base) * 1.000001);
		assert_true(value / told <= sqrt(base) * 1.000001);
		forget(&what);
	}
}

static void
each_metric_has_its_sides_and_its_unit(void **state)
{
	static const struct
	{
		metric metric;
		call_side side;
		const char *protocol;
		uint64_t sum_ns;
	} cases[] = {
		{{"http.client.request.duration", "s", false, 1}, CALL_SIDE_CLIENT, "http", 2000000000},
		{{"http.server.request.duration", "s", false, 1}, CALL_SIDE_SERVER, "http", 2000000000},
		{{"rpc.client.call.duration", "s", false, 1}, CALL_SIDE_CLIENT, "rpc", 2000000000},
		{{"rpc.server.call.duration", "", false, 1}, CALL_SIDE_SERVER, "rpc", 2000000000},
		{{"http.client.duration", "ms", false, 1}, CALL_SIDE_CLIENT, "http", 2000000},
		{{"http.server.duration", "", false, 1}, CALL_SIDE_SERVER, "http", 2000000},
		{{"rpc.client.duration", "", false, 1}, CALL_SIDE_CLIENT, "rpc", 2000000},
		{{"rpc.server.duration", "s", false, 1}, CALL_SIDE_SERVER, "rpc", 2000000000},
		{{"http.client.duration", "us", false, 1}, CALL_SIDE_CLIENT, "http", 2000},
		{{"http.client.duration", "ns", false, 1}, CALL_SIDE_CLIENT, "http", 2},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		decoded what;
		call_record call =
			BOTH_WAYS(&cases[i].metric, &what, ONE_REQUEST, DOUBLE_NODE(5, "sum", 2));

		assert_int_equal(call.side, cases[i].side);
		assert_text(call.protocol, cases[i].protocol);
		assert_true(call.latency_sum_ns == cases[i].sum_ns);
		assert_int_equal(call.bucket_count, 1);
		assert_true(call.buckets[0].value_ns == cases[i].sum_ns);
		forget(&what);
	}
}

static void
calls_fail_by_what_their_side_says(void **state)
{
	static const struct
	{
		const char *metric;
		const char *key;
		int64_t value;
		bool failed;
	} cases[] = {
		{"http.client.request.duration", "http.response.status_code", 399, false},
		{"http.client.request.duration", "http.response.status_code", 404, true},
		{"http.server.request.duration", "http.response.status_code", 404, false},
		{"http.server.request.duration", "http.response.status_code", 500, true},
		{"http.server.duration", "http.status_code", 503, true},
		{"http.client.duration", "http.status_code", 200, false},
		{"rpc.client.duration", "rpc.grpc.status_code", 0, false},
		{"rpc.client.duration", "rpc.grpc.status_code", 5, true},
		{"rpc.server.duration", "rpc.grpc.status_code", 5, false},
		{"rpc.server.duration", "rpc.grpc.status_code", 13, true},
	};
	decoded what;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		metric metric = {cases[i].metric, "ms", false, 1};
		call_record call =
			BOTH_WAYS(&metric, &what, ONE_REQUEST, POINT_INTEGER(cases[i].key, cases[i].value));

		assert_int_equal(call.errors, cases[i].failed);
		forget(&what);
	}
	assert_int_equal(
		BOTH_WAYS(&http_client, &what, ONE_REQUEST, POINT_TEXT("error.type", "timeout")).errors, 1);
	forget(&what);
	assert_int_equal(
		BOTH_WAYS(&http_client, &what, ONE_REQUEST, POINT_TEXT("http.status_code", "500")).errors,
		1);
	forget(&what);
}

static void
an_end_that_is_not_named_is_absent(void **state)
{
	static const metric http_server = {"http.server.request.duration", "s", false, 1};
	decoded what;
	call_record call =
		BOTH_WAYS(&http_server, &what, ONE_REQUEST, POINT_TEXT("server.address", "me"));

	(void) state;
	assert_text(call.client, NULL);
	assert_int_equal(call.client_kind, SPAN_PEER_NONE);
	assert_text(call.server, "checkout");
	forget(&what);
	call = BOTH_WAYS(&http_client, &what, ONE_REQUEST);
	assert_text(call.server, NULL);
	assert_int_equal(call.server_kind, SPAN_PEER_NONE);
	forget(&what);
	call = BOTH_WAYS(&http_client, &what, ONE_REQUEST, POINT_TEXT("server.address", "pay.example"));
	assert_text(call.server, "pay.example");
	assert_int_equal(call.server_kind, SPAN_PEER_EXTERNAL);
	forget(&what);
}

static void
a_point_without_a_start_is_of_its_time(void **state)
{
	decoded what;
	call_record call = BOTH_WAYS(&http_client, &what, FIXED64_NODE(3, "timeUnixNano", 77),
								 FIXED64_NODE(4, "count", 1));

	(void) state;
	assert_true(call.start_ns == 77);
	assert_true(call.end_ns == 77);
	forget(&what);
}

static void
what_is_empty_or_no_duration_of_calls_is_passed_over(void **state)
{
	static const metric other = {"http.server.active_requests", "{request}", false, 2};
	const otlp_node empty[] = {TIMES, FIXED64_NODE(4, "count", 0)};
	const otlp_node unrecorded[] = {TIMES, VARINT_NODE(10, "flags", 1)};
	const otlp_node some[] = {ONE_REQUEST};
	decoded of_json, of_proto;

	(void) state;
	decode_both(&http_client, empty, LENGTH_OF(empty), &of_json, &of_proto);
	assert_int_equal(of_json.result, 0);
	decode_both(&http_client, unrecorded, LENGTH_OF(unrecorded), &of_json, &of_proto);
	assert_int_equal(of_json.result, 0);
	decode_both(&other, some, LENGTH_OF(some), &of_json, &of_proto);
	assert_int_equal(of_json.result, 0);
}

static void
only_delta_histograms_are_taken(void **state)
{
	static const metric cumulative = {"http.client.request.duration", "s", false, 2};
	static const metric unspecified = {"http.client.request.duration", "s", true, 0};

	(void) state;
	REFUSED(&cumulative, "aggregationTemporality",
			"must be delta, not cumulative: set "
			"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta, or use the collector's "
			"cumulativetodelta processor",
			ONE_REQUEST);
	REFUSED(&unspecified, "aggregationTemporality", "must be delta", ONE_REQUEST);
}

static void
what_is_missing_or_wrong_is_named(void **state)
{
	static const metric minutes = {"http.client.request.duration", "min", false, 1};
	static const metric exponential = {"http.client.request.duration", "s", true, 1};
	static const int64_t counts[] = {1, 1};
	static const double bounds[] = {2, 1};
	const otlp_node buckets[] = {VARINTS_NODE(2, "bucketCounts", counts)};

	(void) state;
	REFUSED(&minutes, "unit", "must be s, ms, us or ns for a duration of calls", ONE_REQUEST);
	REFUSED(&http_client, "dataPoints.timeUnixNano", "is required", FIXED64_NODE(4, "count", 1));
	REFUSED(&http_client, "dataPoints.timeUnixNano", "must not be before startTimeUnixNano",
			FIXED64_NODE(2, "startTimeUnixNano", 2), FIXED64_NODE(3, "timeUnixNano", 1));
	REFUSED(&http_client, "dataPoints", "must have one count more than bounds", TIMES,
			FIXED64S_NODE(6, "bucketCounts", counts));
	REFUSED(&http_client, "dataPoints", "must have a count that is the sum of its buckets", TIMES,
			FIXED64_NODE(4, "count", 3), FIXED64S_NODE(6, "bucketCounts", counts),
			NODE(NODE_DOUBLES, 7, "explicitBounds", .reals = bounds, .count = 1));
	REFUSED(&exponential, "dataPoints", "must have no negative durations", TIMES,
			MESSAGE_NODE(9, "negative", buckets));
	REFUSED(&exponential, "dataPoints", "must have a scale between -10 and 20", TIMES,
			SINT32_NODE(6, "scale", 21), MESSAGE_NODE(8, "positive", buckets));
	REFUSED(&exponential, "dataPoints", "must have a scale between -10 and 20", TIMES,
			SINT32_NODE(6, "scale", -11), MESSAGE_NODE(8, "positive", buckets));
	REFUSED(&exponential, "dataPoints", "must have a zero threshold that is not negative", TIMES,
			DOUBLE_NODE(14, "zeroThreshold", -1), MESSAGE_NODE(8, "positive", buckets));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_an_explicit_histogram_is_read),
		cmocka_unit_test(every_field_of_an_exponential_histogram_is_read),
		cmocka_unit_test(exponential_buckets_are_within_their_error),
		cmocka_unit_test(each_metric_has_its_sides_and_its_unit),
		cmocka_unit_test(calls_fail_by_what_their_side_says),
		cmocka_unit_test(an_end_that_is_not_named_is_absent),
		cmocka_unit_test(a_point_without_a_start_is_of_its_time),
		cmocka_unit_test(what_is_empty_or_no_duration_of_calls_is_passed_over),
		cmocka_unit_test(only_delta_histograms_are_taken),
		cmocka_unit_test(what_is_missing_or_wrong_is_named),
	};

	return cmocka_run_group_tests_name("otlp_metrics", tests, NULL, NULL);
}
