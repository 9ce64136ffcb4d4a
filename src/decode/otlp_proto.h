/*
 * otlp_proto.h
 *		Traces of OpenTelemetry (OTLP), protobuf.
 */
#ifndef TOPOLOGY_DECODE_OTLP_PROTO_H
#define TOPOLOGY_DECODE_OTLP_PROTO_H

#include "decode/decode.h"

/*
 * A decode_spans of one ExportTraceServiceRequest (or TracesData, which is the
 * same), of at most DECODE_MAX_MESSAGE bytes.  What is read of it, and what it
 * means: otlp_meaning.h.  A span without a valid trace id, span id or start is
 * an error of the whole message; events, links and scopes are ignored.
 */
extern int64_t decode_otlp_proto(const char *payload, size_t length, decode_span_sink sink,
								 void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_OTLP_PROTO_H */
