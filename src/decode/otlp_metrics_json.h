/*
 * otlp_metrics_json.h
 *		Metrics of OpenTelemetry (OTLP), JSON.
 */
#ifndef TOPOLOGY_DECODE_OTLP_METRICS_JSON_H
#define TOPOLOGY_DECODE_OTLP_METRICS_JSON_H

#include "decode/decode.h"

/*
 * A decode_calls of ExportMetricsServiceRequests (or MetricsData), one after
 * another, as otlp_json.h says of traces: one record for each data point of a
 * histogram of durations of calls, explicit or exponential, of delta
 * temporality.  What is read of it, and what it means: otlp_meaning.h.  Other
 * metrics are passed over.
 */
extern int64_t decode_otlp_metrics_json(const char *payload, size_t length, decode_call_sink sink,
										void *sink_context, decode_error *error);

#endif /* TOPOLOGY_DECODE_OTLP_METRICS_JSON_H */
