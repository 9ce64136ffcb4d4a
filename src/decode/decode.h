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

typedef bool (*decode_flow_sink)(void *context, const flow_record *record, decode_error *error);

/*
 * Fill error; a NULL field means "not about a field".  The decoder that knows
 * the line sets error->line itself.
 */
extern void decode_error_set(decode_error *error, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* TOPOLOGY_DECODE_H */
