/*
 * hubble.h
 *		Flows of Cilium's Hubble, JSON.
 */
#ifndef TOPOLOGY_DECODE_HUBBLE_H
#define TOPOLOGY_DECODE_HUBBLE_H

#include "decode/decode.h"

/*
 * One object a line or message, as hubble observe and Hubble's exporter write
 * it: {"flow": {...}, "node_name", "time"}, or the flow alone.  Hubble tells of
 * single packets, the first and last of a connection mostly, and not of bytes:
 * it says who opened connections to whom.  Of a flow's fields
 *
 *	time						RFC 3339; required, here or beside the flow
 *	IP.source, IP.destination	the two ends; a flow without IP is passed over
 *	IP.source_xlated, IP.destination_xlated
 *								the translated addresses (nat)
 *	l4.TCP, l4.UDP				source_port, destination_port, default 0; neither: passed
 *								over
 *	l4.TCP.flags				SYN without ACK: a connection was opened (connections)
 *	verdict						DROPPED, ERROR: an attempt that failed (failed), and no
 *								connection; FORWARDED, REDIRECTED, AUDIT or absent: none
 *								of it; others: passed over
 *	is_reply					true: passed over, the other direction has been told
 *	traffic_direction			INGRESS: the destination is the local end; else the source
 *	trace_observation_point		FROM_*: passed over, the packet is told of again TO_*
 *	Type						L7: passed over, L3_L4 tells of the same connection
 *	source, destination			of the local end: workloads[0].name: app; with namespace,
 *								"shop/checkout": cluster; pod_name: instance
 *	node_name					host, here or beside the flow
 *
 * and the rest is ignored; so is a line that tells of lost events, of the status
 * of a node, or of the agent.  The source is the client: what is no reply goes
 * from client to server.
 */

/* A decode_flows of one record a line, as decode_flow_json. */
extern int64_t decode_hubble(const char *payload, size_t length, decode_flow_sink sink,
							 void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_HUBBLE_H */
