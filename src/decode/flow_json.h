/*
 * flow_json.h
 *		The native flow record, JSON: one a message, or one a line.
 */
#ifndef TOPOLOGY_DECODE_FLOW_JSON_H
#define TOPOLOGY_DECODE_FLOW_JSON_H

#include "decode/decode.h"

/*
 * A record is an object of these fields, read as json_fields.h says.
 *
 *	start, end		Unix nanoseconds, required, end not before start
 *	proto			"tcp" or "udp" in any case, or 6 or 17; required
 *	role			"client", "server" or "forwarder" in any case
 *	local, peer		objects: ip (required) and port (0..65535, default 0); of
 *					local, app, cluster and instance too
 *	nat				object: local_ip, local_port, peer_ip, peer_port
 *	host, region, scope, app, cluster, instance
 *					strings; an empty one is absent
 *	tx_bytes, rx_bytes, tx_packets, rx_packets, retransmits, connections, failed
 *					0..FLOW_COUNTER_MAX, default 0
 *	rtt_us			the same: the sum of rtt_samples round-trip times
 *	rtt_samples		the same; 0 or absent: one, if rtt_us is not 0
 *
 * Of nat, an address or port that is missing (or port 0) is the untranslated
 * one; an end that equals the untranslated one is stored as not translated.  The
 * record of a forwarder must say of one end at least how it was translated.
 */

/*
 * A decode_flows of one record a line; blank lines are passed over, others have at
 * most DECODE_MAX_LINE bytes and end with LF, CRLF or the payload.  error has the
 * line.
 */
extern int64_t decode_flow_json(const char *payload, size_t length, decode_flow_sink sink,
								void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_FLOW_JSON_H */
