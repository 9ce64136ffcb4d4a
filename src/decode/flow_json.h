/*
 * flow_json.h
 *		The native flow record, JSON: one a message, or one a line.
 */
#ifndef TOPOLOGY_DECODE_FLOW_JSON_H
#define TOPOLOGY_DECODE_FLOW_JSON_H

#include "decode/decode.h"

/*
 * Decode every line of payload and hand each record to sink in order.  Blank
 * lines are skipped.  Returns the number of records taken, or -1 with error
 * filled at the first line that cannot be used, or at the first record that
 * sink refuses (it returns false and may have filled error itself).
 *
 * A record's texts live until sink returns.
 */
extern int64_t decode_flow_json(const char *payload, size_t length, decode_flow_sink sink,
								void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_FLOW_JSON_H */
