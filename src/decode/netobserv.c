/*
 * netobserv.c
 *		Flow logs of the Network Observability operator (NetObserv), JSON.
 *
 * The agent sets one bit of Flags for each kind of packet that it saw: SYN only
 * for a SYN without ACK, SYN_ACK for the answer.  So either says who opened the
 * connection, and a SYN that this record is of its opening.
 */
#include "decode/netobserv.h"

#include "decode/flow_sides.h"
#include "decode/json_fields.h"
#include "decode/lines.h"

#include <string.h>

#define FLAG_SYN     0x002
#define FLAG_SYN_ACK 0x100

#define NS_PER_MS INT64_C(1000000)

enum
{
	HAS_SOURCE = 1 << 0,
	HAS_DESTINATION = 1 << 1,
	HAS_PROTOCOL = 1 << 2,
	HAS_START = 1 << 3,
	HAS_END = 1 << 4,
	HAS_DIRECTION = 1 << 5,
	HAS_RECORD_TYPE = 1 << 6
};

typedef struct flow_log
{
	one_way_flow flow;
	int64_t protocol;
	int64_t start_ms;
	int64_t end_ms;
	int64_t direction;
	int64_t flags;
	uint64_t sampling;
	uint64_t rtt_ns;
	flow_text record_type;
	bool duplicate;
} flow_log;

static const json_required required_fields[] = {
	{HAS_SOURCE, "SrcAddr"},        {HAS_DESTINATION, "DstAddr"}, {HAS_PROTOCOL, "Proto"},
	{HAS_START, "TimeFlowStartMs"}, {HAS_END, "TimeFlowEndMs"},
};

static int64_t
flag_of(flow_text name)
{
	if (decode_text_is(name, "SYN"))
		return FLAG_SYN;
	return decode_text_is(name, "SYN_ACK") ? FLAG_SYN_ACK : 0;
}

static bool
read_flags(json_decoder *decoder, const json_field *field, json_event event)
{
	int64_t *flags = json_field_place(decoder, field);

	if (event.kind == JSON_KIND_NUMBER)
		return decode_integer(json_text(event), 0, UINT32_MAX, flags) ||
			   json_field_refuse(decoder, field);
	if (event.kind != JSON_KIND_ARRAY_START)
		return json_field_refuse(decoder, field);
	*flags = 0;
	while ((event = json_reader_next(decoder->reader)).kind == JSON_KIND_STRING)
		*flags |= flag_of(json_text(event));
	if (event.kind == JSON_KIND_ARRAY_END)
		return true;
	return event.kind != JSON_KIND_ERROR && json_field_refuse(decoder, field);
}

#define FIELD(name, type, member, bit) JSON_FIELD("", name, type, flow_log, member, bit)

static const json_field log_fields[] = {
	FIELD("SrcAddr", JSON_FIELD_ADDRESS, flow.source.address, HAS_SOURCE),
	FIELD("SrcPort", JSON_FIELD_PORT, flow.source.port, 0),
	FIELD("DstAddr", JSON_FIELD_ADDRESS, flow.destination.address, HAS_DESTINATION),
	FIELD("DstPort", JSON_FIELD_PORT, flow.destination.port, 0),
	FIELD("Proto", JSON_FIELD_INTEGER, protocol, HAS_PROTOCOL),
	FIELD("TimeFlowStartMs", JSON_FIELD_INTEGER, start_ms, HAS_START),
	FIELD("TimeFlowEndMs", JSON_FIELD_INTEGER, end_ms, HAS_END),
	FIELD("FlowDirection", JSON_FIELD_INTEGER, direction, HAS_DIRECTION),
	JSON_FIELD_OF_READER("", "Flags", read_flags, "must be a number or names of TCP flags",
						 flow_log, flags, 0),
	FIELD("Bytes", JSON_FIELD_COUNTER, flow.bytes, 0),
	FIELD("Packets", JSON_FIELD_COUNTER, flow.packets, 0),
	FIELD("Sampling", JSON_FIELD_COUNTER, sampling, 0),
	FIELD("TimeFlowRttNs", JSON_FIELD_COUNTER, rtt_ns, 0),
	FIELD("SrcK8S_OwnerName", JSON_FIELD_TEXT, flow.source.workload, 0),
	FIELD("SrcK8S_Namespace", JSON_FIELD_TEXT, flow.source.namespace, 0),
	FIELD("SrcK8S_Name", JSON_FIELD_TEXT, flow.source.instance, 0),
	FIELD("SrcK8S_HostName", JSON_FIELD_TEXT, flow.source.host, 0),
	FIELD("SrcK8S_Zone", JSON_FIELD_TEXT, flow.source.region, 0),
	FIELD("DstK8S_OwnerName", JSON_FIELD_TEXT, flow.destination.workload, 0),
	FIELD("DstK8S_Namespace", JSON_FIELD_TEXT, flow.destination.namespace, 0),
	FIELD("DstK8S_Name", JSON_FIELD_TEXT, flow.destination.instance, 0),
	FIELD("DstK8S_HostName", JSON_FIELD_TEXT, flow.destination.host, 0),
	FIELD("DstK8S_Zone", JSON_FIELD_TEXT, flow.destination.region, 0),
	FIELD("XlatSrcAddr", JSON_FIELD_ADDRESS, flow.source.translated, 0),
	FIELD("XlatSrcPort", JSON_FIELD_PORT, flow.source.translated_port, 0),
	FIELD("XlatDstAddr", JSON_FIELD_ADDRESS, flow.destination.translated, 0),
	FIELD("XlatDstPort", JSON_FIELD_PORT, flow.destination.translated_port, 0),
	FIELD("_RecordType", JSON_FIELD_STRING, record_type, HAS_RECORD_TYPE),
	FIELD("Duplicate", JSON_FIELD_BOOLEAN, duplicate, 0),
};

static const json_object log_object = JSON_OBJECT(log_fields);

typedef struct log_decoder
{
	json_reader *reader;
	decode_flow_sink sink;
	void *sink_context;
} log_decoder;

static bool
is_passed_over(const flow_log *log, uint32_t has)
{
	if (log->duplicate)
		return true;
	if ((has & HAS_RECORD_TYPE) && !decode_text_is(log->record_type, "flowLog"))
		return true;
	return (has & HAS_PROTOCOL) && log->protocol != FLOW_PROTOCOL_TCP &&
		   log->protocol != FLOW_PROTOCOL_UDP;
}

static bool
set_time(int64_t *ns, int64_t ms, const char *path, decode_error *error)
{
	if (!__builtin_mul_overflow(ms, NS_PER_MS, ns))
		return true;
	decode_error_set(error, path, "is out of range");
	return false;
}

static bool
set_direction(flow_log *log, uint32_t has, decode_error *error)
{
	if (!(has & HAS_DIRECTION))
		return true;
	if (log->direction < 0 || log->direction > 2)
	{
		decode_error_set(error, "FlowDirection", "must be 0, 1 or 2");
		return false;
	}
	log->flow.observed = log->direction == 0 ? FLOW_SIDE_DESTINATION : FLOW_SIDE_SOURCE;
	return true;
}

/* What was seen of a sample, for all of it; stops at FLOW_COUNTER_MAX. */
static uint64_t
scaled(uint64_t seen, uint64_t sampling)
{
	uint64_t all;

	if (sampling < 2)
		return seen;
	return __builtin_mul_overflow(seen, sampling, &all) || all > FLOW_COUNTER_MAX ? FLOW_COUNTER_MAX
																				  : all;
}

static void
set_traffic(flow_log *log)
{
	one_way_flow *flow = &log->flow;

	if (log->flags & FLAG_SYN_ACK)
		flow->opener = FLOW_SIDE_DESTINATION;
	else if (log->flags & FLAG_SYN)
		flow->opener = FLOW_SIDE_SOURCE;
	flow->connections = scaled(flow->opener == FLOW_SIDE_SOURCE, log->sampling);
	flow->bytes = scaled(flow->bytes, log->sampling);
	flow->packets = scaled(flow->packets, log->sampling);
	flow->rtt_us = log->rtt_ns / 1000;
}

static bool
settle(flow_log *log, uint32_t has, decode_error *error)
{
	one_way_flow *flow = &log->flow;

	if (!set_time(&flow->start_ns, log->start_ms, "TimeFlowStartMs", error) ||
		!set_time(&flow->end_ns, log->end_ms, "TimeFlowEndMs", error) ||
		!set_direction(log, has, error))
		return false;
	if (flow->end_ns < flow->start_ns)
	{
		decode_error_set(error, "TimeFlowEndMs", "must not be before TimeFlowStartMs");
		return false;
	}
	flow->protocol = (uint8_t) log->protocol;
	set_traffic(log);
	return true;
}

static int
take_line(void *context, const char *line, size_t length, decode_error *error)
{
	log_decoder *logs = context;
	flow_log log;
	json_decoder decoder = {.reader = logs->reader, .error = error, .record = &log};
	flow_sides_room room;
	flow_record record;

	memset(&log, 0, sizeof(log));
	if (!json_fields_read_text(&decoder, &log_object, line, length))
		return -1;
	if (is_passed_over(&log, decoder.has))
		return 0;
	if (!json_fields_require(&decoder, required_fields,
							 sizeof(required_fields) / sizeof(required_fields[0])) ||
		!settle(&log, decoder.has, error))
		return -1;
	record = flow_sides_record(&log.flow, &room);
	return decode_hand_flow(logs->sink, logs->sink_context, &record, error) ? 1 : -1;
}

int64_t
decode_netobserv(const char *payload, size_t length, decode_flow_sink sink, void *sink_context,
				 decode_error *error)
{
	log_decoder logs = {json_reader_create(), sink, sink_context};
	int64_t taken = decode_lines(payload, length, take_line, &logs, error);

	json_reader_destroy(logs.reader);
	return taken;
}
