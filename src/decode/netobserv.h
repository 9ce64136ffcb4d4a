/*
 * netobserv.h
 *		Flow logs of the Network Observability operator (NetObserv), JSON.
 */
#ifndef TOPOLOGY_DECODE_NETOBSERV_H
#define TOPOLOGY_DECODE_NETOBSERV_H

#include "decode/decode.h"

/*
 * One object a line or message.  Of its fields
 *
 *	SrcAddr, DstAddr			the two ends; required
 *	SrcPort, DstPort			their ports, default 0
 *	Proto						IANA number, required; other than 6 and 17: passed over
 *	TimeFlowStartMs, TimeFlowEndMs
 *								Unix milliseconds; required
 *	FlowDirection				0 (ingress): the destination is the local end; 1 (egress)
 *								and 2 (within the node): the source; absent: the client
 *	Flags						SYN: the source is the client and opened a connection;
 *								SYN_ACK: the destination is.  A number (2, 256) or names
 *	Bytes, Packets				what went from source to destination, default 0
 *	Sampling					of so many packets one was seen: bytes, packets and
 *								connections are multiplied by it; 0 and 1: all were
 *	TimeFlowRttNs				a sample of the round-trip time, if not 0
 *	SrcK8S_OwnerName, DstK8S_OwnerName
 *								of the local end: app
 *	SrcK8S_Namespace, DstK8S_Namespace
 *								with the owner, "shop/checkout": cluster
 *	SrcK8S_Name, DstK8S_Name	instance
 *	SrcK8S_HostName, DstK8S_HostName
 *								of the local end: host
 *	SrcK8S_Zone, DstK8S_Zone	of the local end: region
 *	XlatSrcAddr, XlatDstAddr, XlatSrcPort, XlatDstPort
 *								the translated tuple (nat)
 *	_RecordType					absent or flowLog; others (newConnection, heartbeat,
 *								endConnection) repeat what flow logs say: passed over
 *	Duplicate					true: another interface of the node has it: passed over
 *
 * and the rest is ignored, the names of the other end among them: its own node
 * tells them.
 */

/* A decode_flows of one record a line, as decode_flow_json. */
extern int64_t decode_netobserv(const char *payload, size_t length, decode_flow_sink sink,
								void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_NETOBSERV_H */
