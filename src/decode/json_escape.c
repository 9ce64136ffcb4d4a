/*
 * json_escape.c
 *		The escapes of a JSON string.
 *
 * The result is UTF-8, whatever the database's encoding: decoders speak nothing
 * else.  Owns no memory.
 */
#include "decode/json_escape.h"

#include "decode/hex.h"

#include <string.h>

static const char invalid_escape[] = "invalid escape in a string";
static const char lone_surrogate[] = "half a surrogate pair in a string";

/* Four hex digits at at, or -1. */
static int32_t
code_unit(flow_text text, uint32_t at)
{
	int32_t unit = 0;

	if (text.length - at < 4)
		return -1;
	for (uint32_t end = at + 4; at < end; at++)
	{
		int digit = decode_hex_digit(text.data[at]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

static size_t
put_utf8(char *output, int32_t code)
{
	if (code < 0x80)
	{
		output[0] = (char) code;
		return 1;
	}
	if (code < 0x800)
	{
		output[0] = (char) (0xc0 | code >> 6);
		output[1] = (char) (0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000)
	{
		output[0] = (char) (0xe0 | code >> 12);
		output[1] = (char) (0x80 | (code >> 6 & 0x3f));
		output[2] = (char) (0x80 | (code & 0x3f));
		return 3;
	}
	output[0] = (char) (0xf0 | code >> 18);
	output[1] = (char) (0x80 | (code >> 12 & 0x3f));
	output[2] = (char) (0x80 | (code >> 6 & 0x3f));
	output[3] = (char) (0x80 | (code & 0x3f));
	return 4;
}

/* What follows "\u" at *at: a code point, from one code unit or a surrogate pair. */
static const char *
unicode_escape(flow_text text, uint32_t *at, int32_t *code)
{
	int32_t unit = code_unit(text, *at);
	int32_t low;

	if (unit < 0)
		return invalid_escape;
	*at += 4;
	*code = unit;
	if (unit == 0)
		return "a NUL character in a string";
	if (unit < 0xd800 || unit > 0xdfff)
		return NULL;
	if (unit > 0xdbff || text.length - *at < 6 || memcmp(text.data + *at, "\\u", 2) != 0)
		return lone_surrogate;
	low = code_unit(text, *at + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return lone_surrogate;
	*at += 6;
	*code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
	return NULL;
}

/* What follows a backslash at *at. */
static const char *
escape(flow_text text, uint32_t *at, int32_t *code)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	if (*at == text.length)
		return invalid_escape;
	if (text.data[*at] == 'u')
	{
		++*at;
		return unicode_escape(text, at, code);
	}
	letter = memchr(letters, text.data[*at], sizeof(letters) - 1);
	if (letter == NULL)
		return invalid_escape;
	++*at;
	*code = meanings[letter - letters];
	return NULL;
}

const char *
json_unescape(flow_text text, char *output, uint32_t *length)
{
	char *end = output;
	uint32_t at = 0;

	while (at < text.length)
	{
		const char *wrong;
		int32_t code;

		if (text.data[at] != '\\')
		{
			*end++ = text.data[at++];
			continue;
		}
		at++;
		wrong = escape(text, &at, &code);
		if (wrong != NULL)
			return wrong;
		end += put_utf8(end, code);
	}
	*length = (uint32_t) (end - output);
	return NULL;
}
