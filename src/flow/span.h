/*
 * span.h
 *		The span record: what one service says of one operation of one trace.
 *
 * Every format of traces ends in span_records; pairing them into calls starts
 * from there.  A record owns no memory: its texts live as long as the decoder
 * says.  Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_SPAN_H
#define TOPOLOGY_SPAN_H

#include "flow/flow.h"

/* OpenTelemetry's SpanKind, number for number; others become unspecified. */
typedef enum span_kind
{
	SPAN_KIND_UNSPECIFIED = 0,
	SPAN_KIND_INTERNAL = 1,
	SPAN_KIND_SERVER = 2,
	SPAN_KIND_CLIENT = 3,
	SPAN_KIND_PRODUCER = 4,
	SPAN_KIND_CONSUMER = 5
} span_kind;

/* What is at the other end of a call, as far as the one that tells knows. */
typedef enum span_peer
{
	SPAN_PEER_NONE = 0,
	SPAN_PEER_APP = 1,       /* named as an app */
	SPAN_PEER_DATABASE = 2,  /* named as database */
	SPAN_PEER_MESSAGING = 3, /* a queue or topic, named with its system */
	SPAN_PEER_EXTERNAL = 4   /* a host name or address: it may be of an app, or of nobody known */
} span_peer;

/* How many operations one span may stand for: 2 to the 56th, OpenTelemetry's own bound. */
#define SPAN_MAX_ADJUSTED_COUNT 72057594037927936.0

typedef struct span_record
{
	uint8_t trace_id[16]; /* not all zero */
	uint8_t span_id[8];   /* not all zero */
	uint8_t parent_span_id[8];
	bool has_parent;   /* false: a root, parent_span_id is zero */
	bool failed;       /* its status is an error */
	bool has_end;      /* false: no end was told, or one before the start; end_ns is start_ns */
	uint8_t kind;      /* span_kind */
	uint8_t peer_kind; /* span_peer: what peer is */

	int64_t start_ns; /* Unix time, nanoseconds, not negative */
	int64_t end_ns;   /* never before start_ns */

	/*
	 * How many operations the span stands for: 1 over the probability with which
	 * it was sampled, so 1 where nothing is said, 0 where it is said to count
	 * for none, and at most SPAN_MAX_ADJUSTED_COUNT.
	 */
	double adjusted_count;

	flow_text service;  /* the app; absent: the resource does not say */
	flow_text cluster;  /* the deployment of the app */
	flow_text instance; /* one process of it */
	flow_text name;     /* of the operation, at most DECODE_MAX_TEXT bytes */
	flow_text endpoint; /* the API operation */
	flow_text peer;     /* who is at the other end; absent with SPAN_PEER_NONE */
} span_record;

#endif /* TOPOLOGY_SPAN_H */
