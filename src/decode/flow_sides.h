/*
 * flow_sides.h
 *		Flows from a source to a destination, as flow records of a local end.
 *
 * Flow logs tell of packets in one direction; a flow record tells of both ways,
 * as one end of the connection sees them.  What went from the local end is its
 * tx, what came to it its rx, so the two logs of a connection that one observer
 * writes become one conversation, whose counters complete each other.
 */
#ifndef TOPOLOGY_DECODE_FLOW_SIDES_H
#define TOPOLOGY_DECODE_FLOW_SIDES_H

#include "decode/decode.h"

/* One of the two ends. */
typedef enum flow_side
{
	FLOW_SIDE_UNKNOWN = 0,
	FLOW_SIDE_SOURCE = 1,
	FLOW_SIDE_DESTINATION = 2
} flow_side;

/* What is said of one end; all but the address may be absent. */
typedef struct flow_end
{
	flow_address address;
	uint16_t port;
	flow_address translated; /* family 0: not told */
	uint16_t translated_port;
	flow_text namespace;
	flow_text workload;
	flow_text instance;
	flow_text host;
	flow_text region;
} flow_end;

typedef struct one_way_flow
{
	int64_t start_ns;
	int64_t end_ns;
	uint8_t protocol;
	flow_end source;
	flow_end destination;
	flow_side observed; /* the end where it was observed */
	flow_side opener;   /* the end that opened the connection: the client */
	uint64_t bytes;
	uint64_t packets;
	uint64_t connections;
	uint64_t failed;
	uint64_t rtt_us; /* 0: not known */
	flow_text scope;
} one_way_flow;

/* Room for the texts that are made. */
typedef struct flow_sides_room
{
	char cluster[DECODE_MAX_TEXT];
} flow_sides_room;

/*
 * The record of a flow.  The local end is the one where the flow was observed;
 * where that is not known, the one that opened the connection; where that is
 * not known either, the one with the higher port, so that both directions have
 * the same local end.  Its workload is the app; namespace and workload,
 * "shop/checkout", the cluster, if that is not too long.  The role is known if
 * the opener is.
 */
extern flow_record flow_sides_record(const one_way_flow *flow, flow_sides_room *room);

#endif /* TOPOLOGY_DECODE_FLOW_SIDES_H */
