/*
 * json_test.c
 *		JSON as a sequence of events.
 */
#include "unit.h"

#include "decode/json.h"

static const char *const kind_marks[] = {
	[JSON_KIND_OBJECT_START] = "{", [JSON_KIND_OBJECT_END] = "}", [JSON_KIND_ARRAY_START] = "[",
	[JSON_KIND_ARRAY_END] = "]",    [JSON_KIND_FIELD] = "f:",     [JSON_KIND_STRING] = "s:",
	[JSON_KIND_NUMBER] = "n:",      [JSON_KIND_TRUE] = "true",    [JSON_KIND_FALSE] = "false",
	[JSON_KIND_NULL] = "null",      [JSON_KIND_END] = ".",        [JSON_KIND_ERROR] = "!",
};

/* The events of a text in one line, up to the end or the error. */
static void
trace_with(json_reader *reader, const char *text, size_t length, char trace[1000],
		   decode_error *error)
{
	json_event event;
	size_t used = 0;

	memset(error, 0, sizeof(*error));
	if (!json_reader_begin(reader, text, length, error))
	{
		strcpy(trace, "!");
		return;
	}
	do
	{
		event = json_reader_next(reader);
		used += (size_t) snprintf(trace + used, 1000 - used, "%s%s%.*s", used > 0 ? " " : "",
								  kind_marks[event.kind], (int) event.length,
								  event.data != NULL ? event.data : "");
		assert_true(used < 1000);
	} while (event.kind != JSON_KIND_END && event.kind != JSON_KIND_ERROR);
	assert_int_equal(json_reader_next(reader).kind, event.kind);
}

/* From a buffer of just that length, so that reading beyond it is seen. */
static void
assert_trace(const char *text, const char *expected)
{
	json_reader *reader = json_reader_create();
	size_t length = strlen(text);
	char *exact = malloc(length + !length);
	char trace[1000];
	decode_error error;

	memcpy(exact, text, length);
	trace_with(reader, exact, length, trace, &error);
	assert_string_equal(trace, expected);
	json_reader_destroy(reader);
	free(exact);
}

static void
assert_error(const char *text, size_t length, const char *message)
{
	json_reader *reader = json_reader_create();
	char *exact = malloc(length + !length);
	char trace[1000];
	decode_error error;

	memcpy(exact, text, length);
	trace_with(reader, exact, length, trace, &error);
	assert_int_equal(trace[strlen(trace) - 1], '!');
	assert_string_equal(error.message, message);
	assert_string_equal(error.field, "");
	json_reader_destroy(reader);
	free(exact);
}

static void
every_kind_of_value_is_an_event(void **state)
{
	(void) state;
	assert_trace("{\"a\": [1, \"x\", true, false, null, -1.5e3], \"b\": {}, \"c\": []}",
				 "{ f:a [ n:1 s:x true false null n:-1.5e3 ] f:b { } f:c [ ] } .");
	assert_trace(" 1 ", "n:1 .");
	assert_trace("\"\"", "s: .");
	assert_trace("null", "null .");
	assert_trace("[[],[[{}]]]", "[ [ ] [ [ { } ] ] ] .");
	assert_trace("\r\n\t[\r\n]\r\n", "[ ] .");
}

static void
escapes_are_replaced_in_names_and_strings(void **state)
{
	(void) state;
	assert_trace("{\"\\u0061\\\"b\":\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{ f:a\"b s:\\/\b\f\n\r\t } .");
	assert_trace("[\"\\u00e4\\u20AC\\ud83d\\uDE00x\", \"ä€😀\", \"\\u0041\"]",
				 "[ s:ä€😀x s:ä€😀 s:A ] .");
}

static void
texts_live_until_the_next_begin(void **state)
{
	const char *text = "[\"\\u0041\\u0042\",\"\\u0043\"]";
	json_reader *reader = json_reader_create();
	decode_error error;
	flow_text first;

	(void) state;
	assert_true(json_reader_begin(reader, text, strlen(text), &error));
	json_reader_next(reader);
	first = json_text(json_reader_next(reader));
	assert_text(json_text(json_reader_next(reader)), "C");
	assert_text(first, "AB");
	json_reader_destroy(reader);
}

static void
each_syntax_error_names_its_byte(void **state)
{
	static const struct
	{
		const char *text;
		const char *message;
	} cases[] = {
		{"", "invalid JSON at byte 1: it ends too early"},
		{"  ", "invalid JSON at byte 3: it ends too early"},
		{"{", "invalid JSON at byte 2: it ends too early"},
		{"{\"a\"", "invalid JSON at byte 5: it ends too early"},
		{"{\"a\":", "invalid JSON at byte 6: it ends too early"},
		{"{\"a\":1", "invalid JSON at byte 7: it ends too early"},
		{"{\"a\":1,", "invalid JSON at byte 8: it ends too early"},
		{"[1", "invalid JSON at byte 3: it ends too early"},
		{"{1:2}", "invalid JSON at byte 2: a field name was expected"},
		{"{\"a\":1,}", "invalid JSON at byte 8: a field name was expected"},
		{"{\"a\" 1}", "invalid JSON at byte 6: a colon was expected"},
		{"{\"a\":}", "invalid JSON at byte 6: a value was expected"},
		{"[1,]", "invalid JSON at byte 4: a value was expected"},
		{"[,1]", "invalid JSON at byte 2: a value was expected"},
		{"[1 2]", "invalid JSON at byte 4: a comma or ] was expected"},
		{"[1}", "invalid JSON at byte 3: a comma or ] was expected"},
		{"{\"a\":1]", "invalid JSON at byte 7: a comma or } was expected"},
		{"1 2", "invalid JSON at byte 3: something follows the value"},
		{"{}}", "invalid JSON at byte 3: something follows the value"},
		{"nul", "invalid JSON at byte 1: invalid token"},
		{"[01]", "invalid JSON at byte 2: invalid token"},
		{"[1.]", "invalid JSON at byte 2: invalid token"},
		{"'a'", "invalid JSON at byte 1: invalid token"},
		{"[\"a", "invalid JSON at byte 2: invalid token"},
		{"[\"a\\", "invalid JSON at byte 2: invalid token"},
		{"[\"\\x\"]", "invalid JSON at byte 2: invalid escape in a string"},
		{"[\"\\u00g0\"]", "invalid JSON at byte 2: invalid escape in a string"},
		{"[\"\\u00\"]", "invalid JSON at byte 2: invalid escape in a string"},
		{"[\"\\ud800\"]", "invalid JSON at byte 2: half a surrogate pair in a string"},
		{"[\"\\ud800\\u0041\"]", "invalid JSON at byte 2: half a surrogate pair in a string"},
		{"[\"\\ud800\\ue000\"]", "invalid JSON at byte 2: half a surrogate pair in a string"},
		{"[\"\\ud800\\n12345\"]", "invalid JSON at byte 2: half a surrogate pair in a string"},
		{"[\"\\udc00\\ud800\"]", "invalid JSON at byte 2: half a surrogate pair in a string"},
		{"[\"\\u0000\"]", "invalid JSON at byte 2: a NUL character in a string"},
		{"[\"a\nb\"]", "invalid JSON at byte 2: a control character that is not escaped"},
		{"[\"\xff\"]", "invalid UTF-8 at byte 3"},
		{"[\"\xe2\x82\"]", "invalid UTF-8 at byte 3"},
		{"\xed\xa0\x80", "invalid UTF-8 at byte 1"},
		{"\xe2\x82", "invalid UTF-8 at byte 1"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
		assert_error(cases[i].text, strlen(cases[i].text), cases[i].message);
	assert_error("[\"a\0b\"]", 7, "NUL character at byte 4");
	assert_error("\0", 1, "NUL character at byte 1");
}

/* depth times open, then inside, then depth times close. */
static char *
nested(size_t depth, const char *open, const char *inside, const char *close)
{
	char *text = malloc(depth * (strlen(open) + strlen(close)) + strlen(inside) + 1);
	char *end = text;

	for (size_t i = 0; i < depth; i++)
		end = stpcpy(end, open);
	end = stpcpy(end, inside);
	for (size_t i = 0; i < depth; i++)
		end = stpcpy(end, close);
	return text;
}

static void
nesting_is_bounded(void **state)
{
	char trace[1000];
	decode_error error;
	json_reader *reader = json_reader_create();
	char *fits = nested(JSON_MAX_DEPTH, "[", "", "]");
	char *too_deep = nested(JSON_MAX_DEPTH + 1, "[", "", "]");
	char *far_too_deep = nested(100000, "{\"a\":", "1", "}");

	(void) state;
	trace_with(reader, fits, strlen(fits), trace, &error);
	assert_int_equal(trace[strlen(trace) - 1], '.');
	trace_with(reader, too_deep, strlen(too_deep), trace, &error);
	assert_string_equal(error.message, "invalid JSON at byte 65: nested too deep");
	trace_with(reader, far_too_deep, strlen(far_too_deep), trace, &error);
	assert_string_equal(error.message, "invalid JSON at byte 321: nested too deep");
	json_reader_destroy(reader);
	free(fits);
	free(too_deep);
	free(far_too_deep);
}

static void
skip_ends_where_the_value_ends(void **state)
{
	static const char *const values[] = {
		"1", "\"a\"", "null", "[]", "{}", "[1,[2,{\"x\":[]}],3]", "{\"x\":{\"y\":[1,2]},\"z\":{}}"};
	json_reader *reader = json_reader_create();

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(values); i++)
	{
		char text[100];
		decode_error error;

		snprintf(text, sizeof(text), "{\"a\":%s,\"b\":2}", values[i]);
		assert_true(json_reader_begin(reader, text, strlen(text), &error));
		json_reader_next(reader);
		json_reader_next(reader);
		assert_true(json_reader_skip(reader, json_reader_next(reader)));
		assert_text(json_text(json_reader_next(reader)), "b");
	}
	json_reader_destroy(reader);
}

static void
skip_reports_an_error_within_the_value(void **state)
{
	static const char *const texts[] = {"[1,2", "[{\"a\":x}]", "x"};
	json_reader *reader = json_reader_create();

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(texts); i++)
	{
		decode_error error;

		assert_true(json_reader_begin(reader, texts[i], strlen(texts[i]), &error));
		assert_false(json_reader_skip(reader, json_reader_next(reader)));
	}
	json_reader_destroy(reader);
}

static void
a_reader_can_be_used_again_after_an_error(void **state)
{
	json_reader *reader = json_reader_create();
	char trace[1000];
	decode_error error;

	(void) state;
	trace_with(reader, "{\"\\u0061\":[[[", 13, trace, &error);
	assert_string_equal(trace, "{ f:a [ [ [ !");
	trace_with(reader, "\xff", 1, trace, &error);
	assert_string_equal(trace, "!");
	trace_with(reader, "[\"\\u0062 and a text longer than before\"]", 40, trace, &error);
	assert_string_equal(trace, "[ s:b and a text longer than before ] .");
	json_reader_destroy(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_is_an_event),
		cmocka_unit_test(escapes_are_replaced_in_names_and_strings),
		cmocka_unit_test(texts_live_until_the_next_begin),
		cmocka_unit_test(each_syntax_error_names_its_byte),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(skip_ends_where_the_value_ends),
		cmocka_unit_test(skip_reports_an_error_within_the_value),
		cmocka_unit_test(a_reader_can_be_used_again_after_an_error),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
