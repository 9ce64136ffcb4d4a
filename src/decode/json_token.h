/*
 * json_token.h
 *		The tokens of JSON (RFC 8259): where one ends, and what is wrong with it.
 *
 * All look at the bytes from at to end, which are UTF-8 without NUL bytes, and
 * at no other.
 */
#ifndef TOPOLOGY_DECODE_JSON_TOKEN_H
#define TOPOLOGY_DECODE_JSON_TOKEN_H

#include "decode/decode.h"

/* Behind the white space that begins at at. */
static inline const char *
json_space_end(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
		at++;
	return at;
}

static inline bool
json_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Behind the string whose opening quote is at at, and whether there is a
 * backslash in it: what follows that is not looked at.  NULL: it does not end,
 * or has a control character.
 */
extern const char *json_string_end(const char *at, const char *end, bool *escaped);

/* Behind the number that begins at at, with a digit or a minus; NULL: it is none. */
extern const char *json_number_end(const char *at, const char *end);

/* Behind the letters, digits, underscores and characters beyond ASCII at at. */
extern const char *json_word_end(const char *at, const char *end);

/* What is wrong with the token that begins at at, before end; NULL: nothing. */
extern const char *json_token_fault(const char *at, const char *end);

#endif /* TOPOLOGY_DECODE_JSON_TOKEN_H */
