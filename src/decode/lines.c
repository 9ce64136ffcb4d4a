/*
 * lines.c
 *		Payloads of one record a line.
 *
 * Owns no memory.
 */
#include "decode/lines.h"

#include <string.h>

static bool
is_blank(const char *line, size_t length)
{
	while (length > 0 && (*line == ' ' || *line == '\t' || *line == '\r'))
	{
		line++;
		length--;
	}
	return length == 0;
}

static int
take_line(const char *line, size_t length, decode_line take, void *context, decode_error *error)
{
	if (is_blank(line, length))
		return 0;
	if (length > DECODE_MAX_LINE)
	{
		decode_error_set(error, NULL, "longer than %zu bytes", DECODE_MAX_LINE);
		return -1;
	}
	return take(context, line, length, error);
}

int64_t
decode_lines(const char *payload, size_t length, decode_line take, void *context,
			 decode_error *error)
{
	const char *end = payload + length;
	int64_t line_number = 0;
	int64_t taken = 0;

	memset(error, 0, sizeof(*error));
	for (const char *line = payload, *next; line < end; line = next)
	{
		const char *newline = memchr(line, '\n', (size_t) (end - line));
		const char *line_end = newline != NULL ? newline : end;
		int records;

		next = newline != NULL ? newline + 1 : end;
		line_number++;
		if (line_end > line && line_end[-1] == '\r')
			line_end--;
		records = take_line(line, (size_t) (line_end - line), take, context, error);
		if (records < 0)
		{
			error->line = line_number;
			return -1;
		}
		taken += records;
	}
	return taken;
}
