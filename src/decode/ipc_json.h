/*
 * ipc_json.h
 *		The native ipc record, JSON: calls from a client to a server.
 */
#ifndef TOPOLOGY_DECODE_IPC_JSON_H
#define TOPOLOGY_DECODE_IPC_JSON_H

#include "decode/decode.h"

/*
 * One object a line or message, read as json_fields.h says:
 *
 *	start, end		Unix nanoseconds, required, end not before start
 *	client, server	the apps, required
 *	client_cluster, server_cluster, protocol, endpoint
 *					strings; an empty one is absent
 *	requests		0..FLOW_COUNTER_MAX, required
 *	errors			the same, default 0, not above requests
 *	latency_ms		object, a histogram: bounds, ascending numbers of milliseconds, at most
 *					CALL_MAX_BUCKETS - 1; counts, one more than bounds: of up to the first
 *					bound, and so on, and of above the last; count, their sum, default just
 *					that; sum, in milliseconds
 *
 * What stands for a bucket says call_buckets.h.  side is CALL_SIDE_UNKNOWN.
 */

/* A decode_calls of one record a line, as decode_flow_json. */
extern int64_t decode_ipc_json(const char *payload, size_t length, decode_call_sink sink,
							   void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_IPC_JSON_H */
