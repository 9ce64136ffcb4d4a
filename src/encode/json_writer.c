/*
 * json_writer.c
 *		JSON written into a buffer of the caller's.
 *
 * Owns no memory.
 */
#include "encode/json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
put(json_writer *writer, const char *bytes, size_t length)
{
	if (writer->length + length <= writer->size)
		memcpy(writer->buffer + writer->length, bytes, length);
	writer->length += length;
}

static void
put_literal(json_writer *writer, const char *literal)
{
	put(writer, literal, strlen(literal));
}

static void
put_name(json_writer *writer, const char *name)
{
	if (writer->follows)
		put_literal(writer, ",");
	writer->follows = true;
	if (name == NULL)
		return;
	put_literal(writer, "\"");
	put_literal(writer, name);
	put_literal(writer, "\":");
}

/* RFC 8259, section 7: quotes, backslashes, and what is below the space. */
static void
put_character(json_writer *writer, char character)
{
	char escape[8];

	if (character == '"' || character == '\\')
		snprintf(escape, sizeof(escape), "\\%c", character);
	else if ((unsigned char) character < ' ')
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned int) character);
	else
	{
		put(writer, &character, 1);
		return;
	}
	put_literal(writer, escape);
}

void
json_write_open(json_writer *writer, const char *name)
{
	put_name(writer, name);
	put_literal(writer, "{");
	writer->follows = false;
}

void
json_write_close(json_writer *writer)
{
	put_literal(writer, "}");
	writer->follows = true;
}

void
json_write_text(json_writer *writer, const char *name, flow_text text)
{
	put_name(writer, name);
	put_literal(writer, "\"");
	for (uint32_t i = 0; i < text.length; i++)
		put_character(writer, text.data[i]);
	put_literal(writer, "\"");
}

void
json_write_integer(json_writer *writer, const char *name, int64_t value)
{
	char digits[24];

	put_name(writer, name);
	snprintf(digits, sizeof(digits), "%" PRId64, value);
	put_literal(writer, digits);
}
