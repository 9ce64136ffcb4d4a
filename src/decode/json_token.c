/*
 * json_token.c
 *		The tokens of JSON.
 *
 * Strings are nearly all of a text, and are looked through eight bytes at a
 * time.  Owns no memory.
 */
#include "decode/json_token.h"

#include "flow/bytes.h"

static bool
ends_plain_text(char c)
{
	return (unsigned char) c < 0x20 || c == '"' || c == '\\';
}

/* The first byte that is not to be taken as it is, or end. */
static const char *
plain_text_end(const char *at, const char *end)
{
	for (; (size_t) (end - at) >= FLOW_BYTES_SIZE; at += FLOW_BYTES_SIZE)
	{
		uint64_t word = flow_bytes_load(at);
		uint64_t marks = flow_bytes_below(word, 0x20) | flow_bytes_equal(word, '"') |
						 flow_bytes_equal(word, '\\');

		if (marks != 0)
			return at + flow_bytes_first(marks);
	}
	while (at < end && !ends_plain_text(*at))
		at++;
	return at;
}

const char *
json_string_end(const char *at, const char *end, bool *escaped)
{
	*escaped = false;
	for (at = plain_text_end(at + 1, end); at < end; at = plain_text_end(at, end))
	{
		if (*at == '"')
			return at + 1;
		if (*at != '\\' || end - at < 2)
			return NULL;
		*escaped = true;
		at += 2;
	}
	return NULL;
}

/* Behind one digit or more; NULL: there is none. */
static const char *
digits_end(const char *at, const char *end)
{
	const char *begin = at;

	while (at < end && json_is_digit(*at))
		at++;
	return at > begin ? at : NULL;
}

static bool
continues_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || json_is_digit(c) || c == '_' ||
		   (unsigned char) c >= 0x80;
}

/* Behind the fraction and the exponent that may follow; NULL: one is not whole. */
static const char *
number_rest_end(const char *at, const char *end)
{
	if (at < end && *at == '.')
		at = digits_end(at + 1, end);
	if (at != NULL && at < end && (*at == 'e' || *at == 'E'))
	{
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		at = digits_end(at, end);
	}
	return at != NULL && at < end && continues_word(*at) ? NULL : at;
}

const char *
json_number_end(const char *at, const char *end)
{
	if (*at == '-')
		at++;
	if (at < end && *at == '0')
		at++;
	else
		at = digits_end(at, end);
	return at != NULL ? number_rest_end(at, end) : NULL;
}

const char *
json_word_end(const char *at, const char *end)
{
	while (at < end && continues_word(*at))
		at++;
	return at;
}

static bool
is_word(const char *at, const char *end)
{
	size_t length = (size_t) (json_word_end(at, end) - at);

	return (length == 4 && (memcmp(at, "true", 4) == 0 || memcmp(at, "null", 4) == 0)) ||
		   (length == 5 && memcmp(at, "false", 5) == 0);
}

/* Of a string that json_string_end does not take. */
static const char *
string_fault(const char *at, const char *end)
{
	for (at = plain_text_end(at + 1, end); end - at >= 2 && *at == '\\';)
		at = plain_text_end(at + 2, end);
	if (at < end && (unsigned char) *at < 0x20)
		return "a control character that is not escaped";
	return "invalid token";
}

const char *
json_token_fault(const char *at, const char *end)
{
	bool escaped;
	bool good;

	if (*at == '"')
		return json_string_end(at, end, &escaped) != NULL ? NULL : string_fault(at, end);
	if (*at == '-' || json_is_digit(*at))
		good = json_number_end(at, end) != NULL;
	else
		good = strchr("{}[]:,", *at) != NULL || is_word(at, end);
	return good ? NULL : "invalid token";
}
