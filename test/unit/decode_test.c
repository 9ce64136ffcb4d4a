/*
 * decode_test.c
 *		Errors that are safe to show, and integers.
 */
#include "unit.h"

#include "decode/decode.h"

static void
an_error_keeps_its_field_and_message(void **state)
{
	decode_error error;

	(void) state;
	decode_error_set(&error, "local.ip", "must be %d of \"%s\"", 3, "größe 😀");
	assert_string_equal(error.field, "local.ip");
	assert_string_equal(error.message, "must be 3 of \"größe 😀\"");
	decode_error_set(&error, NULL, "broken");
	assert_string_equal(error.field, "");
}

static void
malformed_bytes_and_control_characters_become_question_marks(void **state)
{
	static const struct
	{
		const char *given;
		const char *shown;
	} cases[] = {
		{"a\nb\tc\x1b[0m\x7f", "a?b?c?[0m?"},
		{"c1: \xc2\x85.", "c1: ??."},
		{"\xc2\xa0", "\xc2\xa0"},
		{"overlong \xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf", "overlong ?? ??? ????"},
		{"surrogate \xed\xa0\x80", "surrogate ???"},
		{"beyond \xf4\x90\x80\x80 \xf5\x80\x80\x80", "beyond ???? ????"},
		{"cut \xe2\x82", "cut ??"},
		{"cut \xe2\x82"
		 "a",
		 "cut ??a"},
		{"lone \x80", "lone ?"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		decode_error error;

		decode_error_set(&error, cases[i].given, "%s", cases[i].given);
		assert_string_equal(error.message, cases[i].shown);
		assert_string_equal(error.field, cases[i].shown);
	}
}

static void
a_long_message_is_cut_to_valid_utf8(void **state)
{
	char text[1000];
	decode_error error;

	(void) state;
	for (int shift = 0; shift < 3; shift++)
	{
		memset(text, 'x', sizeof(text));
		for (size_t at = (size_t) shift; at + 3 < sizeof(text); at += 3)
			memcpy(text + at, "€", 3);
		text[sizeof(text) - 1] = '\0';
		decode_error_set(&error, text, "%s", text);
		assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
		assert_printable(error.message);
		assert_printable(error.field);
	}
}

static void
integers_are_read_within_their_bounds(void **state)
{
	static const struct
	{
		const char *text;
		int64_t least, greatest, value;
	} cases[] = {
		{"0", 0, 0, 0},
		{"-0", 0, 0, 0},
		{"007", 0, 9, 7},
		{"65535", 0, 65535, 65535},
		{"-5", -5, -5, -5},
		{"9223372036854775807", 0, INT64_MAX, INT64_MAX},
		{"-9223372036854775808", INT64_MIN, 0, INT64_MIN},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		int64_t value = 42;

		assert_true(
			decode_integer(text_of(cases[i].text), cases[i].least, cases[i].greatest, &value));
		assert_true(value == cases[i].value);
	}
}

static void
what_is_no_integer_or_out_of_bounds_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"-",
		"--1",
		"+1",
		" 1",
		"1 ",
		"1.0",
		"1e3",
		"0x1",
		"1a",
		"65536",
		"-1",
		"١",
		"9223372036854775808",
		"-9223372036854775809",
		"99999999999999999999999999",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(texts); i++)
	{
		int64_t value = 42;

		assert_false(decode_integer(text_of(texts[i]), 0, 65535, &value));
		assert_int_equal(value, 42);
	}
	assert_false(
		decode_integer(text_of("9223372036854775808"), INT64_MIN, INT64_MAX, &(int64_t){0}));
	assert_false(
		decode_integer(text_of("-9223372036854775809"), INT64_MIN, INT64_MAX, &(int64_t){0}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_keeps_its_field_and_message),
		cmocka_unit_test(malformed_bytes_and_control_characters_become_question_marks),
		cmocka_unit_test(a_long_message_is_cut_to_valid_utf8),
		cmocka_unit_test(integers_are_read_within_their_bounds),
		cmocka_unit_test(what_is_no_integer_or_out_of_bounds_is_refused),
	};

	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
