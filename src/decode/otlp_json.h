/*
 * otlp_json.h
 *		Traces of OpenTelemetry (OTLP), JSON.
 */
#ifndef TOPOLOGY_DECODE_OTLP_JSON_H
#define TOPOLOGY_DECODE_OTLP_JSON_H

#include "decode/decode.h"

/*
 * A decode_spans of ExportTraceServiceRequests (or TracesData), one after
 * another, on one line each or over many, each of at most DECODE_MAX_MESSAGE
 * bytes.  As OTLP/JSON demands, names are in lowerCamelCase, ids are hexadecimal
 * of either case, enumerations numbers, integers of 64 bits strings or numbers.
 * What is read, and what it means: otlp_meaning.h.  A span without a valid
 * trace id, span id or start is an error; events, links and scopes are ignored.
 * error has the line.
 */
extern int64_t decode_otlp_json(const char *payload, size_t length, decode_span_sink sink,
								void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_OTLP_JSON_H */
