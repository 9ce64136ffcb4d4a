/*
 * decode.c
 *		What every decoder shares: errors that are safe to show, and integers.
 *
 * Owns no memory.  A message may quote a payload that was not yet checked, so
 * it is made clean here and nowhere else.
 */
#include "decode/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A bound that is the lead byte's of second bytes, after Unicode's table 3-7. */
typedef struct utf8_lead
{
	uint8_t first, last; /* the lead bytes */
	uint8_t length;
	uint8_t least, greatest; /* the second byte */
} utf8_lead;

static const utf8_lead utf8_leads[] = {
	{0xc2, 0xc2, 2, 0xa0, 0xbf}, /* U+0080 to U+009F are control characters */
	{0xc3, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf},
	{0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
	{0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

/*
 * The length of the character that text, NUL-terminated, begins with; 0 if it
 * is malformed or a control character.
 */
static size_t
printable_length(const unsigned char *text)
{
	if (text[0] < 0x80)
		return text[0] >= 0x20 && text[0] != 0x7f;
	for (size_t i = 0; i < sizeof(utf8_leads) / sizeof(utf8_leads[0]); i++)
	{
		const utf8_lead *lead = &utf8_leads[i];

		if (text[0] < lead->first || text[0] > lead->last)
			continue;
		if (text[1] < lead->least || text[1] > lead->greatest)
			return 0;
		for (size_t at = 2; at < lead->length; at++)
			if ((text[at] & 0xc0) != 0x80)
				return 0;
		return lead->length;
	}
	return 0;
}

static void
make_printable(char *text)
{
	while (*text != '\0')
	{
		size_t length = printable_length((const unsigned char *) text);

		if (length == 0)
			*text++ = '?';
		else
			text += length;
	}
}

void
decode_error_set(decode_error *error, const char *field, const char *format, ...)
{
	va_list arguments;

	snprintf(error->field, sizeof(error->field), "%s", field != NULL ? field : "");
	make_printable(error->field);
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	make_printable(error->message);
}

bool
decode_integer(flow_text text, int64_t least, int64_t greatest, int64_t *value)
{
	bool negative = text.length > 0 && text.data[0] == '-';
	uint32_t at = negative;
	int64_t total = 0;

	if (at == text.length)
		return false;
	for (; at < text.length; at++)
	{
		int digit = text.data[at] - '0';

		/* Counted downwards, because the least int64 has no positive. */
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(total, 10, &total) ||
			__builtin_sub_overflow(total, digit, &total))
			return false;
	}
	if (!negative && __builtin_sub_overflow(INT64_C(0), total, &total))
		return false;
	if (total < least || total > greatest)
		return false;
	*value = total;
	return true;
}
