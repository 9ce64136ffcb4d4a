/*
 * otlp_metrics_proto.h
 *		Metrics of OpenTelemetry (OTLP), protobuf.
 */
#ifndef TOPOLOGY_DECODE_OTLP_METRICS_PROTO_H
#define TOPOLOGY_DECODE_OTLP_METRICS_PROTO_H

#include "decode/decode.h"

/*
 * A decode_calls of one ExportMetricsServiceRequest (or MetricsData), of at
 * most DECODE_MAX_MESSAGE bytes: one record for each data point of a histogram
 * of durations of calls, explicit or exponential, of delta temporality.  What is
 * read of it, and what it means: otlp_meaning.h.  Other metrics are passed over.
 */
extern int64_t decode_otlp_metrics_proto(const char *payload, size_t length, decode_call_sink sink,
										 void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_OTLP_METRICS_PROTO_H */
