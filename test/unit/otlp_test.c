/*
 * otlp_test.c
 *		What spans of OpenTelemetry mean, the same in JSON and protobuf.
 */
#include "decoded.h"
#include "otlp_encoder.h"

#define TRACE_ID  "5b8efff798038103d269b633813fc60c"
#define SPAN_ID   "eee19b7ec3c1b174"
#define PARENT_ID "EEE19B7EC3C1B173"

#define REQUIRED_FIELDS                                                                            \
	ID_NODE(1, "traceId", TRACE_ID), ID_NODE(2, "spanId", SPAN_ID),                                \
		FIXED64_NODE(7, "startTimeUnixNano", 1000)

/* Attributes of a span, and of a resource. */
#define SPAN_TEXT(key, text)     TEXT_ATTRIBUTE(9, key, text)
#define SPAN_INTEGER(key, value) INTEGER_ATTRIBUTE(9, key, value)
#define SPAN_REAL(key, value)    REAL_ATTRIBUTE(9, key, value)
#define OF_RESOURCE(key, text)   TEXT_ATTRIBUTE(1, key, text)

/*
 * The record of a span in a resource: decoded from JSON and from protobuf, which
 * must come to the same.
 */
static span_record
both_ways(const otlp_node *resource, size_t resource_count, const otlp_node *span,
		  size_t span_count, decoded *into)
{
	const otlp_node spans[] = {
		NODE(NODE_MESSAGE, 2, "spans", .repeated = true, .children = span, .count = span_count)};
	const otlp_node group[] = {
		NODE(NODE_MESSAGE, 1, "resource", .children = resource, .count = resource_count),
		ELEMENT_NODE(2, "scopeSpans", spans),
	};
	const otlp_node request[] = {ELEMENT_NODE(1, "resourceSpans", group)};
	buffer json = otlp_to_json(request, 1);
	buffer proto = otlp_to_proto(request, 1);
	decoded of_proto;

	decode_as("otlp_json", json.data, json.length, into);
	if (into->result != 1)
		fail_msg("%.*s: %s %s", (int) json.length, json.data, into->error.field,
				 into->error.message);
	decode_as("otlp_proto", proto.data, proto.length, &of_proto);
	if (of_proto.result != 1)
		fail_msg("%.*s: %s %s", (int) json.length, json.data, of_proto.error.field,
				 of_proto.error.message);
	assert_spans_equal(&into->spans[0], &of_proto.spans[0]);
	forget(&of_proto);
	buffer_free(&json);
	buffer_free(&proto);
	return into->spans[0];
}

#define BOTH_WAYS(resource, span, into)                                                            \
	both_ways(resource, LENGTH_OF(resource), span, LENGTH_OF(span), into)

static const otlp_node some_service[] = {OF_RESOURCE("service.name", "checkout")};

/* The same for a span with REQUIRED_FIELDS and one more. */
static span_record
span_with(otlp_node field, decoded *into)
{
	const otlp_node span[] = {REQUIRED_FIELDS, field};

	return BOTH_WAYS(some_service, span, into);
}

static void
every_field_is_read(void **state)
{
	const otlp_node resource[] = {
		OF_RESOURCE("telemetry.sdk.name", "x"),
		OF_RESOURCE("service.name", "checkout"),
		OF_RESOURCE("service.version", "v12"),
		OF_RESOURCE("service.instance.id", "checkout-v12-7"),
		OF_RESOURCE("k8s.pod.name", "pod"),
		OF_RESOURCE("k8s.deployment.name", "deployment"),
	};
	const otlp_node status[] = {STRING_NODE(2, "message", "boom"), VARINT_NODE(3, "code", 2)};
	const otlp_node event[] = {FIXED64_NODE(1, "timeUnixNano", 5), STRING_NODE(2, "name", "e")};
	const otlp_node span[] = {
		ID_NODE(1, "traceId", TRACE_ID),
		ID_NODE(2, "spanId", SPAN_ID),
		STRING_NODE(3, "traceState", "vendor=th:8,ot=rv:1;th:c"),
		ID_NODE(4, "parentSpanId", PARENT_ID),
		STRING_NODE(5, "name", "GET"),
		VARINT_NODE(6, "kind", 3),
		FIXED64_NODE(7, "startTimeUnixNano", INT64_C(1700000000000000000)),
		FIXED64_NODE(8, "endTimeUnixNano", INT64_C(1700000000250000000)),
		SPAN_TEXT("http.request.method", "GET"),
		SPAN_TEXT("http.route", "/cart/{id}"),
		SPAN_TEXT("server.address", "cart.example"),
		SPAN_INTEGER("server.port", 8080),
		VARINT_NODE(10, "droppedAttributesCount", 3),
		ELEMENT_NODE(11, "events", event),
		MESSAGE_NODE(15, "status", status),
	};
	static const uint8_t trace_id[] = {0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03,
									   0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c};
	static const uint8_t parent_id[] = {0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x73};
	decoded what;
	span_record record = BOTH_WAYS(resource, span, &what);

	(void) state;
	assert_memory_equal(record.trace_id, trace_id, sizeof(trace_id));
	assert_int_equal(record.span_id[7], 0x74);
	assert_true(record.has_parent);
	assert_memory_equal(record.parent_span_id, parent_id, sizeof(parent_id));
	assert_int_equal(record.kind, SPAN_KIND_CLIENT);
	assert_true(record.failed);
	assert_true(record.has_end);
	assert_true(record.start_ns == INT64_C(1700000000000000000));
	assert_true(record.end_ns == INT64_C(1700000000250000000));
	assert_true(record.adjusted_count == 4);
	assert_text(record.service, "checkout");
	assert_text(record.cluster, "checkout-v12");
	assert_text(record.instance, "checkout-v12-7");
	assert_text(record.name, "GET");
	assert_text(record.endpoint, "GET /cart/{id}");
	assert_text(record.peer, "cart.example");
	assert_int_equal(record.peer_kind, SPAN_PEER_EXTERNAL);
	forget(&what);
}

static void
what_is_absent_has_its_default(void **state)
{
	decoded what;
	const otlp_node span[] = {REQUIRED_FIELDS};
	const otlp_node resource[] = {OF_RESOURCE("service.name", "")};
	span_record record = BOTH_WAYS(resource, span, &what);

	(void) state;
	assert_false(record.has_parent);
	assert_false(record.failed);
	assert_false(record.has_end);
	assert_true(record.end_ns == 1000);
	assert_int_equal(record.kind, SPAN_KIND_UNSPECIFIED);
	assert_int_equal(record.peer_kind, SPAN_PEER_NONE);
	assert_true(record.adjusted_count == 1);
	assert_int_equal(what.copy_count, 0);
	forget(&what);
}

static void
a_root_is_one_without_a_parent_or_with_none_but_zeros(void **state)
{
	decoded what;

	(void) state;
	assert_false(span_with((otlp_node) ID_NODE(4, "parentSpanId", ""), &what).has_parent);
	forget(&what);
	assert_false(
		span_with((otlp_node) ID_NODE(4, "parentSpanId", "0000000000000000"), &what).has_parent);
	forget(&what);
}

static void
kinds_and_statuses_that_are_not_known_say_nothing(void **state)
{
	const otlp_node ok[] = {VARINT_NODE(3, "code", 1)};
	const otlp_node strange[] = {VARINT_NODE(3, "code", 7)};
	decoded what;

	(void) state;
	for (int64_t kind = 0; kind < 8; kind++)
	{
		assert_int_equal(span_with((otlp_node) VARINT_NODE(6, "kind", kind), &what).kind,
						 kind <= SPAN_KIND_CONSUMER ? kind : SPAN_KIND_UNSPECIFIED);
		forget(&what);
	}
	assert_int_equal(span_with((otlp_node) VARINT_NODE(6, "kind", -1), &what).kind,
					 SPAN_KIND_UNSPECIFIED);
	forget(&what);
	assert_false(span_with((otlp_node) MESSAGE_NODE(15, "status", ok), &what).failed);
	forget(&what);
	assert_false(span_with((otlp_node) MESSAGE_NODE(15, "status", strange), &what).failed);
	forget(&what);
}

static void
an_end_before_the_start_is_no_end(void **state)
{
	decoded what;
	span_record record = span_with((otlp_node) FIXED64_NODE(8, "endTimeUnixNano", 999), &what);

	(void) state;
	assert_false(record.has_end);
	assert_true(record.end_ns == 1000);
	forget(&what);
	record = span_with((otlp_node) FIXED64_NODE(8, "endTimeUnixNano", 1000), &what);
	assert_true(record.has_end);
	forget(&what);
}

static void
a_span_counts_for_what_sampling_left_out(void **state)
{
	static const struct
	{
		const char *trace_state;
		double count;
	} cases[] = {
		{"ot=th:0", 1},
		{"ot=th:8", 2},
		{"ot=th:c", 4},
		{"ot=th:fd70a4", 100},
		{"ot=p:3", 8},
		{"ot=p:0", 1},
		{"ot=p:63", 0},
		{"ot=p:62", 0x1p56},
		{"a=b, ot=r:3;p:4 ,c=d", 16},
		{"ot=th:c;p:1", 4},
		{"ot=p:1;th:c", 4},
		{"ot=th:ffffffffffffff", 0x1p56},
		{"", 1},
		{"ot=", 1},
		{"ot=th:", 1},
		{"ot=th:C", 1},
		{"ot=th:fffffffffffffff", 1},
		{"ot=p:64", 1},
		{"ot=p:x", 1},
		{"other=th:8", 1},
		{"ot=th:g;p:2", 4},
		{",,;=", 1},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		decoded what;
		span_record record =
			span_with((otlp_node) STRING_NODE(3, "traceState", cases[i].trace_state), &what);

		if (record.adjusted_count < cases[i].count * 0.999999 ||
			record.adjusted_count > cases[i].count * 1.000001)
			fail_msg("%s: %.17g", cases[i].trace_state, record.adjusted_count);
		forget(&what);
	}
}

static void
attributes_say_how_a_span_was_sampled_too(void **state)
{
	decoded what;

	(void) state;
#define ADJUSTED_COUNT(...)                                                                        \
	BOTH_WAYS(some_service, ((const otlp_node[]){REQUIRED_FIELDS, __VA_ARGS__}), &what)            \
		.adjusted_count
	assert_true(ADJUSTED_COUNT(SPAN_REAL("sampling.probability", 0.25)) == 4);
	forget(&what);
	assert_true(ADJUSTED_COUNT(SPAN_TEXT("sampling.probability", "0.5")) == 2);
	forget(&what);
	assert_true(ADJUSTED_COUNT(SPAN_INTEGER("SampleRate", 20)) == 20);
	forget(&what);
	assert_true(ADJUSTED_COUNT(STRING_NODE(3, "traceState", "ot=th:8"),
							   SPAN_REAL("sampling.probability", 0.25)) == 2);
	forget(&what);
	assert_true(
		ADJUSTED_COUNT(SPAN_REAL("sampling.probability", 0), SPAN_INTEGER("SampleRate", 3)) == 3);
	forget(&what);
	assert_true(ADJUSTED_COUNT(SPAN_REAL("sampling.probability", 1.5)) == 1);
	forget(&what);
	assert_true(ADJUSTED_COUNT(SPAN_INTEGER("SampleRate", 0)) == 1);
	forget(&what);
}

static void
clusters_are_versions_else_kubernetes_owners(void **state)
{
	const otlp_node span[] = {REQUIRED_FIELDS};
	const otlp_node owned[] = {OF_RESOURCE("service.name", "cart"),
							   OF_RESOURCE("k8s.statefulset.name", "cart-set"),
							   OF_RESOURCE("k8s.pod.name", "cart-set-0")};
	const otlp_node unnamed[] = {OF_RESOURCE("k8s.daemonset.name", "proxy")};
	decoded what;
	span_record record = BOTH_WAYS(owned, span, &what);

	(void) state;
	assert_text(record.service, "cart");
	assert_text(record.cluster, "cart-set");
	assert_text(record.instance, "cart-set-0");
	forget(&what);
	record = BOTH_WAYS(unnamed, span, &what);
	assert_text(record.service, "proxy");
	assert_text(record.cluster, "proxy");
	assert_text(record.instance, NULL);
	forget(&what);
}

static void
endpoints_are_routes_methods_or_names(void **state)
{
	decoded what;

	(void) state;
#define ASSERT_ENDPOINT(expected, ...)                                                             \
	do                                                                                             \
	{                                                                                              \
		assert_text(                                                                               \
			BOTH_WAYS(some_service, ((const otlp_node[]){REQUIRED_FIELDS, __VA_ARGS__}), &what)    \
				.endpoint,                                                                         \
			expected);                                                                             \
		forget(&what);                                                                             \
	} while (0)
	ASSERT_ENDPOINT("POST /pay", SPAN_TEXT("http.method", "POST"), SPAN_TEXT("http.route", "/pay"),
					STRING_NODE(5, "name", "n"));
	ASSERT_ENDPOINT("/pay", SPAN_TEXT("http.route", "/pay"));
	ASSERT_ENDPOINT("GET /u/{id}", SPAN_TEXT("http.request.method", "GET"),
					SPAN_TEXT("http.method", "POST"), SPAN_TEXT("url.template", "/u/{id}"));
	ASSERT_ENDPOINT("shop.Pay/Charge", SPAN_TEXT("rpc.service", "shop.Pay"),
					SPAN_TEXT("rpc.method", "Charge"));
	ASSERT_ENDPOINT("shop.Pay/Charge", SPAN_TEXT("rpc.method", "shop.Pay/Charge"));
	ASSERT_ENDPOINT("n", SPAN_TEXT("http.request.method", "GET"), STRING_NODE(5, "name", "n"));
}

static void
peers_are_named_and_have_a_kind(void **state)
{
	static const struct
	{
		const char *attributes[3][2];
		const char *peer;
		span_peer kind;
	} cases[] = {
		{{{"peer.service", "cart"}, {"server.address", "h"}}, "cart", SPAN_PEER_APP},
		{{{"service.peer.name", "new"}, {"peer.service", "old"}}, "new", SPAN_PEER_APP},
		{{{"db.system", "redis"}}, "redis", SPAN_PEER_DATABASE},
		{{{"db.system.name", "postgresql"}, {"db.system", "x"}, {"db.namespace", "orders"}},
		 "postgresql/orders",
		 SPAN_PEER_DATABASE},
		{{{"db.system", "mysql"}, {"db.name", "orders"}, {"server.address", "h"}},
		 "mysql/orders",
		 SPAN_PEER_DATABASE},
		{{{"db.system", "redis"}, {"net.peer.name", "h"}}, "redis/h", SPAN_PEER_DATABASE},
		{{{"db.system", "redis"}, {"peer.service", "cache"}}, "cache", SPAN_PEER_DATABASE},
		{{{"messaging.system", "kafka"}, {"messaging.destination.name", "orders"}},
		 "kafka/orders",
		 SPAN_PEER_MESSAGING},
		{{{"messaging.system", "kafka"}, {"messaging.destination", "old"}},
		 "kafka/old",
		 SPAN_PEER_MESSAGING},
		{{{"server.address", "h"}, {"net.peer.name", "old"}}, "h", SPAN_PEER_EXTERNAL},
		{{{"net.peer.name", "old"}}, "old", SPAN_PEER_EXTERNAL},
		{{{"peer.service", ""}}, NULL, SPAN_PEER_NONE},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		decoded what;
		const otlp_node span[] = {
			REQUIRED_FIELDS,   VARINT_NODE(6, "kind", 3),
#define CASE_ATTRIBUTE(n)                                                                          \
	SPAN_TEXT(cases[i].attributes[n][0] ? cases[i].attributes[n][0] : "none",                      \
			  cases[i].attributes[n][0] ? cases[i].attributes[n][1] : "")
			CASE_ATTRIBUTE(0), CASE_ATTRIBUTE(1),         CASE_ATTRIBUTE(2),
		};
		span_record record = BOTH_WAYS(some_service, span, &what);

		assert_text(record.peer, cases[i].peer);
		assert_int_equal(record.peer_kind, cases[i].kind);
		forget(&what);
	}
}

static void
what_a_server_says_of_its_own_address_is_no_peer(void **state)
{
	const otlp_node span[] = {REQUIRED_FIELDS, VARINT_NODE(6, "kind", 2),
							  SPAN_TEXT("server.address", "me"), SPAN_TEXT("db.system", "redis")};
	const otlp_node named[] = {REQUIRED_FIELDS, VARINT_NODE(6, "kind", 2),
							   SPAN_TEXT("peer.service", "web"), SPAN_TEXT("server.address", "me")};
	decoded what;
	span_record record = BOTH_WAYS(some_service, span, &what);

	(void) state;
	assert_text(record.peer, NULL);
	assert_int_equal(record.peer_kind, SPAN_PEER_NONE);
	forget(&what);
	record = BOTH_WAYS(some_service, named, &what);
	assert_text(record.peer, "web");
	assert_int_equal(record.peer_kind, SPAN_PEER_APP);
	forget(&what);
}

static void
long_names_are_cut_where_they_do_not_identify(void **state)
{
	char name[DECODE_MAX_TEXT + 3];
	decoded what;
	span_record record;

	(void) state;
	memset(name, 'n', sizeof(name));
	memcpy(name + DECODE_MAX_TEXT - 1, "\xc3\xbc", 3);
	{
		const otlp_node span[] = {REQUIRED_FIELDS, STRING_NODE(5, "name", name),
								  SPAN_TEXT("peer.service", name)};
		const otlp_node resource[] = {OF_RESOURCE("service.name", name)};

		record = BOTH_WAYS(resource, span, &what);
	}
	assert_int_equal(record.name.length, DECODE_MAX_TEXT - 1);
	assert_int_equal(record.endpoint.length, DECODE_MAX_TEXT - 1);
	assert_text(record.service, NULL);
	assert_text(record.peer, NULL);
	forget(&what);
}

static void
attributes_of_other_types_are_none(void **state)
{
	const otlp_node list[] = {STRING_NODE(1, "stringValue", "x")};
	const otlp_node values[] = {ELEMENT_NODE(1, "values", list)};
	const otlp_node span[] = {
		REQUIRED_FIELDS,
		ATTRIBUTE(9, "peer.service", MESSAGE_NODE(5, "arrayValue", values)),
		SPAN_INTEGER("http.route", 5),
		ATTRIBUTE(9, "server.address", VARINT_NODE(2, "boolValue2", 1)),
	};
	decoded what;
	span_record record = BOTH_WAYS(some_service, span, &what);

	(void) state;
	assert_int_equal(record.peer_kind, SPAN_PEER_NONE);
	assert_text(record.endpoint, NULL);
	forget(&what);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(what_is_absent_has_its_default),
		cmocka_unit_test(a_root_is_one_without_a_parent_or_with_none_but_zeros),
		cmocka_unit_test(kinds_and_statuses_that_are_not_known_say_nothing),
		cmocka_unit_test(an_end_before_the_start_is_no_end),
		cmocka_unit_test(a_span_counts_for_what_sampling_left_out),
		cmocka_unit_test(attributes_say_how_a_span_was_sampled_too),
		cmocka_unit_test(clusters_are_versions_else_kubernetes_owners),
		cmocka_unit_test(endpoints_are_routes_methods_or_names),
		cmocka_unit_test(peers_are_named_and_have_a_kind),
		cmocka_unit_test(what_a_server_says_of_its_own_address_is_no_peer),
		cmocka_unit_test(long_names_are_cut_where_they_do_not_identify),
		cmocka_unit_test(attributes_of_other_types_are_none),
	};

	return cmocka_run_group_tests_name("otlp", tests, NULL, NULL);
}
