/*
 * windows.c
 *		A table of windows and a record to put into it.
 */
#include "windows.h"

flow_record
sample_record(void)
{
	return (flow_record){
		.start_ns = 3 * WINDOW_NS + 5,
		.end_ns = 3 * WINDOW_NS + 9,
		.protocol = FLOW_PROTOCOL_TCP,
		.role = FLOW_ROLE_CLIENT,
		.local = address_of("10.0.0.7"),
		.peer = address_of("10.0.1.9"),
		.local_port = 43210,
		.peer_port = 6379,
		.nat_local = address_of("192.0.2.1"),
		.nat_local_port = 1024,
		.nat_peer = address_of("192.0.2.2"),
		.nat_peer_port = 7000,
		.host = text_of("h1"),
		.app = text_of("checkout"),
		.cluster = text_of("checkout-v12"),
		.instance = text_of("checkout-v12-7"),
		.region = text_of("us-east-1"),
		.scope = text_of("vpc-1"),
		.counters = {1, 2, 3, 4, 5, 6, 7, 8, 9},
	};
}

flow_window_table *
new_table(size_t max_bytes)
{
	flow_window_table *table =
		flow_window_table_create(&flow_allocator_malloc, WINDOW_NS, max_bytes);

	assert_non_null(table);
	return table;
}
