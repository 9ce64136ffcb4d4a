/*
 * otlp_wire.h
 *		What traces and metrics of OTLP have in common, protobuf.
 */
#ifndef TOPOLOGY_DECODE_OTLP_WIRE_H
#define TOPOLOGY_DECODE_OTLP_WIRE_H

#include "decode/otlp_meaning.h"
#include "decode/wire.h"

/* Paths of what there is one kind of for traces, another for metrics. */
typedef struct otlp_wire_paths
{
	const char *groups;   /* ResourceSpans, ResourceMetrics */
	const char *resource; /* of such a group */
	const char *scopes;   /* ScopeSpans, ScopeMetrics */
	const char *items;    /* Span, Metric */
} otlp_wire_paths;

/* Reads one span or metric. */
typedef bool (*otlp_wire_item)(void *context, const otlp_resource *resource, wire_reader *item);

/*
 * Read an export request: hand every item of every scope of every resource to
 * take, with its resource, wherever in its group that stands.  False: error is
 * filled.
 */
extern bool otlp_wire_request(const char *payload, size_t length, const otlp_wire_paths *paths,
							  otlp_wire_item take, void *context, decode_error *error);

/*
 * Set the attribute that a field of a KeyValue is, if it means something to us.
 * False: the reader has failed.
 */
extern bool otlp_wire_attribute(wire_reader *reader, const wire_field *field, const char *path,
								otlp_attributes *attributes);

/* A string field: UTF-8 without NUL. */
extern bool otlp_wire_text(wire_reader *reader, const wire_field *field, const char *path,
						   flow_text *text);

/* A time in nanoseconds, fixed64, of 63 bits. */
extern bool otlp_wire_time(wire_reader *reader, const wire_field *field, const char *path,
						   int64_t *ns);

#endif /* TOPOLOGY_DECODE_OTLP_WIRE_H */
