/*
 * call.h
 *		The call record: what a metric says of the calls from a client to a
 *		server in a span of time.
 *
 * Every format of metrics ends in call_records; the ipc layer starts from
 * there.  A record owns no memory: its texts and buckets live as long as the
 * decoder says.  Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_CALL_H
#define TOPOLOGY_CALL_H

#include "flow/flow.h"
#include "flow/span.h"

/*
 * Who counted.  Where both ends report the same calls, they are told apart by
 * this, and have to be counted once.
 */
typedef enum call_side
{
	CALL_SIDE_UNKNOWN = 0, /* a record that is about both ends */
	CALL_SIDE_CLIENT = 1,
	CALL_SIDE_SERVER = 2
} call_side;

/*
 * count latencies of about value_ns, in order of value.  How the buckets of a
 * histogram become these, and how far they may be off: call_buckets.h.
 */
typedef struct call_bucket
{
	uint64_t value_ns;
	uint64_t count; /* 1 .. FLOW_COUNTER_MAX */
} call_bucket;

/* The most buckets of a record. */
#define CALL_MAX_BUCKETS 2048

typedef struct call_record
{
	int64_t start_ns;    /* Unix time, nanoseconds */
	int64_t end_ns;      /* never before start_ns */
	uint8_t side;        /* call_side */
	uint8_t client_kind; /* span_peer: what client is; SPAN_PEER_NONE: client is absent */
	uint8_t server_kind; /* the same of server */
	flow_text client;
	flow_text server;
	flow_text client_cluster;
	flow_text server_cluster;
	flow_text protocol; /* such as "http" or "grpc" */
	flow_text endpoint; /* the API operation */

	uint64_t requests; /* at most FLOW_COUNTER_MAX, as the rest */
	uint64_t errors;   /* of these */

	/* Of the requests whose latency is known, perhaps none. */
	uint64_t latency_count;  /* the sum of the buckets' counts */
	uint64_t latency_sum_ns; /* as told; else what the buckets come to */
	uint32_t bucket_count;   /* at most CALL_MAX_BUCKETS */
	const call_bucket *buckets;
} call_record;

#endif /* TOPOLOGY_CALL_H */
