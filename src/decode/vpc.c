/*
 * vpc.c
 *		Flow logs of AWS VPCs.
 *
 * A line is cut at its spaces and each field put where the order says.  Texts
 * are those of the line, so that nothing is allocated.
 */
#include "decode/vpc.h"

#include "decode/flow_sides.h"
#include "decode/lines.h"
#include "decode/time.h"
#include "flow/utf8.h"
#include "flow/flow_address.h"

#include <string.h>

#define FLAG_SYN 0x02
#define FLAG_ACK 0x10

/* More than AWS has; the names of a header are kept in as many bytes. */
#define MAX_COLUMNS 64

typedef enum vpc_column
{
	COLUMN_IGNORED,
	COLUMN_SOURCE,
	COLUMN_DESTINATION,
	COLUMN_SOURCE_PORT,
	COLUMN_DESTINATION_PORT,
	COLUMN_PROTOCOL,
	COLUMN_PACKETS,
	COLUMN_BYTES,
	COLUMN_START,
	COLUMN_END,
	COLUMN_ACTION,
	COLUMN_STATUS,
	COLUMN_INTERFACE,
	COLUMN_VPC,
	COLUMN_INSTANCE,
	COLUMN_TCP_FLAGS,
	COLUMN_PACKET_SOURCE,
	COLUMN_PACKET_DESTINATION,
	COLUMN_REGION,
	COLUMN_DIRECTION,
	COLUMN_COUNT
} vpc_column;

/* Every column that is not ignored, by vpc_column. */
static const char *const column_names[COLUMN_COUNT] = {
	[COLUMN_SOURCE] = "srcaddr",
	[COLUMN_DESTINATION] = "dstaddr",
	[COLUMN_SOURCE_PORT] = "srcport",
	[COLUMN_DESTINATION_PORT] = "dstport",
	[COLUMN_PROTOCOL] = "protocol",
	[COLUMN_PACKETS] = "packets",
	[COLUMN_BYTES] = "bytes",
	[COLUMN_START] = "start",
	[COLUMN_END] = "end",
	[COLUMN_ACTION] = "action",
	[COLUMN_STATUS] = "log-status",
	[COLUMN_INTERFACE] = "interface-id",
	[COLUMN_VPC] = "vpc-id",
	[COLUMN_INSTANCE] = "instance-id",
	[COLUMN_TCP_FLAGS] = "tcp-flags",
	[COLUMN_PACKET_SOURCE] = "pkt-srcaddr",
	[COLUMN_PACKET_DESTINATION] = "pkt-dstaddr",
	[COLUMN_REGION] = "region",
	[COLUMN_DIRECTION] = "flow-direction",
};

/* The order of AWS's documentation; each version adds to the one before. */
static const uint8_t documented_order[] = {
	/* 2: version account-id ... */
	COLUMN_IGNORED, COLUMN_IGNORED, COLUMN_INTERFACE, COLUMN_SOURCE, COLUMN_DESTINATION,
	COLUMN_SOURCE_PORT, COLUMN_DESTINATION_PORT, COLUMN_PROTOCOL, COLUMN_PACKETS, COLUMN_BYTES,
	COLUMN_START, COLUMN_END, COLUMN_ACTION, COLUMN_STATUS,
	/* 3: ... subnet-id ... type ... */
	COLUMN_VPC, COLUMN_IGNORED, COLUMN_INSTANCE, COLUMN_TCP_FLAGS, COLUMN_IGNORED,
	COLUMN_PACKET_SOURCE, COLUMN_PACKET_DESTINATION,
	/* 4: ... az-id sublocation-type sublocation-id */
	COLUMN_REGION, COLUMN_IGNORED, COLUMN_IGNORED, COLUMN_IGNORED,
	/* 5: pkt-src-aws-service pkt-dst-aws-service ... traffic-path */
	COLUMN_IGNORED, COLUMN_IGNORED, COLUMN_DIRECTION, COLUMN_IGNORED};

static const uint8_t documented_counts[] = {14, 21, 25, 29};

typedef struct vpc_decoder
{
	decode_flow_sink sink;
	void *sink_context;
	uint8_t order[MAX_COLUMNS]; /* vpc_column of each field */
	size_t count;               /* 0: no header yet */
} vpc_decoder;

/* One line: data NULL where there is none. */
typedef struct vpc_log
{
	flow_text columns[COLUMN_COUNT];
	decode_error *error;
} vpc_log;

/* The fields of a line; more than MAX_COLUMNS: one more than that. */
static size_t
split(const char *line, size_t length, flow_text fields[MAX_COLUMNS])
{
	const char *end = line + length;
	size_t count = 0;

	for (;;)
	{
		const char *start;

		while (line < end && (*line == ' ' || *line == '\t'))
			line++;
		if (line == end)
			return count;
		start = line;
		while (line < end && *line != ' ' && *line != '\t')
			line++;
		if (count == MAX_COLUMNS)
			return count + 1;
		fields[count++] = (flow_text){start, (uint32_t) (line - start)};
	}
}

/* A name of a header, which may have _ for - . */
static bool
is_name(flow_text field, const char *name)
{
	if (field.length != strlen(name))
		return false;
	for (uint32_t i = 0; i < field.length; i++)
		if (field.data[i] != name[i] && !(field.data[i] == '_' && name[i] == '-'))
			return false;
	return true;
}

static vpc_column
column_of(flow_text name)
{
	for (int column = COLUMN_IGNORED + 1; column < COLUMN_COUNT; column++)
		if (is_name(name, column_names[column]))
			return (vpc_column) column;
	return COLUMN_IGNORED;
}

static bool
is_header(const flow_text *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_name(fields[i], "version") || is_name(fields[i], "srcaddr"))
			return true;
	return false;
}

static void
take_header(vpc_decoder *decoder, const flow_text *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		decoder->order[i] = (uint8_t) column_of(fields[i]);
	decoder->count = count;
}

/* Find the order of a line that has count fields. */
static const uint8_t *
order_of(const vpc_decoder *decoder, size_t count, decode_error *error)
{
	if (decoder->count > 0)
	{
		if (count == decoder->count)
			return decoder->order;
		decode_error_set(error, NULL, "has %zu fields where the header has %zu", count,
						 decoder->count);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(documented_counts); i++)
		if (count == documented_counts[i])
			return documented_order;
	decode_error_set(error, NULL,
					 "has %zu fields, not 14, 21, 25 or 29: a line of their names is needed first",
					 count);
	return NULL;
}

static bool
refuse(const vpc_log *log, vpc_column column, const char *demand)
{
	decode_error_set(log->error, column_names[column], "%s", demand);
	return false;
}

/* An integer; absent: 0, or an error if it is required. */
static bool
integer(const vpc_log *log, vpc_column column, int64_t greatest, bool required, int64_t *value)
{
	flow_text text = log->columns[column];

	*value = 0;
	if (text.data == NULL)
		return !required || refuse(log, column, "is required");
	if (decode_integer(text, 0, greatest, value))
		return true;
	decode_error_set(log->error, column_names[column],
					 "must be an integer between 0 and %lld, or -", (long long) greatest);
	return false;
}

static bool
set_end(const vpc_log *log, vpc_column interface, vpc_column packet, vpc_column port, flow_end *end)
{
	vpc_column column = log->columns[packet].data != NULL ? packet : interface;
	flow_text address = log->columns[column];
	int64_t number;

	if (address.data == NULL)
		return refuse(log, column, "is required");
	if (!flow_address_parse(address.data, address.length, &end->address))
		return refuse(log, column, "must be an IPv4 or IPv6 address");
	if (!integer(log, port, UINT16_MAX, false, &number))
		return false;
	end->port = (uint16_t) number;
	return true;
}

static bool
text(const vpc_log *log, vpc_column column, flow_text *value)
{
	flow_text field = log->columns[column];

	if (field.length > DECODE_MAX_TEXT)
		return refuse(log, column, "must be at most 255 bytes");
	if (field.data != NULL && utf8_valid_length(field.data, field.length) < field.length)
		return refuse(log, column, "must be UTF-8 without NUL");
	*value = field;
	return true;
}

static bool
set_times(const vpc_log *log, one_way_flow *flow)
{
	const int64_t greatest = INT64_MAX / DECODE_NS_PER_SECOND;
	int64_t start, end;

	if (!integer(log, COLUMN_START, greatest, true, &start) ||
		!integer(log, COLUMN_END, greatest, true, &end))
		return false;
	if (end < start)
		return refuse(log, COLUMN_END, "must not be before start");
	flow->start_ns = start * DECODE_NS_PER_SECOND;
	flow->end_ns = end * DECODE_NS_PER_SECOND;
	return true;
}

static bool
set_direction(const vpc_log *log, one_way_flow *flow)
{
	flow_text direction = log->columns[COLUMN_DIRECTION];

	if (direction.data == NULL)
		return true;
	if (decode_text_is(direction, "ingress"))
		flow->observed = FLOW_SIDE_DESTINATION;
	else if (decode_text_is(direction, "egress"))
		flow->observed = FLOW_SIDE_SOURCE;
	else
		return refuse(log, COLUMN_DIRECTION, "must be ingress, egress or -");
	return true;
}

/* Who opened the connection, and whether this log is of its opening. */
static bool
set_opener(const vpc_log *log, one_way_flow *flow)
{
	int64_t flags;

	if (!integer(log, COLUMN_TCP_FLAGS, UINT16_MAX, false, &flags))
		return false;
	if (flow->protocol != FLOW_PROTOCOL_TCP || !(flags & FLAG_SYN))
		return true;
	flow->opener = flags & FLAG_ACK ? FLOW_SIDE_DESTINATION : FLOW_SIDE_SOURCE;
	flow->connections = flow->opener == FLOW_SIDE_SOURCE;
	return true;
}

static bool
set_traffic(const vpc_log *log, one_way_flow *flow)
{
	flow_text action = log->columns[COLUMN_ACTION];
	int64_t packets, bytes;

	if (!integer(log, COLUMN_PACKETS, (int64_t) FLOW_COUNTER_MAX, false, &packets) ||
		!integer(log, COLUMN_BYTES, (int64_t) FLOW_COUNTER_MAX, false, &bytes))
		return false;
	if (action.data != NULL && decode_text_is(action, "REJECT"))
	{
		flow->failed = 1;
		flow->connections = 0;
		return true;
	}
	if (action.data != NULL && !decode_text_is(action, "ACCEPT"))
		return refuse(log, COLUMN_ACTION, "must be ACCEPT, REJECT or -");
	flow->packets = (uint64_t) packets;
	flow->bytes = (uint64_t) bytes;
	return true;
}

static bool
set_texts(const vpc_log *log, one_way_flow *flow)
{
	flow_text host, instance, region;

	if (!text(log, COLUMN_INTERFACE, &host) || !text(log, COLUMN_INSTANCE, &instance) ||
		!text(log, COLUMN_REGION, &region) || !text(log, COLUMN_VPC, &flow->scope))
		return false;
	/* They are of the interface, whichever end it is. */
	flow->source.host = flow->destination.host = host;
	flow->source.instance = flow->destination.instance = instance;
	flow->source.region = flow->destination.region = region;
	return true;
}

/* 1: flow is filled, 0: the line is passed over, -1: it is refused. */
static int
read_log(const vpc_log *log, one_way_flow *flow)
{
	flow_text status = log->columns[COLUMN_STATUS];
	int64_t protocol;

	if (status.data != NULL && !decode_text_is(status, "OK"))
		return decode_text_is(status, "NODATA") || decode_text_is(status, "SKIPDATA")
				   ? 0
				   : refuse(log, COLUMN_STATUS, "must be OK, NODATA, SKIPDATA or -") - 1;
	if (!integer(log, COLUMN_PROTOCOL, UINT8_MAX, true, &protocol))
		return -1;
	if (protocol != FLOW_PROTOCOL_TCP && protocol != FLOW_PROTOCOL_UDP)
		return 0;
	flow->protocol = (uint8_t) protocol;
	if (!set_end(log, COLUMN_SOURCE, COLUMN_PACKET_SOURCE, COLUMN_SOURCE_PORT, &flow->source) ||
		!set_end(log, COLUMN_DESTINATION, COLUMN_PACKET_DESTINATION, COLUMN_DESTINATION_PORT,
				 &flow->destination))
		return -1;
	return set_times(log, flow) && set_direction(log, flow) && set_opener(log, flow) &&
				   set_traffic(log, flow) && set_texts(log, flow)
			   ? 1
			   : -1;
}

static int
take_line(void *context, const char *line, size_t length, decode_error *error)
{
	vpc_decoder *decoder = context;
	vpc_log log = {.error = error};
	one_way_flow flow = {.start_ns = 0};
	flow_text fields[MAX_COLUMNS];
	flow_sides_room room;
	flow_record record;
	const uint8_t *order;
	size_t count = split(line, length, fields);
	int read;

	if (count > MAX_COLUMNS)
	{
		decode_error_set(error, NULL, "has more than %d fields", MAX_COLUMNS);
		return -1;
	}
	if (is_header(fields, count))
	{
		take_header(decoder, fields, count);
		return 0;
	}
	order = order_of(decoder, count, error);
	if (order == NULL)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (fields[i].length != 1 || fields[i].data[0] != '-')
			log.columns[order[i]] = fields[i];
	read = read_log(&log, &flow);
	if (read <= 0)
		return read;
	record = flow_sides_record(&flow, &room);
	return decode_hand_flow(decoder->sink, decoder->sink_context, &record, error) ? 1 : -1;
}

int64_t
decode_vpc(const char *payload, size_t length, decode_flow_sink sink, void *sink_context,
		   decode_error *error)
{
	vpc_decoder decoder = {.sink = sink, .sink_context = sink_context};

	return decode_lines(payload, length, take_line, &decoder, error);
}
