/*
 * otlp_json.c
 *		Traces of OpenTelemetry (OTLP), JSON.
 *
 * One span is at hand at a time; its texts are the reader's.
 */
#include "decode/otlp_json.h"

#include "decode/hex.h"
#include "decode/otlp_tree.h"

#define SPANS_PATH "resourceSpans.scopeSpans.spans."

typedef struct span_decoder
{
	otlp_tree tree;
	decode_span_sink sink;
	void *sink_context;
	int64_t taken;
	otlp_span span;
	otlp_span_room room;
} span_decoder;

static bool
read_id(json_decoder *decoder, const json_field *field, json_event event)
{
	if (event.kind == JSON_KIND_STRING && event.length == 2u * field->size &&
		decode_hex(json_text(event), json_field_place(decoder, field)))
		return true;
	return json_field_refuse(decoder, field);
}

/* A root may have an empty parent. */
static bool
read_parent_id(json_decoder *decoder, const json_field *field, json_event event)
{
	if (event.kind != JSON_KIND_STRING || event.length > 0)
		return read_id(decoder, field, event);
	decoder->has &= ~field->bit;
	return true;
}

static bool
read_attributes(json_decoder *decoder, const json_field *field, json_event event)
{
	otlp_span *span = decoder->record;

	return otlp_tree_attributes(decoder, field, event, &span->attributes);
}

#define FIELD(name, type, member) JSON_FIELD(SPANS_PATH, name, type, otlp_span, member, 0)
#define READ_FIELD(name, read, demand, member, bit)                                                \
	JSON_FIELD_OF_READER(SPANS_PATH, name, read, demand, otlp_span, member, bit)

static const json_field status_fields[] = {
	JSON_FIELD(SPANS_PATH "status.", "code", JSON_FIELD_INTEGER, otlp_span, status, 0),
};

static const json_object status_object = JSON_OBJECT(status_fields);

static const json_field span_fields[] = {
	READ_FIELD("traceId", read_id, "must be 16 bytes in hexadecimal", trace_id, OTLP_SPAN_TRACE_ID),
	READ_FIELD("spanId", read_id, "must be 8 bytes in hexadecimal", span_id, OTLP_SPAN_ID),
	READ_FIELD("parentSpanId", read_parent_id, "must be 8 bytes in hexadecimal", parent_span_id,
			   OTLP_SPAN_PARENT_ID),
	FIELD("traceState", JSON_FIELD_STRING, trace_state),
	FIELD("name", JSON_FIELD_STRING, name),
	FIELD("kind", JSON_FIELD_INTEGER, kind),
	READ_FIELD("startTimeUnixNano", otlp_tree_time, OTLP_TREE_TIME, start_ns, 0),
	READ_FIELD("endTimeUnixNano", otlp_tree_time, OTLP_TREE_TIME, end_ns, 0),
	READ_FIELD("attributes", read_attributes, OTLP_TREE_ARRAY, attributes.has, 0),
	JSON_FIELD_OF_OBJECT(SPANS_PATH, "status", status_object, 0),
};

static const json_object span_object = JSON_OBJECT(span_fields);

static bool
take_span(json_decoder *decoder)
{
	span_decoder *spans = decoder->context;
	json_decoder fields = {
		.reader = decoder->reader, .error = decoder->error, .record = &spans->span};
	span_record record;

	otlp_span_clear(&spans->span);
	if (!json_fields_read(&fields, &span_object))
		return false;
	spans->span.has = fields.has;
	if (!otlp_span_record(&spans->tree.resource, &spans->span, &spans->room, &record,
						  decoder->error))
		return false;
	spans->taken++;
	return decode_hand_span(spans->sink, spans->sink_context, &record, decoder->error);
}

static bool
read_spans(json_decoder *decoder, const json_field *field, json_event event)
{
	return json_field_each_object(decoder, field, event, take_span);
}

static const json_field scope_fields[] = {
	OTLP_TREE_LIST("resourceSpans.scopeSpans.", "spans", read_spans),
};
static const json_field group_fields[] = {
	OTLP_TREE_RESOURCE("resourceSpans."),
	OTLP_TREE_SCOPES("resourceSpans.", "scopeSpans"),
};
static const json_field request_fields[] = {
	OTLP_TREE_LIST("", "resourceSpans", otlp_tree_groups),
};

static const json_object scope_object = JSON_OBJECT(scope_fields);
static const json_object group_object = JSON_OBJECT(group_fields);
static const json_object request_object = JSON_OBJECT(request_fields);

int64_t
decode_otlp_json(const char *payload, size_t length, decode_span_sink sink, void *sink_context,
				 decode_error *error)
{
	span_decoder spans = {
		.tree = {.request = &request_object, .group = &group_object, .scope = &scope_object},
		.sink = sink,
		.sink_context = sink_context,
	};

	return otlp_tree_read(payload, length, &spans.tree, error) ? spans.taken : -1;
}
