/*
 * flow_window.h
 *		The open windows in memory: records in, sums per conversation out.
 *
 * A flow_window_table merges records into one entry for each key: window,
 * scope, protocol, role, the addresses, the listener's port, the local
 * workload, the region, the translated addresses and the translated listener's
 * port.  Ephemeral ports are dropped, so a thousand connections of one client
 * to one listener are one entry.  Merging is commutative: any order of records
 * gives the same entries, if in another order.
 */
#ifndef TOPOLOGY_FLOW_WINDOW_H
#define TOPOLOGY_FLOW_WINDOW_H

#include "flow/flow.h"

/* The width of a flow window: the worker's, and so that of whoever sends it windows. */
#define FLOW_WINDOW_NS INT64_C(10000000000)

/*
 * One entry.  The port of the listening side is kept, the other is 0: for
 * FLOW_ROLE_CLIENT and FLOW_ROLE_FORWARDER peer_port, for FLOW_ROLE_SERVER
 * local_port; likewise of the translated ports, where that end is translated: in
 * more than the port that is dropped.  A forwarder's entry has no workload: its local end is
 * another host.  A record without a role is given one when added: the lower port listens (a port of
 * 0 is not known and counts as the highest; with equal ports the local side is taken for the
 * client), and role_guessed is set.  It stays set as long as no record that knows its role has been
 * merged into the entry.  Texts are owned by the table; an empty one is stored as absent.
 */
typedef struct flow_window
{
	int64_t window_ns; /* begin of the window, Unix nanoseconds: start_ns rounded down */
	int64_t first_ns;  /* least start_ns seen */
	int64_t last_ns;   /* greatest end_ns seen */
	uint8_t protocol;
	uint8_t role; /* flow_role, but not FLOW_ROLE_UNKNOWN */
	bool role_guessed;
	flow_address local;
	flow_address peer;
	uint16_t local_port;
	uint16_t peer_port;
	flow_address nat_local; /* family 0: not translated */
	flow_address nat_peer;
	uint16_t nat_local_port;
	uint16_t nat_peer_port;
	flow_text app;
	flow_text cluster;
	flow_text region;
	flow_text scope;
	flow_counters counters; /* sums that stop at FLOW_COUNTER_MAX */
} flow_window;

typedef struct flow_window_table flow_window_table;

/*
 * Memory comes from these two; in the server they wrap a memory context, in
 * the agent and the tests malloc.  allocate may return NULL where it does not
 * raise.
 */
typedef struct flow_allocator
{
	void *(*allocate)(void *context, size_t size);
	void (*release)(void *context, void *memory);
	void *context;
} flow_allocator;

/* malloc and free. */
extern const flow_allocator flow_allocator_malloc;

/*
 * A table of windows of window_ns nanoseconds that uses at most max_bytes, its
 * own bookkeeping included.  Allocates in steps of 32 KiB.  NULL: no memory, or
 * window_ns is not positive.
 */
extern flow_window_table *flow_window_table_create(const flow_allocator *allocator,
												   int64_t window_ns, size_t max_bytes);
extern void flow_window_table_destroy(flow_window_table *table);

/*
 * Merge one record.  False: the table has reached max_bytes (or there is no
 * memory) and the record was not taken; the caller flushes and adds it again.
 * A record that needs no new entry is always taken, and a table just cleared
 * takes any one record, whatever max_bytes says.
 */
extern bool flow_window_table_add(flow_window_table *table, const flow_record *record);

/* The number of entries, and the memory held, in bytes. */
extern size_t flow_window_table_count(const flow_window_table *table);
extern size_t flow_window_table_bytes(const flow_window_table *table);

/*
 * The index-th entry, 0 <= index < count, in order of first arrival.  It stays
 * where it is until the table is cleared or destroyed.
 */
extern const flow_window *flow_window_table_entry(const flow_window_table *table, size_t index);

/*
 * The one record that, added to a table, becomes this entry: the way on for who
 * hands windows to another process.  host and instance are absent, and so is a
 * role that was guessed, as it is guessed anew from the ports.  Its texts are
 * the window's.
 */
extern flow_record flow_window_record(const flow_window *window);

/* Forget all entries and texts; keeps the memory for the next batch up to max_bytes. */
extern void flow_window_table_clear(flow_window_table *table);

#endif /* TOPOLOGY_FLOW_WINDOW_H */
