/*
 * flow_json.c
 *		The native flow record, JSON: one a message, or one a line.
 *
 * A record is filled in place, so a line costs no memory of its own.
 */
#include "decode/flow_json.h"

#include "decode/json_fields.h"
#include "decode/lines.h"

#include <string.h>

enum
{
	HAS_START = 1 << 0,
	HAS_END = 1 << 1,
	HAS_PROTOCOL = 1 << 2,
	HAS_LOCAL = 1 << 3,
	HAS_PEER = 1 << 4,
	HAS_LOCAL_OBJECT = 1 << 5,
	HAS_PEER_OBJECT = 1 << 6,
	HAS_NAT_OBJECT = 1 << 7
};

static const json_required required_fields[] = {
	{HAS_START, "start"},    {HAS_END, "end"},      {HAS_PROTOCOL, "proto"},
	{HAS_LOCAL, "local.ip"}, {HAS_PEER, "peer.ip"},
};

#define FIELD_IN(prefix, name, type, member, bit)                                                  \
	JSON_FIELD(prefix, name, type, flow_record, member, bit)
#define FIELD(name, type, member, bit) FIELD_IN("", name, type, member, bit)

static const json_field local_fields[] = {
	FIELD_IN("local.", "ip", JSON_FIELD_ADDRESS, local, HAS_LOCAL),
	FIELD_IN("local.", "port", JSON_FIELD_PORT, local_port, 0),
	FIELD_IN("local.", "app", JSON_FIELD_TEXT, app, 0),
	FIELD_IN("local.", "cluster", JSON_FIELD_TEXT, cluster, 0),
	FIELD_IN("local.", "instance", JSON_FIELD_TEXT, instance, 0),
};

static const json_field peer_fields[] = {
	FIELD_IN("peer.", "ip", JSON_FIELD_ADDRESS, peer, HAS_PEER),
	FIELD_IN("peer.", "port", JSON_FIELD_PORT, peer_port, 0),
};

static const json_field nat_fields[] = {
	FIELD_IN("nat.", "local_ip", JSON_FIELD_ADDRESS, nat_local, 0),
	FIELD_IN("nat.", "local_port", JSON_FIELD_PORT, nat_local_port, 0),
	FIELD_IN("nat.", "peer_ip", JSON_FIELD_ADDRESS, nat_peer, 0),
	FIELD_IN("nat.", "peer_port", JSON_FIELD_PORT, nat_peer_port, 0),
};

static const json_object local_object = JSON_OBJECT(local_fields);
static const json_object peer_object = JSON_OBJECT(peer_fields);
static const json_object nat_object = JSON_OBJECT(nat_fields);

static const json_field record_fields[] = {
	FIELD("host", JSON_FIELD_TEXT, host, 0),
	FIELD("start", JSON_FIELD_TIME, start_ns, HAS_START),
	FIELD("end", JSON_FIELD_TIME, end_ns, HAS_END),
	FIELD("proto", JSON_FIELD_PROTOCOL, protocol, HAS_PROTOCOL),
	FIELD("role", JSON_FIELD_ROLE, role, 0),
	JSON_FIELD_OF_OBJECT("", "local", local_object, HAS_LOCAL_OBJECT),
	JSON_FIELD_OF_OBJECT("", "peer", peer_object, HAS_PEER_OBJECT),
	JSON_FIELD_OF_OBJECT("", "nat", nat_object, HAS_NAT_OBJECT),
	FIELD("tx_bytes", JSON_FIELD_COUNTER, counters.tx_bytes, 0),
	FIELD("rx_bytes", JSON_FIELD_COUNTER, counters.rx_bytes, 0),
	FIELD("tx_packets", JSON_FIELD_COUNTER, counters.tx_packets, 0),
	FIELD("rx_packets", JSON_FIELD_COUNTER, counters.rx_packets, 0),
	FIELD("retransmits", JSON_FIELD_COUNTER, counters.retransmits, 0),
	FIELD("rtt_us", JSON_FIELD_COUNTER, counters.rtt_sum_us, 0),
	FIELD("rtt_samples", JSON_FIELD_COUNTER, counters.rtt_samples, 0),
	FIELD("connections", JSON_FIELD_COUNTER, counters.connections, 0),
	FIELD("failed", JSON_FIELD_COUNTER, counters.failed, 0),
	FIELD("region", JSON_FIELD_TEXT, region, 0),
	FIELD("scope", JSON_FIELD_TEXT, scope, 0),
};

static const json_object record_object = JSON_OBJECT(record_fields);

typedef struct flow_decoder
{
	json_reader *reader;
	decode_flow_sink sink;
	void *sink_context;
} flow_decoder;

static bool
check_record(json_decoder *decoder, const flow_record *record)
{
	if (!json_fields_require(decoder, required_fields,
							 sizeof(required_fields) / sizeof(required_fields[0])))
		return false;
	if (record->end_ns < record->start_ns)
	{
		decode_error_set(decoder->error, "end", "must not be before start");
		return false;
	}
	return true;
}

/* What a forwarder tells of is the translation. */
static bool
check_forwarder(json_decoder *decoder, const flow_record *record)
{
	if (record->role != FLOW_ROLE_FORWARDER || record->nat_local.family != 0 ||
		record->nat_peer.family != 0)
		return true;
	decode_error_set(decoder->error, "nat", "must say what a forwarder made of the connection");
	return false;
}

static int
take_line(void *context, const char *line, size_t length, decode_error *error)
{
	flow_decoder *flows = context;
	flow_record record;
	json_decoder decoder = {.reader = flows->reader, .error = error, .record = &record};

	memset(&record, 0, sizeof(record));
	if (!json_fields_read_text(&decoder, &record_object, line, length) ||
		!check_record(&decoder, &record))
		return -1;
	if (record.counters.rtt_samples == 0)
		record.counters.rtt_samples = record.counters.rtt_sum_us > 0;
	flow_record_settle_translation(&record);
	if (!check_forwarder(&decoder, &record))
		return -1;
	return decode_hand_flow(flows->sink, flows->sink_context, &record, error) ? 1 : -1;
}

int64_t
decode_flow_json(const char *payload, size_t length, decode_flow_sink sink, void *sink_context,
				 decode_error *error)
{
	flow_decoder flows = {json_reader_create(), sink, sink_context};
	int64_t taken = decode_lines(payload, length, take_line, &flows, error);

	json_reader_destroy(flows.reader);
	return taken;
}
