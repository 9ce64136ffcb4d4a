/*
 * call_window.h
 *		The open windows of calls in memory: records in, sums per edge out.
 *
 * A call_window_table merges records into one entry for each key: window,
 * client, server, their kinds and clusters, protocol, endpoint and side.
 * Merging is commutative: any order of records gives the same entries, if in
 * another order.
 */
#ifndef TOPOLOGY_CALL_WINDOW_H
#define TOPOLOGY_CALL_WINDOW_H

#include "flow/call.h"
#include "flow/flow_window.h"

/*
 * One entry.  Texts and buckets are owned by the table; an empty text is stored
 * as absent.  Of two sides that count the same calls there are two entries.
 */
typedef struct call_window
{
	int64_t window_ns; /* begin of the window, Unix nanoseconds: start_ns rounded down */
	int64_t first_ns;  /* least start_ns seen */
	int64_t last_ns;   /* greatest end_ns seen */
	uint8_t side;      /* call_side */
	uint8_t client_kind;
	uint8_t server_kind;
	flow_text client;
	flow_text server;
	flow_text client_cluster;
	flow_text server_cluster;
	flow_text protocol;
	flow_text endpoint;
	uint64_t requests; /* sums that stop at FLOW_COUNTER_MAX, as the rest */
	uint64_t errors;
	uint64_t latency_count;
	uint64_t latency_sum_ns;
	uint32_t bucket_count;
	uint32_t bucket_room;
	call_bucket *buckets; /* ascending; values as call_window_value has them */
} call_window;

typedef struct call_window_table call_window_table;

/*
 * What stands for a latency in an entry: the value rounded to ten significant
 * bits, so that a bounded number of buckets serves any values.  Off by at most
 * one in 1024; values below 1024 are kept.
 */
extern uint64_t call_window_value(uint64_t value_ns);

/* As those of flow_window.h; window_ns is a minute's for the ipc layer. */
extern call_window_table *call_window_table_create(const flow_allocator *allocator,
												   int64_t window_ns, size_t max_bytes);
extern void call_window_table_destroy(call_window_table *table);

/*
 * Merge one record.  False: the table has reached max_bytes (or there is no
 * memory) and nothing of the record was taken; the caller flushes and adds it
 * again.  A record that needs neither a new entry nor a new bucket is always
 * taken, and a table just cleared takes any one record, whatever max_bytes says.
 */
extern bool call_window_table_add(call_window_table *table, const call_record *record);

extern size_t call_window_table_count(const call_window_table *table);
extern size_t call_window_table_bytes(const call_window_table *table);

/* The index-th entry, in order of first arrival; valid until the next add, clear or destroy. */
extern const call_window *call_window_table_entry(const call_window_table *table, size_t index);

/* Forget all entries and texts; keeps memory for the next batch up to max_bytes. */
extern void call_window_table_clear(call_window_table *table);

#endif /* TOPOLOGY_CALL_WINDOW_H */
