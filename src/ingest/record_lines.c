/*
 * record_lines.c
 *		Payloads of one record a line, of which some lines cannot be used.
 *
 * A decoder stops at the first line that it cannot use.  It is started again
 * behind it; where a header held, on a copy of the payload in which the header is
 * put right before what comes next, over what has been read.  So the cost is one
 * pass over the payload, however many lines are refused.
 */
#include "postgres.h"

#include "ingest/record_lines.h"

typedef struct line_walk
{
	char *copy; /* of the payload, once a header has to be put somewhere */
	const char *at;
	const char *end;
	int64 before; /* lines of the payload before at */
	char *header; /* without its end; NULL: none so far */
	size_t header_length;
} line_walk;

typedef struct payload_line
{
	const char *begin;
	const char *end;  /* before the line's end */
	const char *next; /* where the next line begins */
} payload_line;

static payload_line
line_from(const char *begin, const char *end)
{
	const char *newline = memchr(begin, '\n', end - begin);

	return (payload_line){begin, newline ? newline : end, newline ? newline + 1 : end};
}

static bool
has_word(const payload_line *line, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = line->begin; at + length <= line->end; at++)
		if (memcmp(at, word, length) == 0)
			return true;
	return false;
}

/* The number-th line, from 1; on the way there, the last header is kept. */
static payload_line
find_line(line_walk *walk, int64 number, bool with_header)
{
	payload_line line = line_from(walk->at, walk->end);

	for (int64 i = 1; i < number && line.next < walk->end; i++)
	{
		if (with_header && (has_word(&line, "srcaddr") || has_word(&line, "version")))
		{
			walk->header_length = line.end - line.begin;
			walk->header = pnstrdup(line.begin, walk->header_length);
		}
		line = line_from(line.next, walk->end);
	}
	return line;
}

/* The same place in a copy that may be written to. */
static const char *
in_copy(line_walk *walk, const char *payload, size_t length, const char *place)
{
	if (!walk->copy)
	{
		walk->copy = palloc_extended(length + 1, MCXT_ALLOC_HUGE);
		memcpy(walk->copy, payload, length);
		walk->end = walk->copy + length;
		return walk->copy + (place - payload);
	}
	return place;
}

/* Put the header before a place; there is room, since it was read before. */
static const char *
put_header(const line_walk *walk, const char *place)
{
	char *header = walk->copy + (place - walk->copy) - walk->header_length - 1;

	memcpy(header, walk->header, walk->header_length);
	header[walk->header_length] = '\n';
	return header;
}

static void
refuse_line(line_walk *walk, payload_line line, record_refusal refuse, void *context,
			const decode_error *error)
{
	const char *begin = walk->header ? put_header(walk, line.begin) : line.begin;

	refuse(context, begin, line.end - begin, error);
}

void
record_lines_walk(const char *payload, size_t length, bool with_header, record_lines_decoder decode,
				  void *decode_context, record_refusal refuse, void *refuse_context)
{
	line_walk walk = {.at = payload, .end = payload + length};
	decode_error error = {0};

	while (!decode(decode_context, walk.at, walk.end - walk.at, &error))
	{
		payload_line line = find_line(&walk, error.line, with_header);

		if (walk.header)
		{
			line.begin = in_copy(&walk, payload, length, line.begin);
			line = line_from(line.begin, walk.end);
		}
		walk.before += error.line;
		error.line = walk.before;
		refuse_line(&walk, line, refuse, refuse_context, &error);
		walk.at = line.next;
		if (walk.header)
		{
			walk.at = put_header(&walk, line.next);
			walk.before--;
		}
	}
	if (walk.copy)
		pfree(walk.copy);
}
