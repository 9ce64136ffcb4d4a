/*
 * json.c
 *		JSON as a sequence of events, in one pass over the text.
 *
 * There is no tree and no recursion: the grammar needs no more memory than one
 * bit for each open object or array.  That the text is UTF-8 is found out before
 * the first event, a word of eight bytes at a time.
 *
 * A string without escapes, nearly every one, is where it was in the input.
 * The others are put into a buffer of the reader that is as long as the longest
 * value with escapes so far: escapes only get shorter.  What was unescaped while
 * skipping is forgotten, so a value that is skipped and read later has room.
 *
 * Cost: some 5 ns for a name or a value.
 */
#include "decode/json.h"

#include <string.h>

#include "decode/json_escape.h"
#include "decode/json_token.h"
#include "decode/memory.h"
#include "flow/utf8.h"

#define MAX_TEXT_LENGTH ((size_t) 1024 * 1024 * 1024 - 1)

typedef enum reader_state
{
	BEFORE_VALUE,
	BEFORE_FIRST_FIELD, /* or the end of the object */
	BEFORE_FIRST_ELEMENT,
	AFTER_VALUE,
	AT_END,
	FAILED
} reader_state;

struct json_reader
{
	const char *text;
	const char *end;
	const char *token; /* the begin of the token that was looked at last */
	const char *at;    /* behind the last that was taken */
	const char *value; /* the begin of the outermost value at hand */
	size_t max_value;  /* bytes that it may have */
	decode_error *error;
	reader_state state;
	int depth;
	bool sequence;    /* of values; else there is one */
	uint64_t objects; /* bit n: the n-th open one is an object, not an array */
	char *unescaped;
	size_t unescaped_used;
	size_t unescaped_room;
};

json_reader *
json_reader_create(void)
{
	json_reader *reader = decode_allocate(sizeof(*reader));

	memset(reader, 0, sizeof(*reader));
	return reader;
}

void
json_reader_destroy(json_reader *reader)
{
	decode_release(reader->unescaped);
	decode_release(reader);
}

static bool
check_encoding(const char *text, size_t length, decode_error *error)
{
	size_t valid = utf8_valid_length(text, length);

	if (valid == length)
		return true;
	decode_error_set(error, NULL, "%s at byte %zu",
					 text[valid] == '\0' ? "NUL character" : "invalid UTF-8", valid + 1);
	return false;
}

static bool
begin(json_reader *reader, const char *text, size_t length, decode_error *error)
{
	reader->error = error;
	reader->state = FAILED;
	reader->text = reader->token = reader->at = reader->value = text;
	reader->end = text + length;
	reader->depth = 0;
	reader->unescaped_used = 0;
	if (length > MAX_TEXT_LENGTH)
	{
		decode_error_set(error, NULL, "longer than %zu bytes", MAX_TEXT_LENGTH);
		return false;
	}
	if (!check_encoding(text, length, error))
		return false;
	reader->state = BEFORE_VALUE;
	return true;
}

bool
json_reader_begin(json_reader *reader, const char *text, size_t length, decode_error *error)
{
	reader->sequence = false;
	reader->max_value = length;
	return begin(reader, text, length, error);
}

bool
json_reader_begin_sequence(json_reader *reader, const char *text, size_t length, size_t max_value,
						   decode_error *error)
{
	reader->sequence = true;
	reader->max_value = max_value < length ? max_value : length;
	return begin(reader, text, length, error);
}

static json_event
event_of(json_kind kind)
{
	return (json_event){.kind = kind};
}

/* Fail at the token at hand. */
static json_event
fail(json_reader *reader, const char *what)
{
	decode_error_set(reader->error, NULL, "invalid JSON at byte %zu: %s",
					 (size_t) (reader->token - reader->text) + 1, what);
	reader->state = FAILED;
	return event_of(JSON_KIND_ERROR);
}

static json_event
fail_expecting(json_reader *reader, const char *what)
{
	const char *fault;

	if (reader->token == reader->end)
		return fail(reader, "it ends too early");
	fault = json_token_fault(reader->token, reader->end);
	return fail(reader, fault != NULL ? fault : what);
}

/* Go to the next token.  Its first byte; 0, which is in no text, at the end. */
static char
find_token(json_reader *reader)
{
	reader->token = json_space_end(reader->at, reader->end);
	return reader->token < reader->end ? *reader->token : '\0';
}

/* Take a token of one byte. */
static void
take_byte(json_reader *reader)
{
	reader->at = reader->token + 1;
}

static bool
in_object(const json_reader *reader)
{
	return reader->depth > 0 && (reader->objects >> (reader->depth - 1) & 1);
}

static json_event
open_container(json_reader *reader, bool object)
{
	if (reader->depth == JSON_MAX_DEPTH)
		return fail(reader, "nested too deep");
	take_byte(reader);
	reader->objects &= ~(UINT64_C(1) << reader->depth);
	reader->objects |= (uint64_t) object << reader->depth;
	reader->depth++;
	reader->state = object ? BEFORE_FIRST_FIELD : BEFORE_FIRST_ELEMENT;
	return event_of(object ? JSON_KIND_OBJECT_START : JSON_KIND_ARRAY_START);
}

static json_event
close_container(json_reader *reader)
{
	bool object = in_object(reader);

	take_byte(reader);
	reader->depth--;
	reader->state = AFTER_VALUE;
	return event_of(object ? JSON_KIND_OBJECT_END : JSON_KIND_ARRAY_END);
}

/* Take the token that ends at end; its text is without margin bytes at both ends. */
static json_event
take_text(json_reader *reader, json_kind kind, const char *end, uint32_t margin)
{
	const char *begin = reader->token + margin;

	reader->at = end;
	return (json_event){begin, (uint32_t) (end - begin) - margin, kind};
}

static void
reserve_unescaped(json_reader *reader)
{
	if (reader->unescaped_room >= reader->max_value)
		return;
	/* Not resized: no text of this input is in it yet, its room would suffice. */
	decode_release(reader->unescaped);
	reader->unescaped = NULL;
	reader->unescaped_room = 0;
	reader->unescaped = decode_allocate(reader->max_value);
	reader->unescaped_room = reader->max_value;
}

/* Replace the escapes of a string, which is the token at hand. */
static json_event
unescape(json_reader *reader, json_event event)
{
	const char *wrong;
	char *output;

	reserve_unescaped(reader);
	if (event.length > reader->unescaped_room - reader->unescaped_used)
		return fail(reader, "read twice");
	output = reader->unescaped + reader->unescaped_used;
	wrong = json_unescape(json_text(event), output, &event.length);
	if (wrong != NULL)
		return fail(reader, wrong);
	event.data = output;
	reader->unescaped_used += event.length;
	return event;
}

static json_event
string_event(json_reader *reader, json_kind kind)
{
	bool escaped;
	const char *end = json_string_end(reader->token, reader->end, &escaped);
	json_event event;

	if (end == NULL)
		return fail(reader, json_token_fault(reader->token, reader->end));
	event = take_text(reader, kind, end, 1);
	return escaped ? unescape(reader, event) : event;
}

static json_event
number_event(json_reader *reader)
{
	const char *end = json_number_end(reader->token, reader->end);

	if (end == NULL)
		return fail(reader, json_token_fault(reader->token, reader->end));
	return take_text(reader, JSON_KIND_NUMBER, end, 0);
}

static json_event
word_event(json_reader *reader, char first)
{
	if (json_token_fault(reader->token, reader->end) != NULL)
		return fail_expecting(reader, "a value was expected");
	reader->at = json_word_end(reader->token, reader->end);
	return event_of(first == 't'   ? JSON_KIND_TRUE
					: first == 'f' ? JSON_KIND_FALSE
								   : JSON_KIND_NULL);
}

/* The value that begins with the token at hand. */
static json_event
value_event(json_reader *reader, char first)
{
	reader->state = AFTER_VALUE;
	if (first == '"')
		return string_event(reader, JSON_KIND_STRING);
	if (json_is_digit(first) || first == '-')
		return number_event(reader);
	if (first == '{' || first == '[')
		return open_container(reader, first == '{');
	if (first == 't' || first == 'f' || first == 'n')
		return word_event(reader, first);
	return fail_expecting(reader, "a value was expected");
}

/* The field whose name is the token at hand, and its colon. */
static json_event
field_event(json_reader *reader, char first)
{
	json_event event;

	if (first != '"')
		return fail_expecting(reader, "a field name was expected");
	event = string_event(reader, JSON_KIND_FIELD);
	if (event.kind == JSON_KIND_ERROR)
		return event;
	if (find_token(reader) != ':')
		return fail_expecting(reader, "a colon was expected");
	take_byte(reader);
	reader->state = BEFORE_VALUE;
	return event;
}

static json_event
end_event(json_reader *reader)
{
	reader->state = AT_END;
	return event_of(JSON_KIND_END);
}

/* The value that begins with the token at hand, outside any other. */
static json_event
outermost_event(json_reader *reader, char first)
{
	if (!reader->sequence)
		return value_event(reader, first);
	if (first == '\0')
		return end_event(reader);
	reader->value = reader->token;
	reader->unescaped_used = 0;
	return value_event(reader, first);
}

static json_event
event_after_outermost(json_reader *reader, char first)
{
	if (first == '\0')
		return end_event(reader);
	if (!reader->sequence)
		return fail_expecting(reader, "something follows the value");
	return outermost_event(reader, first);
}

static json_event
event_after_value(json_reader *reader, char first)
{
	bool object = in_object(reader);

	if (first == (object ? '}' : ']'))
		return close_container(reader);
	if (first != ',')
		return fail_expecting(reader,
							  object ? "a comma or } was expected" : "a comma or ] was expected");
	take_byte(reader);
	first = find_token(reader);
	return object ? field_event(reader, first) : value_event(reader, first);
}

/* The event that begins with the token at hand. */
static json_event
event_at(json_reader *reader, char first)
{
	switch (reader->state)
	{
		case BEFORE_FIRST_FIELD:
			return first == '}' ? close_container(reader) : field_event(reader, first);
		case BEFORE_FIRST_ELEMENT:
			return first == ']' ? close_container(reader) : value_event(reader, first);
		case AFTER_VALUE:
			return reader->depth > 0 ? event_after_value(reader, first)
									 : event_after_outermost(reader, first);
		default:
			return reader->depth > 0 ? value_event(reader, first) : outermost_event(reader, first);
	}
}

json_event
json_reader_next(json_reader *reader)
{
	json_event event;

	if (reader->state == AT_END)
		return event_of(JSON_KIND_END);
	if (reader->state == FAILED)
		return event_of(JSON_KIND_ERROR);
	event = event_at(reader, find_token(reader));
	if ((size_t) (reader->at - reader->value) <= reader->max_value || reader->state == FAILED)
		return event;
	decode_error_set(reader->error, NULL, "longer than %zu bytes", reader->max_value);
	reader->state = FAILED;
	return event_of(JSON_KIND_ERROR);
}

bool
json_reader_take_field(json_reader *reader, const char *name, size_t length)
{
	const char *at = reader->at;

	/* a comma, two quotes and a colon */
	if ((size_t) (reader->end - at) < length + 4)
		return false;
	if (reader->state == AFTER_VALUE && *at++ != ',')
		return false;
	if (reader->state != AFTER_VALUE && reader->state != BEFORE_FIRST_FIELD)
		return false;
	if (at[0] != '"' || memcmp(at + 1, name, length) != 0 || at[length + 1] != '"' ||
		at[length + 2] != ':')
		return false;
	reader->token = at + length + 2;
	take_byte(reader);
	reader->state = BEFORE_VALUE;
	return true;
}

/* Read to the end of an object or array that was just opened. */
static bool
skip_container(json_reader *reader)
{
	size_t unescaped_used = reader->unescaped_used;
	int outside;

	for (outside = reader->depth - 1; reader->depth > outside;)
		if (json_reader_next(reader).kind == JSON_KIND_ERROR)
			return false;
	reader->unescaped_used = unescaped_used;
	return true;
}

bool
json_reader_skip(json_reader *reader, json_event first)
{
	if (first.kind == JSON_KIND_ERROR)
		return false;
	if (first.kind != JSON_KIND_OBJECT_START && first.kind != JSON_KIND_ARRAY_START)
		return true;
	return skip_container(reader);
}

json_position
json_reader_tell(const json_reader *reader)
{
	return (json_position){(size_t) (reader->at - reader->text), reader->objects, reader->depth,
						   (int) reader->state};
}

void
json_reader_seek(json_reader *reader, json_position position)
{
	reader->at = reader->text + position.offset;
	reader->objects = position.objects;
	reader->depth = position.depth;
	reader->state = (reader_state) position.state;
}

int64_t
json_reader_line(const json_reader *reader)
{
	int64_t line = 1;

	for (const char *before = reader->text; before < reader->token; before++)
		line += *before == '\n';
	return line;
}
