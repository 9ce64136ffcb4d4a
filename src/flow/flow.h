/*
 * flow.h
 *		The flow record: what one end of one connection says of a span of time.
 *
 * Every way in (the eBPF ring, a Kafka message, a line given to ingest())
 * ends in a flow_record; every way on (the window in memory, the producer of
 * the host agent) starts from one.  Nothing here knows PostgreSQL.
 *
 * A record owns no memory: its texts point into the buffer that they were
 * decoded from and live as long as that buffer.
 */
#ifndef TOPOLOGY_FLOW_H
#define TOPOLOGY_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which side of the connection the record's local end is.  A forwarder is
 * neither: its record tells how it translated connections of others, of which
 * local is the client and peer what the client called.
 */
typedef enum flow_role
{
	FLOW_ROLE_UNKNOWN = 0,
	FLOW_ROLE_CLIENT = 1,
	FLOW_ROLE_SERVER = 2,
	FLOW_ROLE_FORWARDER = 3
} flow_role;

/* IANA protocol numbers that a flow may have. */
#define FLOW_PROTOCOL_TCP 6
#define FLOW_PROTOCOL_UDP 17

/*
 * An IP address.  family is 4 or 6, or 0 for "none"; an IPv4 address uses the
 * first four bytes and leaves the rest zero, and an IPv4-mapped IPv6 address
 * is always stored as IPv4, so that equal addresses have equal bytes.
 */
typedef struct flow_address
{
	uint8_t family;
	uint8_t bytes[16];
} flow_address;

/* A text that is not its own: UTF-8, not NUL-terminated.  data NULL: absent. */
typedef struct flow_text
{
	const char *data;
	uint32_t length;
} flow_text;

/*
 * What flowed.  Each is a delta since the connection's last record; connections
 * counts those opened since then, failed the attempts that came to nothing.
 * A sum of round-trip times and its number of samples keep a mean that can be
 * merged in any order.  No counter is above FLOW_COUNTER_MAX.
 */
#define FLOW_COUNTER_MAX ((uint64_t) INT64_MAX) /* the greatest SQL bigint */

typedef struct flow_counters
{
	uint64_t connections;
	uint64_t failed;
	uint64_t tx_bytes;
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t rx_packets;
	uint64_t retransmits;
	uint64_t rtt_sum_us;
	uint64_t rtt_samples;
} flow_counters;

typedef struct flow_record
{
	int64_t start_ns; /* Unix time of the delta's begin, nanoseconds */
	int64_t end_ns;   /* and of its end; never before start_ns */
	uint8_t protocol; /* FLOW_PROTOCOL_* */
	uint8_t role;     /* flow_role */
	flow_address local;
	flow_address peer;
	uint16_t local_port;
	uint16_t peer_port;

	/* Each end as it left the host, where it differs; family 0: it does not. */
	flow_address nat_local;
	flow_address nat_peer;
	uint16_t nat_local_port;
	uint16_t nat_peer_port;

	flow_text host;
	flow_text app;
	flow_text cluster;
	flow_text instance;
	flow_text region;
	flow_text scope;

	flow_counters counters;
} flow_record;

/*
 * Complete a record's translated tuple: an address or port that is missing is
 * the untranslated one, and an end that is as untranslated has none.
 */
extern void flow_record_settle_translation(flow_record *record);

#endif /* TOPOLOGY_FLOW_H */
