/*
 * flow_sides.c
 *		Flows from a source to a destination, as flow records of a local end.
 *
 * Owns no memory.
 */
#include "decode/flow_sides.h"

#include "decode/join.h"

static bool
source_is_local(const one_way_flow *flow)
{
	if (flow->observed != FLOW_SIDE_UNKNOWN)
		return flow->observed == FLOW_SIDE_SOURCE;
	if (flow->opener != FLOW_SIDE_UNKNOWN)
		return flow->opener == FLOW_SIDE_SOURCE;
	return flow->source.port >= flow->destination.port;
}

static uint8_t
role_of_local(const one_way_flow *flow, bool source)
{
	if (flow->opener == FLOW_SIDE_UNKNOWN)
		return FLOW_ROLE_UNKNOWN;
	return (flow->opener == FLOW_SIDE_SOURCE) == source ? FLOW_ROLE_CLIENT : FLOW_ROLE_SERVER;
}

static void
set_counters(flow_counters *counters, const one_way_flow *flow, bool source)
{
	*(source ? &counters->tx_bytes : &counters->rx_bytes) = flow->bytes;
	*(source ? &counters->tx_packets : &counters->rx_packets) = flow->packets;
	counters->connections = flow->connections;
	counters->failed = flow->failed;
	counters->rtt_sum_us = flow->rtt_us;
	counters->rtt_samples = flow->rtt_us > 0;
}

static void
set_names(flow_record *record, const flow_end *local, flow_sides_room *room)
{
	record->app = local->workload;
	record->instance = local->instance;
	if (local->workload.data != NULL && local->namespace.data != NULL)
		record->cluster =
			decode_join(local->namespace, "/", local->workload, room->cluster, DECODE_MAX_TEXT);
}

flow_record
flow_sides_record(const one_way_flow *flow, flow_sides_room *room)
{
	bool source = source_is_local(flow);
	const flow_end *local = source ? &flow->source : &flow->destination;
	const flow_end *peer = source ? &flow->destination : &flow->source;
	flow_record record = {
		.start_ns = flow->start_ns,
		.end_ns = flow->end_ns,
		.protocol = flow->protocol,
		.role = role_of_local(flow, source),
		.local = local->address,
		.local_port = local->port,
		.peer = peer->address,
		.peer_port = peer->port,
		.nat_local = local->translated,
		.nat_local_port = local->translated_port,
		.nat_peer = peer->translated,
		.nat_peer_port = peer->translated_port,
		.host = local->host,
		.region = local->region,
		.scope = flow->scope,
	};

	set_counters(&record.counters, flow, source);
	set_names(&record, local, room);
	flow_record_settle_translation(&record);
	return record;
}
