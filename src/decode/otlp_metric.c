/*
 * otlp_metric.c
 *		What a data point of OpenTelemetry means to the map.
 *
 * Owns no memory.
 */
#include "decode/otlp_meaning.h"
#include "decode/otlp_names.h"

#include <string.h>

#define METRICS_PATH "resourceMetrics.scopeMetrics.metrics."

static const struct
{
	const char *name;
	otlp_metric_kind kind;
	double unit_ns;
} metrics[] = {
	{"http.client.request.duration", OTLP_METRIC_HTTP_CLIENT, 1e9},
	{"http.server.request.duration", OTLP_METRIC_HTTP_SERVER, 1e9},
	{"rpc.client.call.duration", OTLP_METRIC_RPC_CLIENT, 1e9},
	{"rpc.server.call.duration", OTLP_METRIC_RPC_SERVER, 1e9},
	{"http.client.duration", OTLP_METRIC_HTTP_CLIENT, 1e6},
	{"http.server.duration", OTLP_METRIC_HTTP_SERVER, 1e6},
	{"rpc.client.duration", OTLP_METRIC_RPC_CLIENT, 1e6},
	{"rpc.server.duration", OTLP_METRIC_RPC_SERVER, 1e6},
};

static const struct
{
	const char *name;
	double unit_ns;
} units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};

static bool
is(flow_text text, const char *word)
{
	return text.length == strlen(word) && memcmp(text.data, word, text.length) == 0;
}

void
otlp_point_clear(otlp_point *point, const otlp_metric *metric, bool exponential)
{
	point->start_ns = point->time_ns = point->flags = 0;
	point->exponential = exponential;
	point->negative = false;
	point->attributes.has = 0;
	decode_histogram_clear(&point->histogram, metric->unit_ns);
}

static bool
set_unit(flow_text unit, otlp_metric *metric, decode_error *error)
{
	if (unit.length == 0)
		return true;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (is(unit, units[i].name))
		{
			metric->unit_ns = units[i].unit_ns;
			return true;
		}
	decode_error_set(error, METRICS_PATH "unit", "must be s, ms, us or ns for a duration of calls");
	return false;
}

bool
otlp_metric_settle(flow_text name, flow_text unit, otlp_metric *metric, decode_error *error)
{
	metric->kind = OTLP_METRIC_OTHER;
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
	{
		if (!is(name, metrics[i].name))
			continue;
		metric->kind = metrics[i].kind;
		metric->unit_ns = metrics[i].unit_ns;
		return set_unit(unit, metric, error);
	}
	return true;
}

bool
otlp_temporality_check(int64_t temporality, decode_error *error)
{
	if (temporality == OTLP_DELTA)
		return true;
	if (temporality == OTLP_CUMULATIVE)
		decode_error_set(error, METRICS_PATH "aggregationTemporality",
						 "must be delta, not cumulative: set "
						 "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta, or use the "
						 "collector's cumulativetodelta processor");
	else
		decode_error_set(error, METRICS_PATH "aggregationTemporality", "must be delta");
	return false;
}

static bool
is_of_client(const otlp_metric *metric)
{
	return metric->kind == OTLP_METRIC_HTTP_CLIENT || metric->kind == OTLP_METRIC_RPC_CLIENT;
}

static bool
is_of_http(const otlp_metric *metric)
{
	return metric->kind == OTLP_METRIC_HTTP_CLIENT || metric->kind == OTLP_METRIC_HTTP_SERVER;
}

static bool
has_failed_http(const otlp_attributes *attributes, bool client)
{
	double status;

	if (!otlp_number(attributes, OTLP_HTTP_RESPONSE_STATUS_CODE, &status) &&
		!otlp_number(attributes, OTLP_HTTP_STATUS_CODE, &status))
		return false;
	return status >= (client ? 400 : 500);
}

/* The codes of gRPC that are the server's fault, after the conventions for its spans. */
static bool
is_fault_of_server(double status)
{
	static const int faults[] = {2 /* UNKNOWN */,        4 /* DEADLINE_EXCEEDED */,
								 12 /* UNIMPLEMENTED */, 13 /* INTERNAL */,
								 14 /* UNAVAILABLE */,   15 /* DATA_LOSS */};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (status == faults[i])
			return true;
	return false;
}

static bool
has_failed_rpc(const otlp_attributes *attributes, bool client)
{
	double status;

	if (!otlp_number(attributes, OTLP_RPC_GRPC_STATUS_CODE, &status))
		return false;
	return client ? status != 0 : is_fault_of_server(status);
}

static bool
has_failed(const otlp_attributes *attributes, bool client)
{
	return otlp_text(attributes, OTLP_ERROR_TYPE).data != NULL ||
		   has_failed_http(attributes, client) || has_failed_rpc(attributes, client);
}

static flow_text
protocol_of(const otlp_metric *metric, const otlp_attributes *attributes)
{
	flow_text system;

	if (is_of_http(metric))
		return (flow_text){"http", 4};
	system = otlp_text(attributes, OTLP_RPC_SYSTEM_NAME);
	if (system.data == NULL)
		system = otlp_text(attributes, OTLP_RPC_SYSTEM);
	return system.data != NULL ? system : (flow_text){"rpc", 3};
}

/* Put the resource and its peer on the sides that they have. */
static void
set_ends(const otlp_resource *resource, const otlp_attributes *attributes, bool client,
		 otlp_span_room *room, call_record *record)
{
	uint8_t own_kind = resource->service.data != NULL ? SPAN_PEER_APP : SPAN_PEER_NONE;
	uint8_t peer_kind;
	flow_text peer = otlp_peer(attributes, !client, &room->peer, &peer_kind);

	record->side = client ? CALL_SIDE_CLIENT : CALL_SIDE_SERVER;
	*(client ? &record->client : &record->server) = resource->service;
	*(client ? &record->client_cluster : &record->server_cluster) = resource->cluster;
	*(client ? &record->client_kind : &record->server_kind) = own_kind;
	*(client ? &record->server : &record->client) = peer;
	*(client ? &record->server_kind : &record->client_kind) = peer_kind;
}

static bool
set_times(const otlp_point *point, call_record *record, decode_error *error)
{
	record->start_ns = point->start_ns > 0 ? point->start_ns : point->time_ns;
	record->end_ns = point->time_ns;
	if (point->time_ns <= 0)
		decode_error_set(error, METRICS_PATH "dataPoints.timeUnixNano", "is required");
	else if (record->end_ns < record->start_ns)
		decode_error_set(error, METRICS_PATH "dataPoints.timeUnixNano",
						 "must not be before startTimeUnixNano");
	else
		return true;
	return false;
}

static bool
set_latency(otlp_point *point, call_record *record, decode_error *error)
{
	const char *wrong = point->negative ? "must have no negative durations"
						: point->exponential
							? decode_histogram_exponential(&point->histogram, record)
							: decode_histogram_explicit(&point->histogram, record);

	if (wrong == NULL)
		return true;
	decode_error_set(error, METRICS_PATH "dataPoints", "%s", wrong);
	return false;
}

int
otlp_point_record(const otlp_resource *resource, const otlp_metric *metric, otlp_point *point,
				  otlp_span_room *room, call_record *record, decode_error *error)
{
	const otlp_attributes *attributes = &point->attributes;
	bool client = is_of_client(metric);

	if (point->flags & OTLP_NO_RECORDED_VALUE)
		return 0;
	memset(record, 0, sizeof(*record));
	if (!set_times(point, record, error) || !set_latency(point, record, error))
		return -1;
	record->requests = record->latency_count;
	if (record->requests == 0)
		return 0;
	record->errors = has_failed(attributes, client) ? record->requests : 0;
	record->protocol = protocol_of(metric, attributes);
	record->endpoint = otlp_endpoint(attributes, &room->endpoint);
	set_ends(resource, attributes, client, room, record);
	return 1;
}
