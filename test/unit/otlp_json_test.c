/*
 * otlp_json_test.c
 *		OTLP as JSON: the order of fields, sequences of requests, what is refused.
 */
#include "decoded.h"

#define IDS                                                                                        \
	"\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\","            \
	"\"startTimeUnixNano\":\"1\""
#define SPANS(spans) "\"scopeSpans\":[{\"scope\":{\"name\":\"l\"},\"spans\":[" spans "]}]"
#define NAMED(service)                                                                             \
	"\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":"          \
	"\"" service "\"}}]}"
#define GROUP(group) "{\"resourceSpans\":[{" group "}]}"

static void
a_resource_may_stand_behind_its_spans(void **state)
{
	decoded what;

	(void) state;
	decode_text_as(
		"otlp_json",
		"{\"resourceSpans\":[{" SPANS("{" IDS ",\"name\":\"\\u00fc\"}") "," NAMED(
			"caf\\u00e9") ",\"schemaUrl\":\"x\"},{" SPANS("{" IDS
														  "}") "},{" NAMED("b") "," SPANS("{" IDS
																						  "},{" IDS
																						  "}") "}]"
																							   "}",
		4, &what);
	assert_text(what.spans[0].service, "café");
	assert_text(what.spans[0].name, "ü");
	assert_text(what.spans[1].service, NULL);
	assert_text(what.spans[2].service, "b");
	assert_text(what.spans[3].service, "b");
	forget(&what);
}

static void
the_value_of_an_attribute_may_stand_before_its_key(void **state)
{
	decoded what;

	(void) state;
	decode_text_as(
		"otlp_json",
		GROUP("\"resource\":{\"attributes\":[{\"value\":{\"stringValue\":\"a\"},"
			  "\"key\":\"service.name\"},{\"key\":\"x\"},{\"value\":{}},{}]}," SPANS("{" IDS "}")),
		1, &what);
	assert_text(what.spans[0].service, "a");
	forget(&what);
}

static void
a_payload_may_be_several_requests_on_any_lines(void **state)
{
	static const char request[] = GROUP(NAMED("a") "," SPANS("{" IDS "}"));
	char payload[2000];
	decoded what;

	(void) state;
	snprintf(payload, sizeof(payload), "\n%s\n\n%s%s {\n\"resourceSpans\"\n:\n[]\n}\r\n", request,
			 request, request);
	decode_text_as("otlp_json", payload, 3, &what);
	forget(&what);
	decode_text_as("otlp_json", "", 0, &what);
	decode_text_as("otlp_json", " \n", 0, &what);
	decode_text_as("otlp_json", "{}", 0, &what);
	decode_text_as("otlp_json", "{\"resourceSpans\":null,\"x\":1}", 0, &what);
	decode_text_as("otlp_json", "{\"resourceSpans\":[{},{\"resource\":null,\"scopeSpans\":null}]}",
				   0, &what);
	decode_text_as("otlp_json", GROUP(SPANS("{" IDS "}") ",\"resource\":null"), 1, &what);
	forget(&what);
}

#define P "resourceSpans.scopeSpans.spans."

static void
what_is_missing_or_wrong_is_named_with_its_line(void **state)
{
	static const struct
	{
		const char *span;
		const char *field;
		const char *message;
	} cases[] = {
		{"{}", P "traceId", "is required"},
		{"{\"traceId\":\"5b8efff798038103d269b633813fc60c\"}", P "spanId", "is required"},
		{"{" IDS ",\"startTimeUnixNano\":null}", P "startTimeUnixNano", "is required"},
		{"{" IDS ",\"startTimeUnixNano\":0}", P "startTimeUnixNano", "is required"},
		{"{" IDS ",\"startTimeUnixNano\":-1}", P "startTimeUnixNano",
		 "must be Unix nanoseconds of at most 63 bits"},
		{"{" IDS ",\"endTimeUnixNano\":\"x\"}", P "endTimeUnixNano",
		 "must be Unix nanoseconds of at most 63 bits"},
		{"{" IDS ",\"traceId\":\"5b\"}", P "traceId", "must be 16 bytes in hexadecimal"},
		{"{" IDS ",\"traceId\":\"5b8efff798038103d269b633813fc60x\"}", P "traceId",
		 "must be 16 bytes in hexadecimal"},
		{"{" IDS ",\"traceId\":\"00000000000000000000000000000000\"}", P "traceId",
		 "must not be all zero"},
		{"{" IDS ",\"spanId\":\"0000000000000000\"}", P "spanId", "must not be all zero"},
		{"{" IDS ",\"spanId\":7}", P "spanId", "must be 8 bytes in hexadecimal"},
		{"{" IDS ",\"parentSpanId\":\"5\"}", P "parentSpanId", "must be 8 bytes in hexadecimal"},
		{"{" IDS ",\"name\":7}", P "name", "must be a string"},
		{"{" IDS ",\"kind\":\"SPAN_KIND_SERVER\"}", P "kind", "must be an integer of 64 bits"},
		{"{" IDS ",\"status\":2}", P "status", "must be an object"},
		{"{" IDS ",\"status\":{\"code\":1.5}}", P "status.code", "must be an integer of 64 bits"},
		{"{" IDS ",\"attributes\":{}}", P "attributes", "must be an array of objects"},
		{"{" IDS ",\"attributes\":[1]}", P "attributes", "must be an array of objects"},
		{"{" IDS ",\"attributes\":[{\"key\":1}]}", "attributes.key", "must be a string"},
		{"{" IDS ",\"attributes\":[{\"value\":1}]}", "attributes.value", "must be an object"},
		{"{" IDS ",\"attributes\":[{\"value\":{\"stringValue\":1}}]}",
		 "attributes.value.stringValue", "must be a string"},
		{"{" IDS ",\"attributes\":[{\"value\":{\"intValue\":\"x\"}}]}", "attributes.value.intValue",
		 "must be an integer of 64 bits"},
		{"{" IDS ",\"attributes\":[{\"value\":{\"doubleValue\":\"x\"}}]}",
		 "attributes.value.doubleValue", "must be a number"},
		{"1", "resourceSpans.scopeSpans.spans", "must be an array of objects"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char payload[1000];

		snprintf(payload, sizeof(payload),
				 "{}\n{\"resourceSpans\":[\n{\"scopeSpans\":[{\"spans\":[%s]}]}]}\n",
				 cases[i].span);
		/* Of what was passed over first, the line is that of the value at hand. */
		assert_refused_as("otlp_json", payload, strlen(payload), 3, cases[i].field,
						  cases[i].message);
	}
	assert_refused_as("otlp_json", "{}\n[]", 5, 2, "", "must be a JSON object");
	assert_refused_as("otlp_json", "{\"resourceSpans\":1}", 19, 1, "resourceSpans",
					  "must be an array of objects");
	assert_refused_as("otlp_json", "{\"resourceSpans\":[{\"resource\":1}]}", 34, 1,
					  "resourceSpans.resource", "must be an object");
	assert_refused_as("otlp_json", "{\"resourceSpans\":[{\"scopeSpans\":1}]}", 36, 1,
					  "resourceSpans.scopeSpans", "must be an array of objects");
	assert_refused_as("otlp_json", "{}\n\n{\"a\":\"\xff\"}", 14, 1, "", "invalid UTF-8 at byte 11");
	assert_refused_as("otlp_json", "{}\n{\"a\"", 7, 2, "",
					  "invalid JSON at byte 8: it ends too early");
}

static void
every_beginning_of_a_request_is_refused(void **state)
{
	static const char request[] =
		GROUP(SPANS("{" IDS ",\"name\":\"\\u00fc\",\"status\":{\"code\":2}}") "," NAMED("a\\n"));
	decoded what;

	(void) state;
	for (size_t length = 1; length < sizeof(request) - 1; length++)
	{
		decode_as("otlp_json", request, length, &what);
		assert_int_equal(what.result, -1);
		assert_int_equal(what.error.line, 1);
		forget(&what);
	}
	decode_as("otlp_json", request, sizeof(request) - 1, &what);
	assert_int_equal(what.result, 1);
	forget(&what);
}

static void
a_request_is_bounded_but_not_their_number(void **state)
{
	size_t length = DECODE_MAX_MESSAGE;
	char *payload = malloc(2 * length + 20);
	decoded what;

	(void) state;
	memset(payload, ' ', 2 * length + 20);
	/* Two requests of the greatest length, and their line ends. */
	memcpy(payload, "{\"x\":\"", 6);
	memset(payload + 6, 'x', length - 8);
	memcpy(payload + length - 2, "\"}\n", 3);
	memcpy(payload + length + 1, payload, length + 1);
	decode_as("otlp_json", payload, 2 * length + 2, &what);
	assert_int_equal(what.result, 0);
	payload[length - 2] = 'x';
	payload[length - 1] = '"';
	payload[length] = '}';
	assert_refused_as("otlp_json", payload, 2 * length + 2, 1, "", "longer than 16777216 bytes");
	free(payload);
}

typedef struct count
{
	int64_t spans;
	int64_t failed;
} count;

static bool
count_span(void *context, const span_record *record, decode_error *error)
{
	count *counts = context;

	(void) error;
	assert_non_null(record->service.data);
	counts->spans++;
	counts->failed += record->failed;
	return true;
}

/* 85,015 spans of a real system, where they are at hand. */
static void
real_traces_are_taken_whole(void **state)
{
	FILE *file = popen("zcat ../../../shared/data/trainticket.otlp.jsonl.gz 2>/dev/null", "r");
	size_t room = 64 * 1024 * 1024;
	char *payload = malloc(room);
	size_t length;
	count counts = {0, 0};
	decode_error error;

	(void) state;
	assert_non_null(file);
	assert_non_null(payload);
	length = fread(payload, 1, room, file);
	pclose(file);
	if (length == 0)
	{
		free(payload);
		skip();
	}
	assert_int_equal(
		decode_format_find("otlp_json")->spans(payload, length, count_span, &counts, &error),
		85015);
	assert_int_equal(counts.spans, 85015);
	free(payload);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_resource_may_stand_behind_its_spans),
		cmocka_unit_test(the_value_of_an_attribute_may_stand_before_its_key),
		cmocka_unit_test(a_payload_may_be_several_requests_on_any_lines),
		cmocka_unit_test(what_is_missing_or_wrong_is_named_with_its_line),
		cmocka_unit_test(every_beginning_of_a_request_is_refused),
		cmocka_unit_test(a_request_is_bounded_but_not_their_number),
		cmocka_unit_test(real_traces_are_taken_whole),
	};

	return cmocka_run_group_tests_name("otlp_json", tests, NULL, NULL);
}
