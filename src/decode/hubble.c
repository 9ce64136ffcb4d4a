/*
 * hubble.c
 *		Flows of Cilium's Hubble, JSON.
 *
 * A flow that stands alone and one within "flow" are read by the same table:
 * what is outside goes to the same places.
 */
#include "decode/hubble.h"

#include "decode/flow_sides.h"
#include "decode/json_fields.h"
#include "decode/lines.h"
#include "decode/time.h"

#include <string.h>

enum
{
	HAS_TIME = 1 << 0,
	HAS_SOURCE = 1 << 1,
	HAS_DESTINATION = 1 << 2,
	HAS_TCP = 1 << 3,
	HAS_UDP = 1 << 4,
	HAS_FLOW = 1 << 5,
	HAS_VERDICT = 1 << 6,
	HAS_OTHER = 1 << 7 /* an event that is no flow */
};

typedef struct hubble_flow
{
	one_way_flow flow;
	flow_text node_name;
	flow_text verdict;
	flow_text type;
	flow_text direction;
	flow_text observation_point;
	bool is_reply;
	bool syn;
	bool ack;
	bool other;
} hubble_flow;

static const json_required required_fields[] = {
	{HAS_TIME, "time"},
	{HAS_SOURCE, "IP.source"},
	{HAS_DESTINATION, "IP.destination"},
};

static bool
read_time(json_decoder *decoder, const json_field *field, json_event event)
{
	hubble_flow *hubble = decoder->record;

	if (event.kind != JSON_KIND_STRING || !decode_time(json_text(event), &hubble->flow.start_ns))
		return json_field_refuse(decoder, field);
	hubble->flow.end_ns = hubble->flow.start_ns;
	return true;
}

/* An address that is "" where there is none. */
static bool
read_translated(json_decoder *decoder, const json_field *field, json_event event)
{
	json_field address = *field;

	address.type = JSON_FIELD_ADDRESS;
	if (event.kind != JSON_KIND_STRING || event.length > 0)
		return json_field_set(decoder, &address, event);
	memset(json_field_place(decoder, field), 0, field->size);
	return true;
}

/* The name of the first workload; of more, the others are told of it too. */
static bool
read_workloads(json_decoder *decoder, const json_field *field, json_event event)
{
	static const json_field name_fields[] = {
		JSON_FIELD("workloads.", "name", JSON_FIELD_TEXT, flow_end, workload, 0),
	};
	static const json_object workload_object = JSON_OBJECT(name_fields);
	flow_end end = {.workload = {NULL, 0}};
	json_decoder names = {.reader = decoder->reader, .error = decoder->error, .record = &end};
	flow_text first = {NULL, 0};

	if (event.kind != JSON_KIND_ARRAY_START)
		return json_field_refuse(decoder, field);
	while ((event = json_reader_next(decoder->reader)).kind == JSON_KIND_OBJECT_START)
	{
		if (!json_fields_read(&names, &workload_object))
			return false;
		if (first.data == NULL)
			first = end.workload;
	}
	if (event.kind == JSON_KIND_ERROR)
		return false;
	if (event.kind != JSON_KIND_ARRAY_END)
		return json_field_refuse(decoder, field);
	*(flow_text *) json_field_place(decoder, field) = first;
	return true;
}

static bool
read_other(json_decoder *decoder, const json_field *field, json_event event)
{
	(void) field;
	return json_reader_skip(decoder->reader, event);
}

#define FIELD_IN(prefix, name, type, member, bit)                                                  \
	JSON_FIELD(prefix, name, type, hubble_flow, member, bit)
#define FIELD(name, type, member, bit) FIELD_IN("", name, type, member, bit)
#define OTHER_EVENT(name)                                                                          \
	JSON_FIELD_OF_READER("", name, read_other, NULL, hubble_flow, other, HAS_OTHER)
#define ADDRESS_DEMAND "must be an IPv4 or IPv6 address"

static const json_field ip_fields[] = {
	FIELD_IN("IP.", "source", JSON_FIELD_ADDRESS, flow.source.address, HAS_SOURCE),
	JSON_FIELD_OF_READER("IP.", "source_xlated", read_translated, ADDRESS_DEMAND, hubble_flow,
						 flow.source.translated, 0),
	FIELD_IN("IP.", "destination", JSON_FIELD_ADDRESS, flow.destination.address, HAS_DESTINATION),
	JSON_FIELD_OF_READER("IP.", "destination_xlated", read_translated, ADDRESS_DEMAND, hubble_flow,
						 flow.destination.translated, 0),
};

static const json_field flag_fields[] = {
	FIELD_IN("l4.TCP.flags.", "SYN", JSON_FIELD_BOOLEAN, syn, 0),
	FIELD_IN("l4.TCP.flags.", "ACK", JSON_FIELD_BOOLEAN, ack, 0),
};
static const json_object flags_object = JSON_OBJECT(flag_fields);

static const json_field tcp_fields[] = {
	FIELD_IN("l4.TCP.", "source_port", JSON_FIELD_PORT, flow.source.port, 0),
	FIELD_IN("l4.TCP.", "destination_port", JSON_FIELD_PORT, flow.destination.port, 0),
	JSON_FIELD_OF_OBJECT("l4.TCP.", "flags", flags_object, 0),
};
static const json_object tcp_object = JSON_OBJECT(tcp_fields);

static const json_field udp_fields[] = {
	FIELD_IN("l4.UDP.", "source_port", JSON_FIELD_PORT, flow.source.port, 0),
	FIELD_IN("l4.UDP.", "destination_port", JSON_FIELD_PORT, flow.destination.port, 0),
};
static const json_object udp_object = JSON_OBJECT(udp_fields);

static const json_field l4_fields[] = {
	JSON_FIELD_OF_OBJECT("l4.", "TCP", tcp_object, HAS_TCP),
	JSON_FIELD_OF_OBJECT("l4.", "UDP", udp_object, HAS_UDP),
};

#define END_FIELDS(name, member)                                                                   \
	FIELD_IN(name ".", "namespace", JSON_FIELD_TEXT, flow.member.namespace, 0),                    \
		FIELD_IN(name ".", "pod_name", JSON_FIELD_TEXT, flow.member.instance, 0),                  \
		JSON_FIELD_OF_READER(name ".", "workloads", read_workloads, "must be an array of objects", \
							 hubble_flow, flow.member.workload, 0)

static const json_field source_fields[] = {END_FIELDS("source", source)};
static const json_field destination_fields[] = {END_FIELDS("destination", destination)};

static const json_object ip_object = JSON_OBJECT(ip_fields);
static const json_object l4_object = JSON_OBJECT(l4_fields);
static const json_object source_object = JSON_OBJECT(source_fields);
static const json_object destination_object = JSON_OBJECT(destination_fields);

#define FLOW_FIELDS                                                                                \
	JSON_FIELD_OF_READER("", "time", read_time, "must be a time after RFC 3339", hubble_flow,      \
						 flow.start_ns, HAS_TIME),                                                 \
		FIELD("verdict", JSON_FIELD_STRING, verdict, HAS_VERDICT),                                 \
		JSON_FIELD_OF_OBJECT("", "IP", ip_object, 0),                                              \
		JSON_FIELD_OF_OBJECT("", "l4", l4_object, 0),                                              \
		JSON_FIELD_OF_OBJECT("", "source", source_object, 0),                                      \
		JSON_FIELD_OF_OBJECT("", "destination", destination_object, 0),                            \
		FIELD("Type", JSON_FIELD_STRING, type, 0),                                                 \
		FIELD("node_name", JSON_FIELD_TEXT, node_name, 0),                                         \
		FIELD("traffic_direction", JSON_FIELD_STRING, direction, 0),                               \
		FIELD("trace_observation_point", JSON_FIELD_STRING, observation_point, 0),                 \
		FIELD("is_reply", JSON_FIELD_BOOLEAN, is_reply, 0)

static const json_field flow_fields[] = {FLOW_FIELDS};
static const json_object flow_object = JSON_OBJECT(flow_fields);

static const json_field line_fields[] = {
	JSON_FIELD_OF_OBJECT("", "flow", flow_object, HAS_FLOW),
	FLOW_FIELDS,
	OTHER_EVENT("lost_events"),
	OTHER_EVENT("node_status"),
	OTHER_EVENT("agent_event"),
	OTHER_EVENT("debug_event"),
};
static const json_object line_object = JSON_OBJECT(line_fields);

typedef struct hubble_decoder
{
	json_reader *reader;
	decode_flow_sink sink;
	void *sink_context;
} hubble_decoder;

static bool
begins_with(flow_text text, const char *word)
{
	size_t length = strlen(word);

	return text.length >= length && memcmp(text.data, word, length) == 0;
}

static bool
has_failed(const hubble_flow *hubble)
{
	return decode_text_is(hubble->verdict, "DROPPED") || decode_text_is(hubble->verdict, "ERROR");
}

static bool
has_passed(const hubble_flow *hubble, uint32_t has)
{
	static const char *const verdicts[] = {"FORWARDED", "REDIRECTED", "AUDIT"};

	if (!(has & HAS_VERDICT))
		return true;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (decode_text_is(hubble->verdict, verdicts[i]))
			return true;
	return false;
}

static bool
is_passed_over(const hubble_flow *hubble, uint32_t has)
{
	if ((has & HAS_OTHER) && !(has & HAS_FLOW))
		return true;
	if (hubble->is_reply || decode_text_is(hubble->type, "L7") ||
		begins_with(hubble->observation_point, "FROM_"))
		return true;
	if (!has_failed(hubble) && !has_passed(hubble, has))
		return true;
	/* An error if there is nothing of a flow at all. */
	return (has & HAS_TIME) &&
		   (!(has & (HAS_TCP | HAS_UDP)) || !(has & (HAS_SOURCE | HAS_DESTINATION)));
}

static void
settle(hubble_flow *hubble, uint32_t has)
{
	one_way_flow *flow = &hubble->flow;

	flow->protocol = has & HAS_TCP ? FLOW_PROTOCOL_TCP : FLOW_PROTOCOL_UDP;
	flow->observed =
		decode_text_is(hubble->direction, "INGRESS") ? FLOW_SIDE_DESTINATION : FLOW_SIDE_SOURCE;
	flow->opener = FLOW_SIDE_SOURCE;
	flow->failed = has_failed(hubble);
	flow->connections = !flow->failed && (has & HAS_TCP) && hubble->syn && !hubble->ack;
	flow->source.host = flow->destination.host = hubble->node_name;
}

static int
take_line(void *context, const char *line, size_t length, decode_error *error)
{
	hubble_decoder *flows = context;
	hubble_flow hubble;
	json_decoder decoder = {.reader = flows->reader, .error = error, .record = &hubble};
	flow_sides_room room;
	flow_record record;

	memset(&hubble, 0, sizeof(hubble));
	if (!json_fields_read_text(&decoder, &line_object, line, length))
		return -1;
	if (is_passed_over(&hubble, decoder.has))
		return 0;
	if (!json_fields_require(&decoder, required_fields,
							 sizeof(required_fields) / sizeof(required_fields[0])))
		return -1;
	settle(&hubble, decoder.has);
	record = flow_sides_record(&hubble.flow, &room);
	return decode_hand_flow(flows->sink, flows->sink_context, &record, error) ? 1 : -1;
}

int64_t
decode_hubble(const char *payload, size_t length, decode_flow_sink sink, void *sink_context,
			  decode_error *error)
{
	hubble_decoder flows = {json_reader_create(), sink, sink_context};
	int64_t taken = decode_lines(payload, length, take_line, &flows, error);

	json_reader_destroy(flows.reader);
	return taken;
}
