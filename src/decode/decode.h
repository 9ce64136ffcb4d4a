/*
 * decode.h
 *		What every decoder shares: where records go, and how an error is told.
 */
#ifndef TOPOLOGY_DECODE_H
#define TOPOLOGY_DECODE_H

#include "flow/call.h"
#include "flow/flow.h"
#include "flow/span.h"

/* The most bytes that one message may have: a line has its own, lower bound. */
#define DECODE_MAX_MESSAGE ((size_t) 16 * 1024 * 1024)

/* The most bytes of a line of a format that has one record a line. */
#define DECODE_MAX_LINE ((size_t) 1024 * 1024)

/* The most bytes of a text of a record. */
#define DECODE_MAX_TEXT 255

/*
 * Why a payload cannot be used.  line counts from 1 (0: not about a line);
 * field is the path of the field, such as "local.ip" (empty: not about one);
 * message says what was wrong, lower case, without a final stop.  Always
 * NUL-terminated, valid UTF-8, and without control characters, whatever the
 * payload held.
 */
typedef struct decode_error
{
	int64_t line;
	char field[96];
	char message[192];
} decode_error;

/*
 * Takes one record, whose texts live until it returns.  False: refused, and
 * error may have been filled.
 */
typedef bool (*decode_flow_sink)(void *context, const flow_record *record, decode_error *error);
typedef bool (*decode_call_sink)(void *context, const call_record *record, decode_error *error);
typedef bool (*decode_span_sink)(void *context, const span_record *record, decode_error *error);

/*
 * What every decoder is: it hands the records of a payload to sink, in order,
 * and returns how many it handed over, or -1 with error filled at the first
 * thing that cannot be used or the first record that sink refuses.  What is in
 * a payload without being a record of ours (a flow of another protocol, a
 * metric that is no duration of calls) is passed over and not counted.
 *
 * Records before the error have been handed over by then.  Who has to take all
 * or nothing of a payload decodes it twice, first with a NULL sink, which only
 * checks.  A record's texts and buckets live until sink returns.  Memory: as
 * json_reader_create; none for formats that are not JSON.
 */
typedef int64_t (*decode_flows)(const char *payload, size_t length, decode_flow_sink sink,
								void *sink_context, decode_error *error);
typedef int64_t (*decode_calls)(const char *payload, size_t length, decode_call_sink sink,
								void *sink_context, decode_error *error);
typedef int64_t (*decode_spans)(const char *payload, size_t length, decode_span_sink sink,
								void *sink_context, decode_error *error);

/*
 * Fill error; a NULL field means "not about a field".  What is malformed or a
 * control character becomes a question mark, what is too long is cut.  The
 * decoder that knows the line sets error->line itself.
 */
extern void decode_error_set(decode_error *error, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Read a decimal integer: an optional minus and digits, nothing else.  False:
 * it is none, or not in least..greatest, and value is untouched.
 */
extern bool decode_integer(flow_text text, int64_t least, int64_t greatest, int64_t *value);

/* Whether text is word, in any case of ASCII letters. */
extern bool decode_text_is(flow_text text, const char *word);

/*
 * Hand a record to a sink, NULL for none.  False: it was refused, and error
 * says why, be it only "record refused".
 */
extern bool decode_hand_flow(decode_flow_sink sink, void *context, const flow_record *record,
							 decode_error *error);
extern bool decode_hand_call(decode_call_sink sink, void *context, const call_record *record,
							 decode_error *error);
extern bool decode_hand_span(decode_span_sink sink, void *context, const span_record *record,
							 decode_error *error);

#endif /* TOPOLOGY_DECODE_H */
