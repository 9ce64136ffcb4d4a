/*
 * flow_to_json.c
 *		The native flow record as JSON.
 *
 * Owns no memory.  About 1 us a record.
 */
#include "encode/flow_to_json.h"

#include "encode/json_writer.h"
#include "flow/flow_address.h"

#include <string.h>

static void
write_text(json_writer *writer, const char *name, flow_text text)
{
	if (text.length > 0)
		json_write_text(writer, name, text);
}

static void
write_literal(json_writer *writer, const char *name, const char *literal)
{
	json_write_text(writer, name, (flow_text){literal, (uint32_t) strlen(literal)});
}

static void
write_counter(json_writer *writer, const char *name, uint64_t counter)
{
	if (counter > 0)
		json_write_integer(writer, name, (int64_t) counter);
}

static void
write_address(json_writer *writer, const char *name, const flow_address *address)
{
	char text[FLOW_ADDRESS_TEXT_SIZE];

	if (flow_address_format(address, text) > 0)
		write_literal(writer, name, text);
}

static void
write_local(json_writer *writer, const flow_record *record)
{
	json_write_open(writer, "local");
	write_address(writer, "ip", &record->local);
	write_counter(writer, "port", record->local_port);
	write_text(writer, "app", record->app);
	write_text(writer, "cluster", record->cluster);
	write_text(writer, "instance", record->instance);
	json_write_close(writer);
}

static void
write_peer(json_writer *writer, const flow_record *record)
{
	json_write_open(writer, "peer");
	write_address(writer, "ip", &record->peer);
	write_counter(writer, "port", record->peer_port);
	json_write_close(writer);
}

static void
write_translation(json_writer *writer, const flow_record *record)
{
	if (record->nat_local.family == 0 && record->nat_peer.family == 0)
		return;
	json_write_open(writer, "nat");
	write_address(writer, "local_ip", &record->nat_local);
	write_counter(writer, "local_port", record->nat_local_port);
	write_address(writer, "peer_ip", &record->nat_peer);
	write_counter(writer, "peer_port", record->nat_peer_port);
	json_write_close(writer);
}

static void
write_counters(json_writer *writer, const flow_counters *counters)
{
	write_counter(writer, "tx_bytes", counters->tx_bytes);
	write_counter(writer, "rx_bytes", counters->rx_bytes);
	write_counter(writer, "tx_packets", counters->tx_packets);
	write_counter(writer, "rx_packets", counters->rx_packets);
	write_counter(writer, "retransmits", counters->retransmits);
	write_counter(writer, "rtt_us", counters->rtt_sum_us);
	write_counter(writer, "rtt_samples", counters->rtt_samples);
	write_counter(writer, "connections", counters->connections);
	write_counter(writer, "failed", counters->failed);
}

/* By flow_role; NULL: not told. */
static const char *const role_names[] = {
	[FLOW_ROLE_UNKNOWN] = NULL,
	[FLOW_ROLE_CLIENT] = "client",
	[FLOW_ROLE_SERVER] = "server",
	[FLOW_ROLE_FORWARDER] = "forwarder",
};

size_t
encode_flow_json(const flow_record *record, char *buffer, size_t size)
{
	json_writer writer = {.buffer = buffer, .size = size};

	json_write_open(&writer, NULL);
	write_text(&writer, "host", record->host);
	json_write_integer(&writer, "start", record->start_ns);
	json_write_integer(&writer, "end", record->end_ns);
	write_literal(&writer, "proto", record->protocol == FLOW_PROTOCOL_UDP ? "udp" : "tcp");
	if (role_names[record->role] != NULL)
		write_literal(&writer, "role", role_names[record->role]);
	write_local(&writer, record);
	write_peer(&writer, record);
	write_translation(&writer, record);
	write_counters(&writer, &record->counters);
	write_text(&writer, "region", record->region);
	write_text(&writer, "scope", record->scope);
	json_write_close(&writer);
	return writer.length;
}
