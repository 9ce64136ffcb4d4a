/*
 * otlp_span.c
 *		What a span of OpenTelemetry means to the map.
 *
 * Owns no memory.
 */
#include "decode/otlp_meaning.h"
#include "decode/otlp_names.h"
#include "decode/otlp_sampling.h"
#include "flow/utf8.h"

#include <string.h>

#define STATUS_ERROR 2

static bool
refuse(decode_error *error, const char *path, const char *message)
{
	decode_error_set(error, path, "%s", message);
	return false;
}

bool
otlp_id_is_valid(const uint8_t *id, size_t length)
{
	while (length > 0 && *id == 0)
	{
		id++;
		length--;
	}
	return length > 0;
}

void
otlp_span_clear(otlp_span *span)
{
	span->has = 0;
	span->start_ns = span->end_ns = span->kind = span->status = 0;
	span->trace_state = span->name = (flow_text){NULL, 0};
	span->attributes.has = 0;
}

static bool
check(const otlp_span *span, decode_error *error)
{
	if (!(span->has & OTLP_SPAN_TRACE_ID))
		return refuse(error, "resourceSpans.scopeSpans.spans.traceId", "is required");
	if (!(span->has & OTLP_SPAN_ID))
		return refuse(error, "resourceSpans.scopeSpans.spans.spanId", "is required");
	if (!otlp_id_is_valid(span->trace_id, sizeof(span->trace_id)))
		return refuse(error, "resourceSpans.scopeSpans.spans.traceId", "must not be all zero");
	if (!otlp_id_is_valid(span->span_id, sizeof(span->span_id)))
		return refuse(error, "resourceSpans.scopeSpans.spans.spanId", "must not be all zero");
	if (span->start_ns <= 0)
		return refuse(error, "resourceSpans.scopeSpans.spans.startTimeUnixNano", "is required");
	return true;
}

static void
set_ids(const otlp_span *span, span_record *record)
{
	memcpy(record->trace_id, span->trace_id, sizeof(record->trace_id));
	memcpy(record->span_id, span->span_id, sizeof(record->span_id));
	record->has_parent = (span->has & OTLP_SPAN_PARENT_ID) &&
						 otlp_id_is_valid(span->parent_span_id, sizeof(span->parent_span_id));
	if (record->has_parent)
		memcpy(record->parent_span_id, span->parent_span_id, sizeof(record->parent_span_id));
}

static flow_text
cut(flow_text text)
{
	if (text.length == 0)
		return (flow_text){NULL, 0};
	text.length = (uint32_t) utf8_cut(text.data, text.length, DECODE_MAX_TEXT);
	return text;
}

static void
set_names(const otlp_resource *resource, const otlp_span *span, otlp_span_room *room,
		  span_record *record)
{
	record->service = resource->service;
	record->cluster = resource->cluster;
	record->instance = resource->instance;
	record->name = cut(span->name);
	record->endpoint = otlp_endpoint(&span->attributes, &room->endpoint);
	if (record->endpoint.data == NULL)
		record->endpoint = record->name;
	record->peer = otlp_peer(&span->attributes, record->kind == SPAN_KIND_SERVER, &room->peer,
							 &record->peer_kind);
}

bool
otlp_span_record(const otlp_resource *resource, const otlp_span *span, otlp_span_room *room,
				 span_record *record, decode_error *error)
{
	if (!check(span, error))
		return false;
	memset(record, 0, sizeof(*record));
	set_ids(span, record);
	record->kind = span->kind >= SPAN_KIND_INTERNAL && span->kind <= SPAN_KIND_CONSUMER
					   ? (uint8_t) span->kind
					   : SPAN_KIND_UNSPECIFIED;
	record->failed = span->status == STATUS_ERROR;
	record->start_ns = span->start_ns;
	record->has_end = span->end_ns >= span->start_ns;
	record->end_ns = record->has_end ? span->end_ns : span->start_ns;
	record->adjusted_count = otlp_adjusted_count(span->trace_state, &span->attributes);
	set_names(resource, span, room, record);
	return true;
}
