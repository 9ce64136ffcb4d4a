/*
 * ipc_json.c
 *		The native ipc record, JSON.
 *
 * Its histogram is collected in one room for all lines of a payload.
 */
#include "decode/ipc_json.h"

#include "decode/json_histogram.h"
#include "decode/lines.h"

#include <string.h>

#define NS_PER_MS 1e6

enum
{
	HAS_START = 1 << 0,
	HAS_END = 1 << 1,
	HAS_CLIENT = 1 << 2,
	HAS_SERVER = 1 << 3,
	HAS_REQUESTS = 1 << 4,
	HAS_LATENCY = 1 << 5,
	HAS_COUNT = 1 << 6,
	HAS_SUM = 1 << 7,
	HAS_BOUNDS = 1 << 8,
	HAS_COUNTS = 1 << 9
};

typedef struct ipc_record
{
	call_record call;
	uint64_t latency_count;
	double latency_sum;
	uint8_t list; /* stands for bounds and counts, which are histogram's */
	decode_histogram *histogram;
} ipc_record;

static const json_required required_fields[] = {
	{HAS_START, "start"},   {HAS_END, "end"},           {HAS_CLIENT, "client"},
	{HAS_SERVER, "server"}, {HAS_REQUESTS, "requests"},
};

static bool
read_bounds(json_decoder *decoder, const json_field *field, json_event event)
{
	return json_histogram_bounds(decoder, field, event,
								 ((ipc_record *) decoder->record)->histogram);
}

static bool
read_counts(json_decoder *decoder, const json_field *field, json_event event)
{
	return json_histogram_counts(decoder, field, event,
								 ((ipc_record *) decoder->record)->histogram);
}

#define FIELD_IN(prefix, name, type, member, bit)                                                  \
	JSON_FIELD(prefix, name, type, ipc_record, member, bit)
#define FIELD(name, type, member, bit) FIELD_IN("", name, type, member, bit)

static const json_field latency_fields[] = {
	FIELD_IN("latency_ms.", "count", JSON_FIELD_COUNTER, latency_count, HAS_COUNT),
	FIELD_IN("latency_ms.", "sum", JSON_FIELD_NUMBER, latency_sum, HAS_SUM),
	JSON_FIELD_OF_READER("latency_ms.", "bounds", read_bounds, JSON_HISTOGRAM_BOUNDS, ipc_record,
						 list, HAS_BOUNDS),
	JSON_FIELD_OF_READER("latency_ms.", "counts", read_counts, JSON_HISTOGRAM_COUNTS, ipc_record,
						 list, HAS_COUNTS),
};

static const json_object latency_object = JSON_OBJECT(latency_fields);

static const json_field record_fields[] = {
	FIELD("start", JSON_FIELD_TIME, call.start_ns, HAS_START),
	FIELD("end", JSON_FIELD_TIME, call.end_ns, HAS_END),
	FIELD("client", JSON_FIELD_TEXT, call.client, HAS_CLIENT),
	FIELD("server", JSON_FIELD_TEXT, call.server, HAS_SERVER),
	FIELD("client_cluster", JSON_FIELD_TEXT, call.client_cluster, 0),
	FIELD("server_cluster", JSON_FIELD_TEXT, call.server_cluster, 0),
	FIELD("protocol", JSON_FIELD_TEXT, call.protocol, 0),
	FIELD("endpoint", JSON_FIELD_TEXT, call.endpoint, 0),
	FIELD("requests", JSON_FIELD_COUNTER, call.requests, HAS_REQUESTS),
	FIELD("errors", JSON_FIELD_COUNTER, call.errors, 0),
	JSON_FIELD_OF_OBJECT("", "latency_ms", latency_object, HAS_LATENCY),
};

static const json_object record_object = JSON_OBJECT(record_fields);

typedef struct ipc_decoder
{
	json_reader *reader;
	decode_histogram histogram;
	decode_call_sink sink;
	void *sink_context;
} ipc_decoder;

static bool
refuse(decode_error *error, const char *path, const char *message)
{
	decode_error_set(error, path, "%s", message);
	return false;
}

static bool
check_record(json_decoder *decoder, const call_record *call)
{
	if (!json_fields_require(decoder, required_fields,
							 sizeof(required_fields) / sizeof(required_fields[0])))
		return false;
	if (call->client.data == NULL)
		return refuse(decoder->error, "client", "must not be empty");
	if (call->server.data == NULL)
		return refuse(decoder->error, "server", "must not be empty");
	if (call->end_ns < call->start_ns)
		return refuse(decoder->error, "end", "must not be before start");
	if (call->errors > call->requests)
		return refuse(decoder->error, "errors", "must not be above requests");
	return true;
}

static bool
settle_latency(ipc_record *ipc, uint32_t has, decode_error *error)
{
	decode_histogram *histogram = ipc->histogram;
	const char *wrong;

	if (!(has & HAS_LATENCY))
		return true;
	histogram->has_count = has & HAS_COUNT;
	histogram->count = ipc->latency_count;
	if (!(has & HAS_BOUNDS))
		histogram->bound_count = 0;
	if (!(has & HAS_COUNTS))
		histogram->count_count = 0;
	if (has & HAS_SUM)
		histogram->summary.sum = ipc->latency_sum;
	wrong = decode_histogram_explicit(histogram, &ipc->call);
	return wrong == NULL || refuse(error, "latency_ms", wrong);
}

static int
take_line(void *context, const char *line, size_t length, decode_error *error)
{
	ipc_decoder *calls = context;
	ipc_record ipc;
	json_decoder decoder = {.reader = calls->reader, .error = error, .record = &ipc};

	memset(&ipc, 0, sizeof(ipc));
	ipc.histogram = &calls->histogram;
	ipc.call.client_kind = ipc.call.server_kind = SPAN_PEER_APP;
	decode_histogram_clear(ipc.histogram, NS_PER_MS);
	if (!json_fields_read_text(&decoder, &record_object, line, length) ||
		!check_record(&decoder, &ipc.call) || !settle_latency(&ipc, decoder.has, error))
		return -1;
	return decode_hand_call(calls->sink, calls->sink_context, &ipc.call, error) ? 1 : -1;
}

int64_t
decode_ipc_json(const char *payload, size_t length, decode_call_sink sink, void *sink_context,
				decode_error *error)
{
	ipc_decoder calls;
	int64_t taken;

	/* Not the histogram, which is large, and cleared for each record. */
	calls.reader = json_reader_create();
	calls.sink = sink;
	calls.sink_context = sink_context;
	taken = decode_lines(payload, length, take_line, &calls, error);
	json_reader_destroy(calls.reader);
	return taken;
}
