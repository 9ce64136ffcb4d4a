/*
 * decode.h
 *		What every decoder shares: where records go, and how an error is told.
 */
#ifndef TOPOLOGY_DECODE_H
#define TOPOLOGY_DECODE_H

#include "flow/flow.h"

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
	char field[64];
	char message[192];
} decode_error;

/*
 * Takes one record, whose texts live until it returns.  False: refused, and
 * error may have been filled.
 */
typedef bool (*decode_flow_sink)(void *context, const flow_record *record, decode_error *error);

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

#endif /* TOPOLOGY_DECODE_H */
