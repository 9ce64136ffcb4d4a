/*
 * resource_attributes.c
 *		Reads OTEL_RESOURCE_ATTRIBUTES.
 */
#include "capture/resource_attributes.h"

#include <ctype.h>
#include <string.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void
trim(const char **text, size_t *length)
{
	while (*length > 0 && isspace((unsigned char) **text))
	{
		(*text)++;
		(*length)--;
	}
	while (*length > 0 && isspace((unsigned char) (*text)[*length - 1]))
		(*length)--;
}

/* A NUL byte, encoded, could not be told from the value's end: refused too. */
static bool
decode(const char *text, size_t length, char *value, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < length && used + 1 < size; i++)
	{
		int byte = (unsigned char) text[i];

		if (byte == '%')
		{
			if (i + 2 >= length || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0)
				return false;
			byte = hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]);
			i += 2;
		}
		if (byte == 0)
			return false;
		value[used++] = (char) byte;
	}
	value[used] = '\0';
	return used > 0;
}

static bool
pair_has_key(const char *pair, size_t length, const char *key)
{
	trim(&pair, &length);
	return length == strlen(key) && memcmp(pair, key, length) == 0;
}

bool
resource_attribute(const char *attributes, const char *key, char *value, size_t size)
{
	while (*attributes != '\0')
	{
		size_t length = strcspn(attributes, ",");
		const char *equals = memchr(attributes, '=', length);

		if (equals != NULL && pair_has_key(attributes, (size_t) (equals - attributes), key))
		{
			const char *text = equals + 1;
			size_t rest = length - (size_t) (text - attributes);

			trim(&text, &rest);
			return decode(text, rest, value, size);
		}
		attributes += length;
		attributes += *attributes == ',';
	}
	return false;
}
