/*
 * otlp_proto_test.c
 *		OTLP as protobuf: the wire format, the order of fields, what is refused.
 */
#include "decoded.h"
#include "otlp_encoder.h"

#define IDS                                                                                        \
	ID_NODE(1, "traceId", "5b8efff798038103d269b633813fc60c"),                                     \
		ID_NODE(2, "spanId", "eee19b7ec3c1b174"), FIXED64_NODE(7, "startTimeUnixNano", 1)

/* A request with one group, of these fields. */
static buffer
request_of(const otlp_node *group, size_t count)
{
	const otlp_node request[] = {NODE(NODE_MESSAGE, 1, "resourceSpans", .repeated = true,
									  .children = group, .count = count)};

	return otlp_to_proto(request, 1);
}

/* A request with one span, of these fields. */
static buffer
request_with(const otlp_node *span, size_t count)
{
	const otlp_node spans[] = {
		NODE(NODE_MESSAGE, 2, "spans", .repeated = true, .children = span, .count = count)};
	const otlp_node group[] = {ELEMENT_NODE(2, "scopeSpans", spans)};

	return request_of(group, 1);
}

#define REQUEST_WITH(...)                                                                          \
	request_with(((const otlp_node[]){__VA_ARGS__}), LENGTH_OF(((const otlp_node[]){__VA_ARGS__})))

static void
a_resource_may_stand_behind_its_spans(void **state)
{
	const otlp_node span[] = {IDS};
	const otlp_node spans[] = {ELEMENT_NODE(2, "spans", span), ELEMENT_NODE(2, "spans", span)};
	const otlp_node attributes[] = {TEXT_ATTRIBUTE(1, "service.name", "a")};
	const otlp_node group[] = {ELEMENT_NODE(2, "scopeSpans", spans),
							   MESSAGE_NODE(1, "resource", attributes),
							   ELEMENT_NODE(2, "scopeSpans", spans)};
	buffer request = request_of(group, LENGTH_OF(group));
	decoded what;

	(void) state;
	decode_as("otlp_proto", request.data, request.length, &what);
	assert_int_equal(what.result, 4);
	for (int i = 0; i < 4; i++)
		assert_text(what.spans[i].service, "a");
	forget(&what);
	buffer_free(&request);
}

static void
unknown_fields_of_every_type_are_passed_over(void **state)
{
	static const int64_t numbers[] = {1, INT64_MAX, -1};
	const otlp_node inner[] = {STRING_NODE(1, "x", "y")};
	buffer request = REQUEST_WITH(VARINT_NODE(1000, "a", -1), FIXED64_NODE(2000, "b", -1),
								  STRING_NODE(536870911, "c", "text"), MESSAGE_NODE(77, "d", inner),
								  VARINTS_NODE(78, "e", numbers), IDS, STRING_NODE(5, "name", "n"));
	decoded what;

	(void) state;
	decode_as("otlp_proto", request.data, request.length, &what);
	assert_int_equal(what.result, 1);
	assert_text(what.spans[0].name, "n");
	forget(&what);
	buffer_free(&request);
	decode_as("otlp_proto", "", 0, &what);
	assert_int_equal(what.result, 0);
	/* A field of 32 bits. */
	decode_as("otlp_proto", "\x25\x01\x02\x03\x04", 5, &what);
	assert_int_equal(what.result, 0);
}

static void
the_last_of_two_fields_counts(void **state)
{
	buffer request = REQUEST_WITH(STRING_NODE(5, "name", "old"), IDS,
								  ID_NODE(4, "parentSpanId", "0102030405060708"),
								  STRING_NODE(5, "name", "new"), ID_NODE(4, "parentSpanId", ""));
	decoded what;

	(void) state;
	decode_as("otlp_proto", request.data, request.length, &what);
	assert_int_equal(what.result, 1);
	assert_text(what.spans[0].name, "new");
	assert_false(what.spans[0].has_parent);
	forget(&what);
	buffer_free(&request);
}

static void
every_beginning_of_a_request_is_refused(void **state)
{
	buffer request = REQUEST_WITH(IDS, TEXT_ATTRIBUTE(9, "peer.service", "cart"));
	decoded what;

	(void) state;
	for (size_t length = 1; length < request.length; length++)
	{
		decode_as("otlp_proto", request.data, length, &what);
		assert_int_equal(what.result, -1);
		assert_int_equal(what.error.line, 0);
		forget(&what);
	}
	buffer_free(&request);
}

static void
malformed_bytes_are_refused_where_they_are(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t length;
		const char *field;
		const char *message;
	} cases[] = {
		{"\x0a", 1, "", "invalid protobuf at byte 2: it ends too early"},
		{"\x0a\x05\x12\x01", 4, "", "invalid protobuf at byte 5: it ends too early"},
		{"\x0a\x03\x12\x05\x12", 5, "resourceSpans",
		 "invalid protobuf at byte 6: it ends too early"},
		{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "",
		 "invalid protobuf at byte 12: it ends too early"},
		{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "",
		 "invalid protobuf at byte 2: a varint of more than 64 bits"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "",
		 "invalid protobuf at byte 1: a varint of more than 64 bits"},
		{"\x80\x80\x80\x80\x80\x01", 6, "",
		 "invalid protobuf at byte 1: a field number that there is not"},
		{"\x02\x00", 2, "", "invalid protobuf at byte 1: a field number that there is not"},
		{"\x13\x14", 2, "", "invalid protobuf at byte 1: a field of a type that there is not"},
		{"\x0e", 1, "", "invalid protobuf at byte 1: a field of a type that there is not"},
		{"\x11\x01", 2, "", "invalid protobuf at byte 3: it ends too early"},
		{"\x15\x01", 2, "", "invalid protobuf at byte 3: it ends too early"},
		{"\x08\x01", 2, "resourceSpans", "is of the wrong wire type"},
		{"\x0a\x02\x08\x01", 4, "resourceSpans.resource", "is of the wrong wire type"},
		{"\x0a\x02\x10\x01", 4, "resourceSpans.scopeSpans", "is of the wrong wire type"},
		{"\x0a\x04\x12\x02\x10\x01", 6, "resourceSpans.scopeSpans.spans",
		 "is of the wrong wire type"},
		{"{}", 2, "", "invalid protobuf at byte 1: a field of a type that there is not"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
		assert_refused_as("otlp_proto", cases[i].bytes, cases[i].length, 0, cases[i].field,
						  cases[i].message);
}

#define P "resourceSpans.scopeSpans.spans."

/* Refuse a span with IDS and one more field. */
static void
assert_span_refused(otlp_node field, const char *path, const char *message)
{
	buffer request = REQUEST_WITH(IDS, field);

	assert_refused_as("otlp_proto", request.data, request.length, 0, path, message);
	buffer_free(&request);
}

#define SPAN_REFUSED(path, message, ...) assert_span_refused((otlp_node) __VA_ARGS__, path, message)

static void
what_is_missing_or_wrong_is_named(void **state)
{
	const otlp_node status[] = {STRING_NODE(3, "code", "x")};
	buffer empty = REQUEST_WITH(STRING_NODE(5, "name", "n"));

	(void) state;
	assert_refused_as("otlp_proto", empty.data, empty.length, 0, P "traceId", "is required");
	buffer_free(&empty);
	SPAN_REFUSED(P "traceId", "must be 16 bytes", ID_NODE(1, "traceId", "00"));
	SPAN_REFUSED(P "traceId", "must not be all zero",
				 ID_NODE(1, "traceId", "00000000000000000000000000000000"));
	SPAN_REFUSED(P "spanId", "must be 8 bytes", ID_NODE(2, "spanId", ""));
	SPAN_REFUSED(P "spanId", "must not be all zero", ID_NODE(2, "spanId", "0000000000000000"));
	SPAN_REFUSED(P "parentSpanId", "must be 8 bytes", ID_NODE(4, "parentSpanId", "01"));
	SPAN_REFUSED(P "startTimeUnixNano", "is required", FIXED64_NODE(7, "start", 0));
	SPAN_REFUSED(P "startTimeUnixNano", "must be Unix nanoseconds of at most 63 bits",
				 FIXED64_NODE(7, "start", -1));
	SPAN_REFUSED(P "startTimeUnixNano", "is of the wrong wire type", VARINT_NODE(7, "start", 1));
	SPAN_REFUSED(P "endTimeUnixNano", "must be Unix nanoseconds of at most 63 bits",
				 FIXED64_NODE(8, "end", INT64_MIN));
	SPAN_REFUSED(P "name", "must be UTF-8 without NUL", STRING_NODE(5, "name", "\xc3("));
	SPAN_REFUSED(P "name", "must be UTF-8 without NUL", ID_NODE(5, "name", "6100"));
	SPAN_REFUSED(P "name", "is of the wrong wire type", VARINT_NODE(5, "name", 1));
	SPAN_REFUSED(P "traceState", "must be UTF-8 without NUL", STRING_NODE(3, "state", "\xff"));
	SPAN_REFUSED(P "kind", "is of the wrong wire type", STRING_NODE(6, "kind", "x"));
	SPAN_REFUSED(P "status", "is of the wrong wire type", VARINT_NODE(15, "status", 1));
	SPAN_REFUSED(P "status.code", "is of the wrong wire type", MESSAGE_NODE(15, "status", status));
	SPAN_REFUSED(P "attributes", "is of the wrong wire type", VARINT_NODE(9, "attributes", 1));
	SPAN_REFUSED(P "attributes", "must be UTF-8 without NUL",
				 TEXT_ATTRIBUTE(9, "peer.service", "\xed\xa0\x80"));
	SPAN_REFUSED(P "attributes", "is of the wrong wire type",
				 ATTRIBUTE(9, "peer.service", VARINT_NODE(1, "stringValue", 1)));
	SPAN_REFUSED(P "attributes", "is of the wrong wire type",
				 ATTRIBUTE(9, "SampleRate", STRING_NODE(3, "intValue", "1")));
	SPAN_REFUSED(P "attributes", "is of the wrong wire type",
				 ATTRIBUTE(9, "SampleRate", VARINT_NODE(4, "doubleValue", 1)));
}

static void
what_means_nothing_to_us_may_hold_anything(void **state)
{
	buffer request = REQUEST_WITH(IDS, TEXT_ATTRIBUTE(9, "note", "\xff"),
								  TEXT_ATTRIBUTE(9, "\xff", "x"), STRING_NODE(16, "flags", "\xff"));
	decoded what;

	(void) state;
	decode_as("otlp_proto", request.data, request.length, &what);
	assert_int_equal(what.result, 1);
	forget(&what);
	buffer_free(&request);
}

static void
numbers_may_be_packed_or_not(void **state)
{
	static const int64_t counts[] = {3, 4};
	static const double bounds[] = {1};
	const otlp_node packed[] = {FIXED64_NODE(3, "timeUnixNano", 9),
								FIXED64S_NODE(6, "bucketCounts", counts),
								DOUBLES_NODE(7, "explicitBounds", bounds)};
	const otlp_node single[] = {
		FIXED64_NODE(3, "timeUnixNano", 9), FIXED64_NODE(6, "bucketCounts", 3),
		DOUBLE_NODE(7, "explicitBounds", 1), FIXED64_NODE(6, "bucketCounts", 4)};
	const otlp_node histogram[] = {ELEMENT_NODE(1, "dataPoints", packed),
								   ELEMENT_NODE(1, "dataPoints", single),
								   VARINT_NODE(2, "aggregationTemporality", 1)};
	const otlp_node metric[] = {MESSAGE_NODE(9, "histogram", histogram),
								STRING_NODE(1, "name", "http.client.request.duration")};
	const otlp_node metrics[] = {ELEMENT_NODE(2, "metrics", metric)};
	const otlp_node group[] = {ELEMENT_NODE(2, "scopeMetrics", metrics)};
	buffer request = request_of(group, 1);
	decoded what;

	(void) state;
	decode_as("otlp_metrics_proto", request.data, request.length, &what);
	assert_int_equal(what.result, 2);
	assert_int_equal(what.calls[0].requests, 7);
	assert_calls_equal(&what.calls[0], &what.calls[1]);
	forget(&what);
	buffer_free(&request);
}

static void
a_message_is_bounded(void **state)
{
	size_t length = DECODE_MAX_MESSAGE + 1;
	char *bytes = calloc(1, length);

	(void) state;
	assert_refused_as("otlp_proto", bytes, length, 0, "", "longer than 16777216 bytes");
	assert_refused_as("otlp_metrics_proto", bytes, length, 0, "", "longer than 16777216 bytes");
	assert_refused_as("otlp_proto", bytes, length - 1, 0, "",
					  "invalid protobuf at byte 1: a field number that there is not");
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_resource_may_stand_behind_its_spans),
		cmocka_unit_test(unknown_fields_of_every_type_are_passed_over),
		cmocka_unit_test(the_last_of_two_fields_counts),
		cmocka_unit_test(every_beginning_of_a_request_is_refused),
		cmocka_unit_test(malformed_bytes_are_refused_where_they_are),
		cmocka_unit_test(what_is_missing_or_wrong_is_named),
		cmocka_unit_test(what_means_nothing_to_us_may_hold_anything),
		cmocka_unit_test(numbers_may_be_packed_or_not),
		cmocka_unit_test(a_message_is_bounded),
	};

	return cmocka_run_group_tests_name("otlp_proto", tests, NULL, NULL);
}
