/*
 * utf8.c
 *		UTF-8 as Unicode defines it.
 *
 * For texts that come from the kernel or from payloads: a process may call
 * itself anything.  PostgreSQL's verifier is for those that include its
 * headers.  Owns no memory.
 */
#include "flow/utf8.h"

#include <stdint.h>
#include <string.h>

#include "flow/bytes.h"

/* What lead bytes allow as second byte, after table 3-7 of the Unicode standard. */
typedef struct utf8_lead
{
	uint8_t first, last; /* the lead bytes */
	uint8_t length;
	uint8_t least, greatest; /* the second byte */
} utf8_lead;

static const utf8_lead utf8_leads[] = {
	{0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf},
	{0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
	{0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static size_t
follow(const utf8_lead *lead, const uint8_t *bytes, size_t length)
{
	if (length < lead->length || bytes[1] < lead->least || bytes[1] > lead->greatest)
		return 0;
	for (size_t at = 2; at < lead->length; at++)
		if ((bytes[at] & 0xc0) != 0x80)
			return 0;
	return lead->length;
}

size_t
utf8_character_length(const char *text, size_t length)
{
	const uint8_t *bytes = (const uint8_t *) text;

	if (length == 0)
		return 0;
	if (bytes[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(utf8_leads) / sizeof(utf8_leads[0]); i++)
		if (bytes[0] >= utf8_leads[i].first && bytes[0] <= utf8_leads[i].last)
			return follow(&utf8_leads[i], bytes, length);
	return 0;
}

static bool
is_control(const uint8_t *bytes, size_t length)
{
	if (length == 1)
		return bytes[0] < 0x20 || bytes[0] == 0x7f;
	return length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0;
}

void
utf8_make_printable(char *text)
{
	const char *end = text + strlen(text);

	while (text < end)
	{
		size_t length = utf8_character_length(text, (size_t) (end - text));

		if (length == 0 || is_control((const uint8_t *) text, length))
			*text++ = '?';
		else
			text += length;
	}
}

/* Behind the ASCII characters other than NUL that text has at at. */
static size_t
ascii_end(const char *text, size_t at, size_t length)
{
	for (; length - at >= FLOW_BYTES_SIZE; at += FLOW_BYTES_SIZE)
	{
		uint64_t word = flow_bytes_load(text + at);
		uint64_t marks = flow_bytes_high(word) | flow_bytes_equal(word, '\0');

		if (marks != 0)
			return at + flow_bytes_first(marks);
	}
	while (at < length && (signed char) text[at] > 0)
		at++;
	return at;
}

size_t
utf8_valid_length(const char *text, size_t length)
{
	/* ASCII is nearly everything. */
	size_t at = ascii_end(text, 0, length);

	while (at < length)
	{
		size_t character = text[at] == '\0' ? 0 : utf8_character_length(text + at, length - at);

		if (character == 0)
			break;
		at = ascii_end(text, at + character, length);
	}
	return at;
}

size_t
utf8_cut(const char *text, size_t length, size_t limit)
{
	if (length <= limit)
		return length;
	while (limit > 0 && ((uint8_t) text[limit] & 0xc0) == 0x80)
		limit--;
	return limit;
}
