/*
 * json.h
 *		JSON as a sequence of events, drawn one by one.
 *
 *		json_event event;
 *
 *		if (json_reader_begin(reader, text, length, error))
 *			while ((event = json_reader_next(reader)).kind != JSON_KIND_END)
 *				...
 *
 * {"a": [1, "x"]} gives OBJECT_START, FIELD a, ARRAY_START, NUMBER 1, STRING x,
 * ARRAY_END, OBJECT_END, END.  Every value may be of any kind: a decoder reads
 * the kinds that it expects, and json_reader_skip past what it does not know.
 */
#ifndef TOPOLOGY_DECODE_JSON_H
#define TOPOLOGY_DECODE_JSON_H

#include "decode/decode.h"

/* Objects and arrays within each other; deeper is an error. */
#define JSON_MAX_DEPTH 64

typedef enum json_kind
{
	JSON_KIND_OBJECT_START,
	JSON_KIND_OBJECT_END,
	JSON_KIND_ARRAY_START,
	JSON_KIND_ARRAY_END,
	JSON_KIND_FIELD,  /* text: its name; the value follows */
	JSON_KIND_STRING, /* text: without quotes and escapes */
	JSON_KIND_NUMBER, /* text: as written */
	JSON_KIND_TRUE,
	JSON_KIND_FALSE,
	JSON_KIND_NULL,
	JSON_KIND_END,  /* the text is read, and was JSON */
	JSON_KIND_ERROR /* it was not; the error given to json_reader_begin is filled */
} json_kind;

/*
 * The text of a kind that has one is UTF-8 without NUL bytes, points into the
 * text being read or into the reader, and lives until the next json_reader_begin.
 * Two words, so that it is handed about in registers.
 */
typedef struct json_event
{
	const char *data; /* NULL: of a kind without a text */
	uint32_t length;
	json_kind kind;
} json_event;

static inline flow_text
json_text(json_event event)
{
	return (flow_text){event.data, event.length};
}

typedef struct json_reader json_reader;

/* A place in the text being read, right after an event. */
typedef struct json_position
{
	size_t offset;
	uint64_t objects;
	int depth;
	int state;
} json_position;

/*
 * A reader, to be used for any number of texts.  Its memory is decode_allocate's
 * (memory.h), of here and of each json_reader_begin.
 */
extern json_reader *json_reader_create(void);
extern void json_reader_destroy(json_reader *reader);

/*
 * Start on a text, which must live and stay unchanged until it is read.  False
 * with error filled: it holds a NUL byte or is not UTF-8, or has 1 GiB or more.
 */
extern bool json_reader_begin(json_reader *reader, const char *text, size_t length,
							  decode_error *error);

/*
 * The same for a text of any number of values, with nothing but white space
 * between them, each of at most max_value bytes.
 */
extern bool json_reader_begin_sequence(json_reader *reader, const char *text, size_t length,
									   size_t max_value, decode_error *error);

/* The next event; END and ERROR are repeated for ever. */
extern json_event json_reader_next(json_reader *reader);

/*
 * Take the name of the next field of the object at hand, if it is this one, and
 * stands there without white space or escapes, as most programs write it.  Its
 * value follows.  False: it may be this one or not, and is still to be read.
 */
extern bool json_reader_take_field(json_reader *reader, const char *name, size_t length);

/*
 * Read to the end of the value that began with first, which is the last event
 * that was drawn.  False: there was an error.
 */
extern bool json_reader_skip(json_reader *reader, json_event first);

/*
 * Where the reader is, and to go there again: to read a value after what stands
 * behind it.  Of one value of the text, each part may be skipped any number of
 * times, but read only once: texts of it that were read live on.  Not after an
 * error.
 */
extern json_position json_reader_tell(const json_reader *reader);
extern void json_reader_seek(json_reader *reader, json_position position);

/* The line of the token that was read last, from 1. */
extern int64_t json_reader_line(const json_reader *reader);

#endif /* TOPOLOGY_DECODE_JSON_H */
