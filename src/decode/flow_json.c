/*
 * flow_json.c
 *		The native flow record, JSON: one a message, or one a line.
 *
 * Fields are described by tables; what a field is decides how it is read.  A
 * record is filled in place, so a line costs no memory of its own.
 */
#include "decode/flow_json.h"

#include "decode/json.h"
#include "flow/flow_address.h"

#include <string.h>
#include <strings.h>

typedef enum field_type
{
	FIELD_TIME,
	FIELD_COUNTER,
	FIELD_PORT,
	FIELD_ADDRESS,
	FIELD_TEXT,
	FIELD_PROTOCOL,
	FIELD_ROLE,
	FIELD_OBJECT
} field_type;

/* By field_type: what it takes. */
static const char *const field_demands[] = {
	[FIELD_TIME] = "must be Unix nanoseconds, an integer of 64 bits",
	[FIELD_COUNTER] = "must be an integer between 0 and 9223372036854775807",
	[FIELD_PORT] = "must be an integer between 0 and 65535",
	[FIELD_ADDRESS] = "must be an IPv4 or IPv6 address",
	[FIELD_TEXT] = "must be a string of at most 255 bytes",
	[FIELD_PROTOCOL] = "must be \"tcp\" or \"udp\"",
	[FIELD_ROLE] = "must be \"client\" or \"server\"",
	[FIELD_OBJECT] = "must be an object",
};

/* What a record cannot do without, one bit each. */
enum
{
	HAS_START = 1 << 0,
	HAS_END = 1 << 1,
	HAS_PROTOCOL = 1 << 2,
	HAS_LOCAL = 1 << 3,
	HAS_PEER = 1 << 4
};

static const struct
{
	unsigned bit;
	const char *path;
} required_fields[] = {
	{HAS_START, "start"},    {HAS_END, "end"},      {HAS_PROTOCOL, "proto"},
	{HAS_LOCAL, "local.ip"}, {HAS_PEER, "peer.ip"},
};

typedef struct flow_field
{
	const char *path; /* its name, after the names of the objects around it */
	uint8_t name_at;
	uint8_t name_length;
	uint8_t type;
	uint8_t bit;     /* HAS_* or 0 */
	uint16_t offset; /* in flow_record */
	const struct flow_object *members;
} flow_field;

typedef struct flow_object
{
	const flow_field *fields;
	size_t count;
} flow_object;

#define FIELD_IN(prefix, name, type, member, bit)                                                  \
	{                                                                                              \
		prefix name, sizeof(prefix) - 1, sizeof(name) - 1, type, bit,                              \
			offsetof(flow_record, member), NULL                                                    \
	}
#define FIELD(name, type, member, bit) FIELD_IN("", name, type, member, bit)
#define OBJECT_FIELD(name, members)                                                                \
	{                                                                                              \
		name, 0, sizeof(name) - 1, FIELD_OBJECT, 0, 0, &members                                    \
	}
#define OBJECT(fields)                                                                             \
	{                                                                                              \
		fields, sizeof(fields) / sizeof(fields[0])                                                 \
	}

static const flow_field local_fields[] = {
	FIELD_IN("local.", "ip", FIELD_ADDRESS, local, HAS_LOCAL),
	FIELD_IN("local.", "port", FIELD_PORT, local_port, 0),
	FIELD_IN("local.", "app", FIELD_TEXT, app, 0),
	FIELD_IN("local.", "cluster", FIELD_TEXT, cluster, 0),
	FIELD_IN("local.", "instance", FIELD_TEXT, instance, 0),
};

static const flow_field peer_fields[] = {
	FIELD_IN("peer.", "ip", FIELD_ADDRESS, peer, HAS_PEER),
	FIELD_IN("peer.", "port", FIELD_PORT, peer_port, 0),
};

static const flow_field nat_fields[] = {
	FIELD_IN("nat.", "local_ip", FIELD_ADDRESS, nat_local, 0),
	FIELD_IN("nat.", "local_port", FIELD_PORT, nat_local_port, 0),
	FIELD_IN("nat.", "peer_ip", FIELD_ADDRESS, nat_peer, 0),
	FIELD_IN("nat.", "peer_port", FIELD_PORT, nat_peer_port, 0),
};

static const flow_object local_object = OBJECT(local_fields);
static const flow_object peer_object = OBJECT(peer_fields);
static const flow_object nat_object = OBJECT(nat_fields);

static const flow_field record_fields[] = {
	FIELD("host", FIELD_TEXT, host, 0),
	FIELD("start", FIELD_TIME, start_ns, HAS_START),
	FIELD("end", FIELD_TIME, end_ns, HAS_END),
	FIELD("proto", FIELD_PROTOCOL, protocol, HAS_PROTOCOL),
	FIELD("role", FIELD_ROLE, role, 0),
	OBJECT_FIELD("local", local_object),
	OBJECT_FIELD("peer", peer_object),
	OBJECT_FIELD("nat", nat_object),
	FIELD("tx_bytes", FIELD_COUNTER, counters.tx_bytes, 0),
	FIELD("rx_bytes", FIELD_COUNTER, counters.rx_bytes, 0),
	FIELD("tx_packets", FIELD_COUNTER, counters.tx_packets, 0),
	FIELD("rx_packets", FIELD_COUNTER, counters.rx_packets, 0),
	FIELD("retransmits", FIELD_COUNTER, counters.retransmits, 0),
	FIELD("rtt_us", FIELD_COUNTER, counters.rtt_sum_us, 0),
	FIELD("connections", FIELD_COUNTER, counters.connections, 0),
	FIELD("failed", FIELD_COUNTER, counters.failed, 0),
	FIELD("region", FIELD_TEXT, region, 0),
	FIELD("scope", FIELD_TEXT, scope, 0),
};

static const flow_object record_object = OBJECT(record_fields);

typedef struct flow_decoder
{
	json_reader *reader;
	decode_error *error;
	flow_record record;
	unsigned has; /* HAS_* */
} flow_decoder;

static void *
place_of(flow_decoder *decoder, const flow_field *field)
{
	return (char *) &decoder->record + field->offset;
}

/*
 * The field of a name.  *guess is where to look first and becomes the place after
 * it: a producer writes its fields in one order.
 */
static const flow_field *
find_field(const flow_object *object, flow_text name, size_t *guess)
{
	size_t at = *guess;

	for (size_t tried = 0; tried < object->count; tried++)
	{
		const flow_field *field = &object->fields[at];

		at = at + 1 < object->count ? at + 1 : 0;
		if (field->name_length == name.length &&
			memcmp(field->path + field->name_at, name.data, name.length) == 0)
		{
			*guess = at;
			return field;
		}
	}
	return NULL;
}

static bool
text_is(flow_text text, const char *word)
{
	return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

/* Make a field what it is in a record that does not have it. */
static void
clear_field(flow_decoder *decoder, const flow_field *field)
{
	static const size_t sizes[] = {
		[FIELD_TIME] = sizeof(int64_t),   [FIELD_COUNTER] = sizeof(uint64_t),
		[FIELD_PORT] = sizeof(uint16_t),  [FIELD_ADDRESS] = sizeof(flow_address),
		[FIELD_TEXT] = sizeof(flow_text), [FIELD_PROTOCOL] = sizeof(uint8_t),
		[FIELD_ROLE] = sizeof(uint8_t),
	};

	decoder->has &= ~(unsigned) field->bit;
	if (field->type != FIELD_OBJECT)
	{
		memset(place_of(decoder, field), 0, sizes[field->type]);
		return;
	}
	for (size_t i = 0; i < field->members->count; i++)
		clear_field(decoder, &field->members->fields[i]);
}

static bool
set_integer(flow_decoder *decoder, const flow_field *field, flow_text text)
{
	void *place = place_of(decoder, field);
	int64_t value;

	switch (field->type)
	{
		case FIELD_TIME:
			return decode_integer(text, INT64_MIN, INT64_MAX, place);
		case FIELD_COUNTER:
			if (!decode_integer(text, 0, (int64_t) FLOW_COUNTER_MAX, &value))
				return false;
			*(uint64_t *) place = (uint64_t) value;
			return true;
		default:
			if (!decode_integer(text, 0, UINT16_MAX, &value))
				return false;
			*(uint16_t *) place = (uint16_t) value;
			return true;
	}
}

static bool
set_text(flow_decoder *decoder, const flow_field *field, flow_text text)
{
	if (text.length > FLOW_JSON_MAX_TEXT)
		return false;
	*(flow_text *) place_of(decoder, field) = text.length > 0 ? text : (flow_text){NULL, 0};
	return true;
}

static bool
set_protocol(flow_decoder *decoder, json_event event)
{
	bool number = event.kind == JSON_KIND_NUMBER;

	if (text_is(event.text, number ? "6" : "tcp"))
		decoder->record.protocol = FLOW_PROTOCOL_TCP;
	else if (text_is(event.text, number ? "17" : "udp"))
		decoder->record.protocol = FLOW_PROTOCOL_UDP;
	else
		return false;
	return true;
}

static bool
set_role(flow_decoder *decoder, flow_text text)
{
	if (text_is(text, "client"))
		decoder->record.role = FLOW_ROLE_CLIENT;
	else if (text_is(text, "server"))
		decoder->record.role = FLOW_ROLE_SERVER;
	else
		return false;
	return true;
}

/* Set a field that is no object from a string or number. */
static bool
set_scalar(flow_decoder *decoder, const flow_field *field, json_event event)
{
	bool string = event.kind == JSON_KIND_STRING;

	if (!string && event.kind != JSON_KIND_NUMBER)
		return false;
	switch ((field_type) field->type)
	{
		case FIELD_TIME:
		case FIELD_COUNTER:
		case FIELD_PORT:
			return set_integer(decoder, field, event.text);
		case FIELD_ADDRESS:
			return string &&
				   flow_address_parse(event.text.data, event.text.length, place_of(decoder, field));
		case FIELD_TEXT:
			return string && set_text(decoder, field, event.text);
		case FIELD_PROTOCOL:
			return set_protocol(decoder, event);
		case FIELD_ROLE:
			return string && set_role(decoder, event.text);
		case FIELD_OBJECT:
			break;
	}
	return false;
}

static bool read_object(flow_decoder *decoder, const flow_object *object);

/* Read the value of field, which begins with event. */
static bool
read_value(flow_decoder *decoder, const flow_field *field, json_event event)
{
	if (event.kind == JSON_KIND_ERROR)
		return false;
	if (event.kind == JSON_KIND_NULL || field->type == FIELD_OBJECT)
		clear_field(decoder, field);
	if (event.kind == JSON_KIND_NULL)
		return true;
	if (field->type == FIELD_OBJECT && event.kind == JSON_KIND_OBJECT_START)
		return read_object(decoder, field->members);
	if (!set_scalar(decoder, field, event))
	{
		decode_error_set(decoder->error, field->path, "%s", field_demands[field->type]);
		return false;
	}
	decoder->has |= field->bit;
	return true;
}

/* Read the members of an object whose start has been read, and its end. */
static bool
read_object(flow_decoder *decoder, const flow_object *object)
{
	size_t guess = 0;

	for (;;)
	{
		json_event event = json_reader_next(decoder->reader);
		const flow_field *field;

		if (event.kind != JSON_KIND_FIELD)
			return event.kind == JSON_KIND_OBJECT_END;
		field = find_field(object, event.text, &guess);
		event = json_reader_next(decoder->reader);
		if (field == NULL ? !json_reader_skip(decoder->reader, event)
						  : !read_value(decoder, field, event))
			return false;
	}
}

static bool
check_record(flow_decoder *decoder)
{
	for (size_t i = 0; i < sizeof(required_fields) / sizeof(required_fields[0]); i++)
	{
		if (decoder->has & required_fields[i].bit)
			continue;
		decode_error_set(decoder->error, required_fields[i].path, "is required");
		return false;
	}
	if (decoder->record.end_ns < decoder->record.start_ns)
	{
		decode_error_set(decoder->error, "end", "must not be before start");
		return false;
	}
	return true;
}

/* Complete one end's translation from what is not translated, or drop it if all is the same. */
static void
settle_translation(flow_address *translated, uint16_t *translated_port, const flow_address *address,
				   uint16_t port)
{
	if (translated->family == 0 && *translated_port == 0)
		return;
	if (translated->family == 0)
		*translated = *address;
	if (*translated_port == 0)
		*translated_port = port;
	if (*translated_port == port && flow_address_compare(translated, address) == 0)
	{
		memset(translated, 0, sizeof(*translated));
		*translated_port = 0;
	}
}

static void
complete_record(flow_record *record)
{
	record->counters.rtt_samples = record->counters.rtt_sum_us > 0;
	settle_translation(&record->nat_local, &record->nat_local_port, &record->local,
					   record->local_port);
	settle_translation(&record->nat_peer, &record->nat_peer_port, &record->peer, record->peer_port);
}

static bool
read_record(flow_decoder *decoder, const char *line, size_t length)
{
	json_event event;

	memset(&decoder->record, 0, sizeof(decoder->record));
	decoder->has = 0;
	if (!json_reader_begin(decoder->reader, line, length, decoder->error))
		return false;
	event = json_reader_next(decoder->reader);
	if (event.kind == JSON_KIND_ERROR)
		return false;
	if (event.kind != JSON_KIND_OBJECT_START)
	{
		decode_error_set(decoder->error, NULL, "must be a JSON object");
		return false;
	}
	if (!read_object(decoder, &record_object) ||
		json_reader_next(decoder->reader).kind != JSON_KIND_END || !check_record(decoder))
		return false;
	complete_record(&decoder->record);
	return true;
}

static bool
is_blank(const char *line, size_t length)
{
	while (length > 0 && (*line == ' ' || *line == '\t' || *line == '\r'))
	{
		line++;
		length--;
	}
	return length == 0;
}

/* Decode a line that is not blank and hand its record on. */
static bool
take_line(flow_decoder *decoder, const char *line, size_t length, decode_flow_sink sink,
		  void *sink_context)
{
	if (length > FLOW_JSON_MAX_LINE)
	{
		decode_error_set(decoder->error, NULL, "longer than %zu bytes", FLOW_JSON_MAX_LINE);
		return false;
	}
	if (!read_record(decoder, line, length))
		return false;
	if (sink(sink_context, &decoder->record, decoder->error))
		return true;
	if (decoder->error->message[0] == '\0')
		decode_error_set(decoder->error, NULL, "record refused");
	return false;
}

/* decode_flow_json with a reader. */
static int64_t
take_lines(flow_decoder *decoder, const char *payload, size_t length, decode_flow_sink sink,
		   void *sink_context)
{
	const char *end = payload + length;
	int64_t line_number = 0;
	int64_t taken = 0;

	for (const char *line = payload, *next; line < end; line = next)
	{
		const char *newline = memchr(line, '\n', (size_t) (end - line));
		const char *line_end = newline != NULL ? newline : end;

		next = newline != NULL ? newline + 1 : end;
		line_number++;
		if (line_end > line && line_end[-1] == '\r')
			line_end--;
		if (is_blank(line, (size_t) (line_end - line)))
			continue;
		if (!take_line(decoder, line, (size_t) (line_end - line), sink, sink_context))
		{
			decoder->error->line = line_number;
			return -1;
		}
		taken++;
	}
	return taken;
}

int64_t
decode_flow_json(const char *payload, size_t length, decode_flow_sink sink, void *sink_context,
				 decode_error *error)
{
	flow_decoder decoder = {.reader = json_reader_create(), .error = error};
	int64_t taken;

	memset(error, 0, sizeof(*error));
	taken = take_lines(&decoder, payload, length, sink, sink_context);
	json_reader_destroy(decoder.reader);
	return taken;
}
