/*
 * json.c
 *		JSON as a sequence of events, over PostgreSQL's own lexer.
 *
 * The one file of decode that includes PostgreSQL's headers: those of the
 * server, or with FRONTEND those of its programs, with libpgcommon.
 *
 * pg_parse_json is not used, only its lexer, json_lex: the parser recurses,
 * copies every token, leaks the token at hand on an error outside the server,
 * and its callbacks differ between releases.  The grammar below needs no more
 * memory than one bit for each open object or array.
 *
 * A string without escapes, nearly every one, is where it was in the input.
 * The others are put into a buffer of the reader that is as long as the longest
 * value with escapes so far: escapes only get shorter.  What was unescaped while
 * skipping is forgotten, so a value that is skipped and read later has room.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

#include "decode/json.h"
#include "decode/json_escape.h"

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
	JsonLexContext *lexer;
	const char *text;
	size_t length;
	decode_error *error;
	reader_state state;
	int depth;
	bool sequence;      /* of values; else there is one */
	size_t max_value;   /* bytes that a value may have */
	size_t value_start; /* offset of the value at hand */
	bool has_escapes;   /* there is a backslash anywhere in the text */
	uint64 objects;     /* bit n: the n-th open one is an object, not an array */
	char *unescaped;
	size_t unescaped_used;
	size_t unescaped_room;
};

static JsonLexContext *
make_lexer(const char *text, size_t length)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, text, length, PG_UTF8, false);
#else
	return makeJsonLexContextCstringLen(unconstify(char *, text), (int) length, PG_UTF8, false);
#endif
}

static void
free_lexer(json_reader *reader)
{
	if (reader->lexer == NULL)
		return;
#if PG_VERSION_NUM >= 170000
	freeJsonLexContext(reader->lexer);
#else
	pfree(reader->lexer);
#endif
	reader->lexer = NULL;
}

json_reader *
json_reader_create(void)
{
	return palloc0(sizeof(json_reader));
}

void
json_reader_destroy(json_reader *reader)
{
	free_lexer(reader);
	if (reader->unescaped != NULL)
		pfree(reader->unescaped);
	pfree(reader);
}

static bool
check_encoding(const char *text, size_t length, decode_error *error)
{
	size_t valid = (size_t) pg_encoding_verifymbstr(PG_UTF8, text, (int) length);

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
	free_lexer(reader);
	if (length > MAX_TEXT_LENGTH)
	{
		decode_error_set(error, NULL, "longer than %zu bytes", MAX_TEXT_LENGTH);
		return false;
	}
	if (!check_encoding(text, length, error))
		return false;
	reader->lexer = make_lexer(text, length);
	reader->text = text;
	reader->length = length;
	reader->state = BEFORE_VALUE;
	reader->depth = 0;
	reader->has_escapes = memchr(text, '\\', length) != NULL;
	reader->unescaped_used = 0;
	reader->value_start = 0;
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

static json_event
fail_at(json_reader *reader, size_t offset, const char *what)
{
	decode_error_set(reader->error, NULL, "invalid JSON at byte %zu: %s", offset + 1, what);
	reader->state = FAILED;
	return event_of(JSON_KIND_ERROR);
}

/* Fail at the token at hand. */
static json_event
fail(json_reader *reader, const char *what)
{
	const char *start = reader->lexer->token_start;

	return fail_at(reader, start != NULL ? (size_t) (start - reader->text) : reader->length, what);
}

static json_event
fail_expecting(json_reader *reader, const char *what)
{
	if (reader->lexer->token_type == JSON_TOKEN_END)
		return fail(reader, "it ends too early");
	return fail(reader, what);
}

static const char *
describe_lexer_error(JsonParseErrorType result)
{
	switch (result)
	{
		case JSON_ESCAPING_REQUIRED:
			return "a control character that is not escaped";
		case JSON_ESCAPING_INVALID:
		case JSON_UNICODE_ESCAPE_FORMAT:
			return "invalid escape in a string";
		default:
			return "invalid token";
	}
}

static bool
is_token(const json_reader *reader, JsonTokenType type)
{
	return reader->lexer->token_type == type;
}

/* Whether the value of a sequence has not become too long with the token at hand. */
static bool
fits(json_reader *reader)
{
	size_t end = (size_t) (reader->lexer->token_terminator - reader->text);

	if (end - reader->value_start <= reader->max_value)
		return true;
	decode_error_set(reader->error, NULL, "longer than %zu bytes", reader->max_value);
	reader->state = FAILED;
	return false;
}

/* Read a token.  False: there is none, and the reader has failed. */
static bool
advance(json_reader *reader)
{
	size_t offset = (size_t) (reader->lexer->token_terminator - reader->text);
	JsonParseErrorType result = json_lex(reader->lexer);

	if (result == JSON_SUCCESS)
		return !reader->sequence || reader->depth == 0 || fits(reader);
	/* Where the lexer stands after an error differs between releases. */
	while (offset < reader->length && strchr(" \t\r\n", reader->text[offset]) != NULL)
		offset++;
	fail_at(reader, offset, describe_lexer_error(result));
	return false;
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
	reader->objects &= ~(UINT64CONST(1) << reader->depth);
	reader->objects |= (uint64) object << reader->depth;
	reader->depth++;
	reader->state = object ? BEFORE_FIRST_FIELD : BEFORE_FIRST_ELEMENT;
	return event_of(object ? JSON_KIND_OBJECT_START : JSON_KIND_ARRAY_START);
}

static json_event
close_container(json_reader *reader)
{
	bool object = in_object(reader);

	reader->depth--;
	reader->state = AFTER_VALUE;
	return event_of(object ? JSON_KIND_OBJECT_END : JSON_KIND_ARRAY_END);
}

/* The token as it is written, less margin bytes at both ends. */
static flow_text
token_text(const json_reader *reader, uint32_t margin)
{
	const JsonLexContext *lexer = reader->lexer;

	return (flow_text){lexer->token_start + margin,
					   (uint32_t) (lexer->token_terminator - lexer->token_start) - 2 * margin};
}

static void
reserve_unescaped(json_reader *reader)
{
	if (reader->unescaped_room >= reader->max_value)
		return;
	/* Not resized: no text of this input is in it yet, its room would suffice. */
	if (reader->unescaped != NULL)
		pfree(reader->unescaped);
	reader->unescaped = NULL;
	reader->unescaped = palloc(reader->max_value);
	reader->unescaped_room = reader->max_value;
}

static json_event
string_event(json_reader *reader, json_kind kind)
{
	json_event event = {kind, token_text(reader, 1)};
	const char *wrong;
	char *output;

	if (!reader->has_escapes || memchr(event.text.data, '\\', event.text.length) == NULL)
		return event;

	reserve_unescaped(reader);
	if (event.text.length > reader->unescaped_room - reader->unescaped_used)
		return fail(reader, "read twice");
	output = reader->unescaped + reader->unescaped_used;
	wrong = json_unescape(event.text, output, &event.text.length);
	if (wrong != NULL)
		return fail(reader, wrong);
	event.text.data = output;
	reader->unescaped_used += event.text.length;
	return event;
}

/* The value that begins with the token at hand. */
static json_event
value_event(json_reader *reader)
{
	reader->state = AFTER_VALUE;
	switch (reader->lexer->token_type)
	{
		case JSON_TOKEN_OBJECT_START:
			return open_container(reader, true);
		case JSON_TOKEN_ARRAY_START:
			return open_container(reader, false);
		case JSON_TOKEN_STRING:
			return string_event(reader, JSON_KIND_STRING);
		case JSON_TOKEN_NUMBER:
			return (json_event){JSON_KIND_NUMBER, token_text(reader, 0)};
		case JSON_TOKEN_TRUE:
			return event_of(JSON_KIND_TRUE);
		case JSON_TOKEN_FALSE:
			return event_of(JSON_KIND_FALSE);
		case JSON_TOKEN_NULL:
			return event_of(JSON_KIND_NULL);
		default:
			return fail_expecting(reader, "a value was expected");
	}
}

/* The field whose name is the token at hand, and its colon. */
static json_event
field_event(json_reader *reader)
{
	json_event event;

	if (!is_token(reader, JSON_TOKEN_STRING))
		return fail_expecting(reader, "a field name was expected");
	event = string_event(reader, JSON_KIND_FIELD);
	if (event.kind == JSON_KIND_ERROR || !advance(reader))
		return event_of(JSON_KIND_ERROR);
	if (!is_token(reader, JSON_TOKEN_COLON))
		return fail_expecting(reader, "a colon was expected");
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
outermost_event(json_reader *reader)
{
	if (!reader->sequence)
		return value_event(reader);
	if (is_token(reader, JSON_TOKEN_END))
		return end_event(reader);
	reader->value_start = (size_t) (reader->lexer->token_start - reader->text);
	reader->unescaped_used = 0;
	return fits(reader) ? value_event(reader) : event_of(JSON_KIND_ERROR);
}

static json_event
event_after_outermost(json_reader *reader)
{
	if (is_token(reader, JSON_TOKEN_END))
		return end_event(reader);
	if (!reader->sequence)
		return fail(reader, "something follows the value");
	return outermost_event(reader);
}

static json_event
event_after_value(json_reader *reader)
{
	bool object = in_object(reader);

	if (is_token(reader, object ? JSON_TOKEN_OBJECT_END : JSON_TOKEN_ARRAY_END))
		return close_container(reader);
	if (!is_token(reader, JSON_TOKEN_COMMA))
		return fail_expecting(reader,
							  object ? "a comma or } was expected" : "a comma or ] was expected");
	if (!advance(reader))
		return event_of(JSON_KIND_ERROR);
	return object ? field_event(reader) : value_event(reader);
}

json_event
json_reader_next(json_reader *reader)
{
	if (reader->state == AT_END)
		return event_of(JSON_KIND_END);
	if (reader->state == FAILED || !advance(reader))
		return event_of(JSON_KIND_ERROR);

	switch (reader->state)
	{
		case BEFORE_FIRST_FIELD:
			if (is_token(reader, JSON_TOKEN_OBJECT_END))
				return close_container(reader);
			return field_event(reader);
		case BEFORE_FIRST_ELEMENT:
			if (is_token(reader, JSON_TOKEN_ARRAY_END))
				return close_container(reader);
			return value_event(reader);
		case AFTER_VALUE:
			return reader->depth > 0 ? event_after_value(reader) : event_after_outermost(reader);
		default:
			return reader->depth > 0 ? value_event(reader) : outermost_event(reader);
	}
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
	return (json_position){(size_t) (reader->lexer->token_terminator - reader->text),
						   reader->objects, reader->depth, (int) reader->state};
}

void
json_reader_seek(json_reader *reader, json_position position)
{
	/* Where the lexer goes on from; it keeps nothing else between tokens. */
	reader->lexer->token_terminator = unconstify(char *, reader->text) + position.offset;
	reader->objects = position.objects;
	reader->depth = position.depth;
	reader->state = (reader_state) position.state;
}

int64_t
json_reader_line(const json_reader *reader)
{
	const JsonLexContext *lexer = reader->lexer;
	const char *at;
	int64_t line = 1;

	if (lexer == NULL)
		return line;
	/* The end of the text is a token that begins nowhere. */
	at = lexer->token_start != NULL ? lexer->token_start : lexer->token_terminator;
	for (const char *before = reader->text; before < at; before++)
		line += *before == '\n';
	return line;
}
