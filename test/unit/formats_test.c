/*
 * formats_test.c
 *		The table of formats, and what decoders share: UTF-8, times, sequences.
 */
#include "decoded.h"

#include "decode/json.h"
#include "decode/time.h"
#include "flow/utf8.h"

static void
every_format_is_found_by_its_name(void **state)
{
	static const struct
	{
		const char *name;
		decode_kind kind;
	} expected[] = {
		{"flow", DECODE_FLOWS},
		{"netobserv", DECODE_FLOWS},
		{"hubble", DECODE_FLOWS},
		{"vpc", DECODE_FLOWS},
		{"ipc", DECODE_CALLS},
		{"otlp_json", DECODE_SPANS},
		{"otlp_proto", DECODE_SPANS},
		{"otlp_metrics_json", DECODE_CALLS},
		{"otlp_metrics_proto", DECODE_CALLS},
	};

	(void) state;
	assert_int_equal(decode_format_count(), LENGTH_OF(expected));
	for (size_t i = 0; i < LENGTH_OF(expected); i++)
	{
		const decode_format *format = decode_format_find(expected[i].name);

		assert_ptr_equal(format, decode_format_at(i));
		assert_string_equal(format->name, expected[i].name);
		assert_int_equal(format->kind, expected[i].kind);
		assert_true(strlen(format->description) > 10);
	}
	assert_null(decode_format_find("Flow"));
	assert_null(decode_format_find(""));
}

static void
every_format_takes_an_empty_payload(void **state)
{
	decoded what;

	(void) state;
	for (size_t i = 0; i < decode_format_count(); i++)
	{
		decode_as(decode_format_at(i)->name, "", 0, &what);
		assert_int_equal(what.result, 0);
	}
}

static bool
refuse_flow(void *context, const flow_record *record, decode_error *error)
{
	(void) context, (void) record, (void) error;
	return false;
}

static bool
refuse_span(void *context, const span_record *record, decode_error *error)
{
	(void) context, (void) record;
	decode_error_set(error, "spans", "too old");
	return false;
}

static void
a_record_that_the_sink_refuses_ends_the_payload(void **state)
{
	static const char log[] = "\n2 1 e 10.0.0.1 10.0.0.2 1 2 6 1 2 3 4 ACCEPT OK";
	static const char spans[] =
		"\n{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
		"\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\","
		"\"startTimeUnixNano\":1}]}]}]}";
	decode_error error;

	(void) state;
	assert_int_equal(
		decode_format_find("vpc")->flows(log, sizeof(log) - 1, refuse_flow, NULL, &error), -1);
	assert_string_equal(error.message, "record refused");
	assert_int_equal(error.line, 2);
	assert_int_equal(
		decode_format_find("otlp_json")->spans(spans, sizeof(spans) - 1, refuse_span, NULL, &error),
		-1);
	assert_string_equal(error.field, "spans");
	assert_string_equal(error.message, "too old");
	assert_int_equal(error.line, 2);
}

static void
utf8_is_valid_as_unicode_says(void **state)
{
	static const struct
	{
		const char *text;
		size_t valid;
	} cases[] = {
		{"", 0},
		{"abc", 3},
		{"a\xc3\xbc", 3},
		{"\xe2\x82\xac", 3},
		{"\xf0\x9f\x98\x80", 4},
		{"\xf4\x8f\xbf\xbf", 4},
		{"\xed\x9f\xbf", 3},
		{"a\xc3", 1},
		{"\xe2\x82", 0},
		{"\xf0\x9f\x98", 0},
		{"\xc0\x80", 0},
		{"\xc1\xbf", 0},
		{"\xe0\x9f\xbf", 0},
		{"\xf0\x8f\xbf\xbf", 0},
		{"\xed\xa0\x80", 0},
		{"\xf4\x90\x80\x80", 0},
		{"\xf5\x80\x80\x80", 0},
		{"\x80", 0},
		{"\xc3(", 0},
		{"\xe2\x82(", 0},
		{"\xff", 0},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
		assert_int_equal(utf8_valid_length(cases[i].text, strlen(cases[i].text)), cases[i].valid);
	assert_int_equal(utf8_valid_length("a\0b", 3), 1);
}

static void
a_text_is_cut_between_characters(void **state)
{
	(void) state;
	assert_int_equal(utf8_cut("a\xc3\xbc", 3, 3), 3);
	assert_int_equal(utf8_cut("a\xc3\xbc", 3, 2), 1);
	assert_int_equal(utf8_cut("a\xf0\x9f\x98\x80", 5, 4), 1);
	assert_int_equal(utf8_cut("abc", 3, 2), 2);
	assert_int_equal(utf8_cut("\xe2\x82\xac", 3, 1), 0);
}

static void
times_are_read_after_rfc_3339(void **state)
{
	static const struct
	{
		const char *text;
		int64_t ns;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2023-11-14T22:13:20Z", INT64_C(1700000000000000000)},
		{"2023-11-14t22:13:20.5z", INT64_C(1700000000500000000)},
		{"2023-11-14 23:13:20.123456789123+01:00", INT64_C(1700000000123456789)},
		{"2023-11-14T20:43:20-01:30", INT64_C(1700000000000000000)},
		{"1969-12-31T23:59:59.999999999Z", -1},
		{"2000-02-29T00:00:00Z", INT64_C(951782400000000000)},
		{"2016-12-31T23:59:60Z", INT64_C(1483228800000000000)},
		{"2261-12-31T23:59:59Z", INT64_C(9214646399000000000)},
		{"1678-01-01T00:00:00Z", INT64_C(-9214560000000000000)},
	};
	static const char *const refused[] = {
		"",
		"2023-11-14",
		"2023-11-14T22:13:20",
		"2023-11-14T22:13Z",
		"2023-11-14T22:13:20.Z",
		"2023-11-14T22:13:20Z ",
		"2023-11-14T22:13:20+0100",
		"2023-11-14T24:00:00Z",
		"2023-11-14T22:60:00Z",
		"2023-11-14T22:13:61Z",
		"2023-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2023-00-01T00:00:00Z",
		"2023-13-01T00:00:00Z",
		"2023-01-00T00:00:00Z",
		"2023-04-31T00:00:00Z",
		"1677-12-31T23:59:59Z",
		"2262-01-01T00:00:00Z",
		"-023-11-14T22:13:20Z",
		"2023-11-14T22:13:20+24:00",
		"2023-11--4T22:13:20Z",
	};
	int64_t ns = 77;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(refused); i++)
		if (decode_time(text_of(refused[i]), &ns))
			fail_msg("taken: %s", refused[i]);
	assert_true(ns == 77);
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		assert_true(decode_time(text_of(cases[i].text), &ns));
		assert_true(ns == cases[i].ns);
	}
}

static void
a_reader_goes_back_to_what_it_skipped(void **state)
{
	static const char text[] = "{\"a\":[\"\\u00e4\",[1]],\"b\":\"\\u00f6\"}";
	json_reader *reader = json_reader_create();
	decode_error error;
	json_event event;
	json_position array, end;
	flow_text b;

	(void) state;
	assert_true(json_reader_begin(reader, text, sizeof(text) - 1, &error));
	json_reader_next(reader);
	json_reader_next(reader);
	event = json_reader_next(reader);
	array = json_reader_tell(reader);
	assert_true(json_reader_skip(reader, event));
	json_reader_next(reader);
	b = json_text(json_reader_next(reader));
	assert_int_equal(json_reader_next(reader).kind, JSON_KIND_OBJECT_END);
	end = json_reader_tell(reader);

	json_reader_seek(reader, array);
	assert_text(json_text(json_reader_next(reader)), "ä");
	/* What was read on the way lives on. */
	assert_text(b, "ö");
	assert_int_equal(json_reader_next(reader).kind, JSON_KIND_ARRAY_START);
	assert_text(json_text(json_reader_next(reader)), "1");
	assert_int_equal(json_reader_next(reader).kind, JSON_KIND_ARRAY_END);
	assert_int_equal(json_reader_next(reader).kind, JSON_KIND_ARRAY_END);
	assert_int_equal(json_reader_next(reader).kind, JSON_KIND_FIELD);

	json_reader_seek(reader, end);
	assert_int_equal(json_reader_next(reader).kind, JSON_KIND_END);
	json_reader_destroy(reader);
}

static void
a_sequence_is_of_values_that_are_bounded_each(void **state)
{
	static const char text[] = "1 [2,\n3]\"four\"null";
	static const json_kind kinds[] = {JSON_KIND_NUMBER, JSON_KIND_ARRAY_START, JSON_KIND_NUMBER,
									  JSON_KIND_NUMBER, JSON_KIND_ARRAY_END,   JSON_KIND_STRING,
									  JSON_KIND_NULL,   JSON_KIND_END,         JSON_KIND_END};
	json_reader *reader = json_reader_create();
	decode_error error;

	(void) state;
	assert_true(json_reader_begin_sequence(reader, text, sizeof(text) - 1, 6, &error));
	for (size_t i = 0; i < LENGTH_OF(kinds); i++)
		assert_int_equal(json_reader_next(reader).kind, kinds[i]);
	assert_true(json_reader_begin_sequence(reader, text, sizeof(text) - 1, 5, &error));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(json_reader_next(reader).kind, kinds[i]);
	assert_int_equal(json_reader_next(reader).kind, JSON_KIND_ERROR);
	assert_string_equal(error.message, "longer than 5 bytes");
	assert_int_equal(json_reader_line(reader), 2);
	json_reader_destroy(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_is_found_by_its_name),
		cmocka_unit_test(every_format_takes_an_empty_payload),
		cmocka_unit_test(a_record_that_the_sink_refuses_ends_the_payload),
		cmocka_unit_test(utf8_is_valid_as_unicode_says),
		cmocka_unit_test(a_text_is_cut_between_characters),
		cmocka_unit_test(times_are_read_after_rfc_3339),
		cmocka_unit_test(a_reader_goes_back_to_what_it_skipped),
		cmocka_unit_test(a_sequence_is_of_values_that_are_bounded_each),
	};

	return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
