/*
 * flow_json.h
 *		The native flow record, JSON: one a message, or one a line.
 */
#ifndef TOPOLOGY_DECODE_FLOW_JSON_H
#define TOPOLOGY_DECODE_FLOW_JSON_H

#include "decode/decode.h"

/* A line may have this many bytes, its end not counted. */
#define FLOW_JSON_MAX_LINE ((size_t) 1024 * 1024)

/* A text of a record may have this many bytes. */
#define FLOW_JSON_MAX_TEXT 255

/*
 * A record is an object of these fields; a field that is null is absent, an
 * unknown one is ignored, of two of one name the last counts (of an object as
 * a whole).  Integers may be given as strings.
 *
 *	start, end		Unix nanoseconds, required, end not before start
 *	proto			"tcp" or "udp" in any case, or 6 or 17; required
 *	role			"client" or "server" in any case
 *	local, peer		objects: ip (required) and port (0..65535, default 0); of
 *					local, app, cluster and instance too
 *	nat				object: local_ip, local_port, peer_ip, peer_port
 *	host, region, scope, app, cluster, instance
 *					strings; an empty one is absent
 *	tx_bytes, rx_bytes, tx_packets, rx_packets, retransmits, connections, failed
 *					0..FLOW_COUNTER_MAX, default 0
 *	rtt_us			the same; if not 0, one sample of the round-trip time
 *
 * Of nat, an address or port that is missing (or port 0) is the untranslated
 * one; an end that equals the untranslated one is stored as not translated.
 */

/*
 * Decode every line of payload and hand each record to sink in order.  Blank
 * lines are skipped.  Returns the number of records taken, or -1 with error
 * filled at the first line that cannot be used, or at the first record that
 * sink refuses (it returns false and may have filled error itself).
 *
 * Lines end with LF or CRLF; the last one may have no end.  A record's texts
 * live until sink returns.  Memory: as json_reader_create.
 */
extern int64_t decode_flow_json(const char *payload, size_t length, decode_flow_sink sink,
								void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_FLOW_JSON_H */
