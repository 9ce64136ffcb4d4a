/*
 * vpc.h
 *		Flow logs of AWS VPCs, versions 2 to 5 and later, as lines of text.
 */
#ifndef TOPOLOGY_DECODE_VPC_H
#define TOPOLOGY_DECODE_VPC_H

#include "decode/decode.h"

/*
 * One log a line: fields between spaces, "-" for none.  A line of field names
 * ("version" among them) sets the order of the lines after it in the payload;
 * names may be written with _ for -.  Before one, a line has the fields in the
 * order in which AWS documents them, as many as its version has: 14 of version
 * 2 (the default format), 21 of 3, 25 of 4, 29 of 5.  Of these
 *
 *	srcaddr, dstaddr			the two ends; required
 *	pkt-srcaddr, pkt-dstaddr	the two ends, where they are there: what the packet says,
 *								not the interface (a pod, what is behind a NAT gateway)
 *	srcport, dstport			their ports
 *	protocol					IANA number, required; other than 6 and 17: passed over
 *	packets, bytes				what went from source to destination
 *	start, end					Unix seconds; required
 *	action						REJECT: an attempt that failed (failed), whose packets and
 *								bytes did not arrive and are not counted
 *	log-status					NODATA, SKIPDATA: passed over
 *	flow-direction				ingress: the destination is the local end; egress: the
 *								source; none: the client, as far as flags and ports tell
 *	tcp-flags					SYN without ACK (2): the source is the client and opened a
 *								connection; SYN with ACK (18): the destination is.  Without
 *								the field nothing is known of connections, which stay 0
 *	instance-id					of the local end: instance
 *	interface-id				host: it is what reports
 *	region, vpc-id				region, scope
 *
 * and the rest is ignored.  Without flow-direction the logs of two interfaces in
 * the same VPC that talk to each other cannot be told apart, and count twice: a
 * format with flow-direction is the better one.
 */

/* A decode_flows of one record a line, as decode_flow_json. */
extern int64_t decode_vpc(const char *payload, size_t length, decode_flow_sink sink,
						  void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_VPC_H */
