/*
 * lines.h
 *		Payloads of one record a line.
 */
#ifndef TOPOLOGY_DECODE_LINES_H
#define TOPOLOGY_DECODE_LINES_H

#include "decode/decode.h"

/*
 * Takes one line, without its end, that is not blank.  Returns how many records
 * it was, 0 or 1, or -1 with error filled.
 */
typedef int (*decode_line)(void *context, const char *line, size_t length, decode_error *error);

/*
 * Hand every line of payload to take, in order.  Lines end with LF or CRLF; the
 * last may have no end; blank ones are skipped.  Returns the sum of what take
 * returned, or -1 with error filled, its line too, at the first that it refuses
 * or that is longer than DECODE_MAX_LINE.
 */
extern int64_t decode_lines(const char *payload, size_t length, decode_line take, void *context,
							decode_error *error);

#endif /* TOPOLOGY_DECODE_LINES_H */
