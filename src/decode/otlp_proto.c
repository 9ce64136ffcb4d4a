/*
 * otlp_proto.c
 *		Traces of OpenTelemetry (OTLP), protobuf.
 *
 * The numbers are those of opentelemetry/proto/trace/v1.  Owns no memory: one
 * span is at hand at a time, and its texts are in the payload.
 */
#include "decode/otlp_proto.h"

#include "decode/otlp_wire.h"

#include <string.h>

#define SPANS_PATH "resourceSpans.scopeSpans.spans"

/* Span */
#define SPAN_TRACE_ID    1
#define SPAN_ID          2
#define SPAN_TRACE_STATE 3
#define SPAN_PARENT_ID   4
#define SPAN_NAME        5
#define SPAN_KIND        6
#define SPAN_START       7
#define SPAN_END         8
#define SPAN_ATTRIBUTES  9
#define SPAN_STATUS      15

/* Status */
#define STATUS_CODE 3

static const otlp_wire_paths paths = {"resourceSpans", "resourceSpans.resource",
									  "resourceSpans.scopeSpans", SPANS_PATH};

typedef struct span_decoder
{
	decode_span_sink sink;
	void *sink_context;
	decode_error *error;
	int64_t taken;
	otlp_span span;
	otlp_span_room room;
} span_decoder;

static bool
read_id(wire_reader *reader, const wire_field *field, const char *path, uint8_t *id, uint32_t size)
{
	if (!wire_expect(reader, field, WIRE_BYTES, path))
		return false;
	if (field->bytes.length != size)
	{
		wire_fail(reader, path, size == 16 ? "must be 16 bytes" : "must be 8 bytes");
		return false;
	}
	memcpy(id, field->bytes.data, size);
	return true;
}

/* A root may have an empty parent. */
static bool
read_parent_id(wire_reader *reader, const wire_field *field, otlp_span *span)
{
	span->has &= ~(uint32_t) OTLP_SPAN_PARENT_ID;
	if (field->type == WIRE_BYTES && field->bytes.length == 0)
		return true;
	span->has |= OTLP_SPAN_PARENT_ID;
	return read_id(reader, field, SPANS_PATH ".parentSpanId", span->parent_span_id,
				   sizeof(span->parent_span_id));
}

/* An enumeration; what is no int32 becomes 0, which is unspecified. */
static bool
read_enum(wire_reader *reader, const wire_field *field, const char *path, int64_t *value)
{
	if (!wire_expect(reader, field, WIRE_VARINT, path))
		return false;
	*value = field->value <= INT32_MAX ? (int64_t) field->value : 0;
	return true;
}

static bool
read_status(wire_reader *reader, const wire_field *field, int64_t *code)
{
	wire_reader status;
	wire_field part;

	if (!wire_expect(reader, field, WIRE_BYTES, SPANS_PATH ".status"))
		return false;
	status = wire_reader_within(reader, field, SPANS_PATH ".status");
	while (wire_reader_next(&status, &part))
		if (part.number == STATUS_CODE &&
			!read_enum(&status, &part, SPANS_PATH ".status.code", code))
			return false;
	return !wire_reader_failed(&status);
}

static bool
read_field(wire_reader *reader, const wire_field *field, otlp_span *span)
{
	switch (field->number)
	{
		case SPAN_TRACE_ID:
			span->has |= OTLP_SPAN_TRACE_ID;
			return read_id(reader, field, SPANS_PATH ".traceId", span->trace_id,
						   sizeof(span->trace_id));
		case SPAN_ID:
			span->has |= OTLP_SPAN_ID;
			return read_id(reader, field, SPANS_PATH ".spanId", span->span_id,
						   sizeof(span->span_id));
		case SPAN_TRACE_STATE:
			return otlp_wire_text(reader, field, SPANS_PATH ".traceState", &span->trace_state);
		case SPAN_PARENT_ID:
			return read_parent_id(reader, field, span);
		case SPAN_NAME:
			return otlp_wire_text(reader, field, SPANS_PATH ".name", &span->name);
		case SPAN_KIND:
			return read_enum(reader, field, SPANS_PATH ".kind", &span->kind);
		case SPAN_START:
			return otlp_wire_time(reader, field, SPANS_PATH ".startTimeUnixNano", &span->start_ns);
		case SPAN_END:
			return otlp_wire_time(reader, field, SPANS_PATH ".endTimeUnixNano", &span->end_ns);
		case SPAN_ATTRIBUTES:
			return otlp_wire_attribute(reader, field, SPANS_PATH ".attributes", &span->attributes);
		case SPAN_STATUS:
			return read_status(reader, field, &span->status);
		default:
			return true;
	}
}

static bool
take_span(void *context, const otlp_resource *resource, wire_reader *reader)
{
	span_decoder *spans = context;
	span_record record;
	wire_field field;

	otlp_span_clear(&spans->span);
	while (wire_reader_next(reader, &field))
		if (!read_field(reader, &field, &spans->span))
			return false;
	if (wire_reader_failed(reader) ||
		!otlp_span_record(resource, &spans->span, &spans->room, &record, spans->error) ||
		!decode_hand_span(spans->sink, spans->sink_context, &record, spans->error))
		return false;
	spans->taken++;
	return true;
}

int64_t
decode_otlp_proto(const char *payload, size_t length, decode_span_sink sink, void *sink_context,
				  decode_error *error)
{
	span_decoder spans;

	spans.sink = sink;
	spans.sink_context = sink_context;
	spans.error = error;
	spans.taken = 0;
	return otlp_wire_request(payload, length, &paths, take_span, &spans, error) ? spans.taken : -1;
}
