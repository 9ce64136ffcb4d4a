/*
 * json_reference_test.c
 *		Our reader beside PostgreSQL's own parser of JSON, on texts that are made,
 *		and damaged, at random.
 *
 * Of each text both say that it is JSON, and what is in it, or that it is not.
 * The one test that needs PostgreSQL's headers and libpgcommon; the parser leaks
 * outside the server.
 */
#define FRONTEND 1
#include "postgres_fe.h"

#include <sanitizer/lsan_interface.h>

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

#include "unit.h"

#include "decode/json.h"

#define TEXTS      4000
#define DAMAGES    12 /* of each */
#define TEXT_SIZE  4096
#define TRACE_SIZE (8 * TEXT_SIZE)
#define NESTING    5

/* What is in a text, in one line. */
typedef struct trace
{
	char text[TRACE_SIZE];
	size_t length;
} trace;

static void
note(trace *trace, char mark, const char *text, size_t length)
{
	assert_true(trace->length + length + 2 < TRACE_SIZE);
	trace->text[trace->length++] = mark;
	memcpy(trace->text + trace->length, text, length);
	trace->length += length;
	/* in no text: they are UTF-8 */
	trace->text[trace->length++] = '\xff';
}

/* The parser's callbacks return nothing before release 16. */
#if PG_VERSION_NUM >= 160000
#define ANSWER      JsonParseErrorType
#define ANSWER_WELL return JSON_SUCCESS
#else
#define ANSWER      void
#define ANSWER_WELL return
#endif

static ANSWER
on_object_start(void *state)
{
	note(state, '{', "", 0);
	ANSWER_WELL;
}

static ANSWER
on_object_end(void *state)
{
	note(state, '}', "", 0);
	ANSWER_WELL;
}

static ANSWER
on_array_start(void *state)
{
	note(state, '[', "", 0);
	ANSWER_WELL;
}

static ANSWER
on_array_end(void *state)
{
	note(state, ']', "", 0);
	ANSWER_WELL;
}

static ANSWER
on_field(void *state, char *name, bool isnull)
{
	note(state, ':', name, strlen(name));
	ANSWER_WELL;
}

static ANSWER
on_scalar(void *state, char *token, JsonTokenType type)
{
	if (type == JSON_TOKEN_STRING || type == JSON_TOKEN_NUMBER)
		note(state, type == JSON_TOKEN_STRING ? 's' : 'n', token, strlen(token));
	else
		note(state, *token, "", 0);
	ANSWER_WELL;
}

static bool
parse(const char *text, size_t length, trace *trace)
{
	JsonSemAction action = {.semstate = trace,
							.object_start = on_object_start,
							.object_end = on_object_end,
							.array_start = on_array_start,
							.array_end = on_array_end,
							.object_field_start = on_field,
							.scalar = on_scalar};

	trace->length = 0;
	if (pg_encoding_verifymbstr(PG_UTF8, text, (int) length) != (int) length)
		return false;
#if PG_VERSION_NUM >= 170000
	return pg_parse_json(makeJsonLexContextCstringLen(NULL, text, length, PG_UTF8, true),
						 &action) == JSON_SUCCESS;
#else
	return pg_parse_json(
			   makeJsonLexContextCstringLen(unconstify(char *, text), (int) length, PG_UTF8, true),
			   &action) == JSON_SUCCESS;
#endif
}

static bool
read_events(json_reader *reader, const char *text, size_t length, trace *trace)
{
	static const char marks[] = {
		[JSON_KIND_OBJECT_START] = '{', [JSON_KIND_OBJECT_END] = '}', [JSON_KIND_ARRAY_START] = '[',
		[JSON_KIND_ARRAY_END] = ']',    [JSON_KIND_FIELD] = ':',      [JSON_KIND_STRING] = 's',
		[JSON_KIND_NUMBER] = 'n',       [JSON_KIND_TRUE] = 't',       [JSON_KIND_FALSE] = 'f',
		[JSON_KIND_NULL] = 'n'};
	decode_error error;

	trace->length = 0;
	if (!json_reader_begin(reader, text, length, &error))
		return false;
	for (;;)
	{
		json_event event = json_reader_next(reader);

		if (event.kind == JSON_KIND_END || event.kind == JSON_KIND_ERROR)
			return event.kind == JSON_KIND_END;
		note(trace, marks[event.kind], event.data != NULL ? event.data : "", event.length);
	}
}

static void
compare(json_reader *reader, const char *text, size_t length)
{
	static trace expected, actual;
	/* of just that length, so that reading beyond it is seen */
	char *exact = malloc(length + !length);
	bool valid, taken;

	memcpy(exact, text, length);
	__lsan_disable();
	valid = parse(exact, length, &expected);
	__lsan_enable();
	taken = read_events(reader, exact, length, &actual);
	free(exact);
	if (taken == valid && (!valid || (actual.length == expected.length &&
									  memcmp(actual.text, expected.text, actual.length) == 0)))
		return;
	fail_msg("%s, but %s by the reference: %.*s", taken ? "taken" : "refused",
			 valid ? "taken or read otherwise" : "refused", (int) length, text);
}

/* A sequence that is the same each time. */
static uint64_t seed;

static uint32_t
draw(uint32_t below)
{
	seed = seed * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (uint32_t) (seed >> 33) % below;
}

static const char *
draw_of(const char *const *texts, uint32_t count)
{
	return texts[draw(count)];
}

typedef struct document
{
	char bytes[TEXT_SIZE];
	size_t length;
} document;

static void
put(document *text, const char *bytes)
{
	size_t length = strlen(bytes);

	if (text->length + length > TEXT_SIZE / 2)
		return;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

static void
put_space(document *text)
{
	static const char *const spaces[] = {"", "", "", "", " ", "\n", "\t ", "\r\n   "};

	put(text, draw_of(spaces, LENGTH_OF(spaces)));
}

static void
put_string(document *text)
{
	static const char *const pieces[] = {"a",    "local",   "12345678", "x y",     "ä",
										 "€",    "😀",       "\\n",      "\\\"",    "\\\\",
										 "\\/",  "\\u0041", "\\u00e4",  "\\u20AC", "\\ud83d\\ude00",
										 "\x7f", "{",       "]",        ":",       ",",
										 "'"};

	put(text, "\"");
	for (uint32_t count = draw(8); count > 0; count--)
		put(text, draw_of(pieces, LENGTH_OF(pieces)));
	put(text, "\"");
}

static void
put_scalar(document *text)
{
	static const char *const scalars[] = {"0",      "-0",   "7",      "1234567890123456789012",
										  "-12",    "1.5",  "0.25e3", "1E+7",
										  "-2e-10", "true", "false",  "null",
										  "10e0"};

	if (draw(2) == 0)
		put_string(text);
	else
		put(text, draw_of(scalars, LENGTH_OF(scalars)));
}

static void
put_value(document *text, int nesting)
{
	bool object = draw(2) == 0;

	put_space(text);
	if (nesting == 0 || draw(3) == 0)
		put_scalar(text);
	else
	{
		put(text, object ? "{" : "[");
		for (uint32_t count = draw(6), i = 0; i < count; i++)
		{
			put_space(text);
			if (object)
				put_string(text);
			put(text, object ? ":" : "");
			put_value(text, nesting - 1);
			put(text, i + 1 < count ? "," : "");
		}
		put(text, object ? "}" : "]");
	}
	put_space(text);
}

/* Take bytes out, put some in, change one, or cut the text off. */
static void
damage(document *text)
{
	static const char bytes[] = "\"\\{}[]:,-+.eE0123456789tfn \n\t/u\x01\x1f\x7f\xc3\xa4\xe2\xff";
	size_t at = text->length > 0 ? draw((uint32_t) text->length) : 0;
	size_t count = text->length - at < 3 ? text->length - at : draw(3) + 1;

	switch (draw(4))
	{
		case 0:
			memmove(text->bytes + at, text->bytes + at + count, text->length - at - count);
			text->length -= count;
			break;
		case 1:
			memmove(text->bytes + at + 1, text->bytes + at, text->length - at);
			text->bytes[at] = bytes[draw(sizeof(bytes))];
			text->length++;
			break;
		case 2:
			text->bytes[at] = bytes[draw(sizeof(bytes))];
			break;
		default:
			text->length = at;
	}
}

static void
every_text_is_read_as_by_the_reference(void **state)
{
	json_reader *reader = json_reader_create();

	(void) state;
	for (int i = 0; i < TEXTS; i++)
	{
		document made = {.length = 0};

		seed = (uint64_t) i;
		put_value(&made, NESTING);
		compare(reader, made.bytes, made.length);
		for (int damages = 0; damages < DAMAGES; damages++)
		{
			document damaged = made;

			for (uint32_t times = draw(3) + 1; times > 0; times--)
				damage(&damaged);
			compare(reader, damaged.bytes, damaged.length);
		}
	}
	json_reader_destroy(reader);
}

static void
every_short_text_is_read_as_by_the_reference(void **state)
{
	static const char bytes[] = "\"\\{}[]:,-+.eE01tn \nu";
	const size_t count = sizeof(bytes) - 1;
	json_reader *reader = json_reader_create();

	(void) state;
	for (size_t i = 0; i < count * count * count * count; i++)
	{
		const char text[] = {bytes[i % count], bytes[i / count % count],
							 bytes[i / count / count % count], bytes[i / count / count / count]};

		compare(reader, text, sizeof(text));
	}
	json_reader_destroy(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_text_is_read_as_by_the_reference),
		cmocka_unit_test(every_short_text_is_read_as_by_the_reference),
	};

	return cmocka_run_group_tests_name("json_reference", tests, NULL, NULL);
}
