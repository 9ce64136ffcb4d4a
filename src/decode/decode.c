/*
 * decode.c
 *		What every decoder shares: errors that are safe to show, integers, sinks.
 *
 * Owns no memory.  A message may quote a payload that was not yet checked, so
 * it is made clean here and nowhere else.
 */
#include "decode/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "flow/utf8.h"

/* So many digits fit into 64 bits, whatever they are. */
#define SURE_DIGITS 18u

void
decode_error_set(decode_error *error, const char *field, const char *format, ...)
{
	va_list arguments;

	snprintf(error->field, sizeof(error->field), "%s", field != NULL ? field : "");
	utf8_make_printable(error->field);
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	utf8_make_printable(error->message);
}

/* The number that digits of text are from at to end, negated; false: one is no digit. */
static bool
add_digits(flow_text text, uint32_t at, uint32_t end, int64_t *total)
{
	int64_t sum = *total;

	for (; at < end; at++)
	{
		int digit = text.data[at] - '0';

		if (digit < 0 || digit > 9)
			return false;
		sum = sum * 10 - digit;
	}
	*total = sum;
	return true;
}

/* The same of one digit, after which the number may not fit. */
static bool
add_digit(char c, int64_t *total)
{
	int digit = c - '0';

	return digit >= 0 && digit <= 9 && !__builtin_mul_overflow(*total, 10, total) &&
		   !__builtin_sub_overflow(*total, digit, total);
}

bool
decode_integer(flow_text text, int64_t least, int64_t greatest, int64_t *value)
{
	bool negative = text.length > 0 && text.data[0] == '-';
	uint32_t sure = text.length < SURE_DIGITS + negative ? text.length : SURE_DIGITS + negative;
	int64_t total = 0;

	/* Counted downwards, because the least int64 has no positive. */
	if (text.length == negative || !add_digits(text, negative, sure, &total))
		return false;
	for (uint32_t at = sure; at < text.length; at++)
		if (!add_digit(text.data[at], &total))
			return false;
	if (!negative && __builtin_sub_overflow(INT64_C(0), total, &total))
		return false;
	if (total < least || total > greatest)
		return false;
	*value = total;
	return true;
}

bool
decode_text_is(flow_text text, const char *word)
{
	return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

/* A sink's answer; one that refuses may have said why. */
static bool
settle(bool taken, decode_error *error)
{
	if (!taken && error->message[0] == '\0')
		decode_error_set(error, NULL, "record refused");
	return taken;
}

bool
decode_hand_flow(decode_flow_sink sink, void *context, const flow_record *record,
				 decode_error *error)
{
	return sink == NULL || settle(sink(context, record, error), error);
}

bool
decode_hand_call(decode_call_sink sink, void *context, const call_record *record,
				 decode_error *error)
{
	return sink == NULL || settle(sink(context, record, error), error);
}

bool
decode_hand_span(decode_span_sink sink, void *context, const span_record *record,
				 decode_error *error)
{
	return sink == NULL || settle(sink(context, record, error), error);
}
