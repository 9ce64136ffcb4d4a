/*
 * otlp_metrics_json.c
 *		Metrics of OpenTelemetry (OTLP), JSON.
 *
 * What a metric is, and its temporality, may stand behind its data points, and
 * mostly does: they are passed over, and read when all else of the metric is
 * known and it is one of ours.  Owns no memory but the data point at hand, some
 * 100 kB on the stack.
 */
#include "decode/otlp_metrics_json.h"

#include "decode/json_histogram.h"
#include "decode/otlp_tree.h"

#define METRICS_PATH "resourceMetrics.scopeMetrics.metrics."
#define POINTS_PATH  METRICS_PATH "dataPoints."

/* Bits of what a data point has. */
enum
{
	HAS_COUNT = 1 << 0,
	HAS_SUM = 1 << 1,
	HAS_LEAST = 1 << 2,
	HAS_GREATEST = 1 << 3,
	HAS_COUNTS = 1 << 4,
	HAS_BOUNDS = 1 << 5
};

/* A metric whose fields have been seen. */
typedef struct metric_fields
{
	flow_text name;
	flow_text unit;
	int64_t temporality;
	bool exponential;
	bool bounded; /* stands for the kind that is not exponential */
	bool has_points;
	json_position points;
	const json_field *points_field;
} metric_fields;

typedef struct call_decoder
{
	otlp_tree tree;
	decode_call_sink sink;
	void *sink_context;
	int64_t taken;
	otlp_metric metric;
	otlp_span_room room;
	otlp_point point;
} call_decoder;

static bool
read_bounds(json_decoder *decoder, const json_field *field, json_event event)
{
	return json_histogram_bounds(decoder, field, event,
								 &((otlp_point *) decoder->record)->histogram);
}

static bool
read_counts(json_decoder *decoder, const json_field *field, json_event event)
{
	return json_histogram_counts(decoder, field, event,
								 &((otlp_point *) decoder->record)->histogram);
}

/* Note whether there is a count that is not 0. */
static bool
read_negative_counts(json_decoder *decoder, const json_field *field, json_event event)
{
	bool *negative = json_field_place(decoder, field);
	int64_t count;

	if (event.kind != JSON_KIND_ARRAY_START)
		return json_field_refuse(decoder, field);
	while ((event = json_reader_next(decoder->reader)).kind != JSON_KIND_ARRAY_END)
	{
		if (event.kind == JSON_KIND_ERROR)
			return false;
		if ((event.kind != JSON_KIND_NUMBER && event.kind != JSON_KIND_STRING) ||
			!decode_integer(json_text(event), 0, INT64_MAX, &count))
			return json_field_refuse(decoder, field);
		*negative |= count > 0;
	}
	return true;
}

static bool
read_int32(json_decoder *decoder, const json_field *field, json_event event)
{
	int64_t number;

	if ((event.kind != JSON_KIND_NUMBER && event.kind != JSON_KIND_STRING) ||
		!decode_integer(json_text(event), INT32_MIN, INT32_MAX, &number))
		return json_field_refuse(decoder, field);
	*(int32_t *) json_field_place(decoder, field) = (int32_t) number;
	return true;
}

static bool
read_attributes(json_decoder *decoder, const json_field *field, json_event event)
{
	return otlp_tree_attributes(decoder, field, event,
								&((otlp_point *) decoder->record)->attributes);
}

#define FIELD(name, type, member, bit) JSON_FIELD(POINTS_PATH, name, type, otlp_point, member, bit)
#define READ_FIELD(prefix, name, read, demand, member, bit)                                        \
	JSON_FIELD_OF_READER(prefix, name, read, demand, otlp_point, member, bit)
#define INT32_DEMAND "must be an integer of 32 bits"

static const json_field positive_fields[] = {
	READ_FIELD(POINTS_PATH "positive.", "offset", read_int32, INT32_DEMAND, histogram.offset, 0),
	READ_FIELD(POINTS_PATH "positive.", "bucketCounts", read_counts, JSON_HISTOGRAM_COUNTS,
			   histogram.count_count, HAS_COUNTS),
};

static const json_field negative_fields[] = {
	READ_FIELD(POINTS_PATH "negative.", "bucketCounts", read_negative_counts, JSON_HISTOGRAM_COUNTS,
			   negative, 0),
};

static const json_object positive_object = JSON_OBJECT(positive_fields);
static const json_object negative_object = JSON_OBJECT(negative_fields);

#define COMMON_FIELDS                                                                              \
	READ_FIELD(POINTS_PATH, "attributes", read_attributes, OTLP_TREE_ARRAY, attributes.has, 0),    \
		READ_FIELD(POINTS_PATH, "startTimeUnixNano", otlp_tree_time, OTLP_TREE_TIME, start_ns, 0), \
		READ_FIELD(POINTS_PATH, "timeUnixNano", otlp_tree_time, OTLP_TREE_TIME, time_ns, 0),       \
		FIELD("count", JSON_FIELD_COUNTER, histogram.count, HAS_COUNT),                            \
		FIELD("sum", JSON_FIELD_NUMBER, histogram.summary.sum, HAS_SUM),                           \
		FIELD("min", JSON_FIELD_NUMBER, histogram.summary.least, HAS_LEAST),                       \
		FIELD("max", JSON_FIELD_NUMBER, histogram.summary.greatest, HAS_GREATEST),                 \
		FIELD("flags", JSON_FIELD_INTEGER, flags, 0)

static const json_field explicit_fields[] = {
	COMMON_FIELDS,
	READ_FIELD(POINTS_PATH, "bucketCounts", read_counts, JSON_HISTOGRAM_COUNTS,
			   histogram.count_count, HAS_COUNTS),
	READ_FIELD(POINTS_PATH, "explicitBounds", read_bounds, JSON_HISTOGRAM_BOUNDS,
			   histogram.bound_count, HAS_BOUNDS),
};

static const json_field exponential_fields[] = {
	COMMON_FIELDS,
	READ_FIELD(POINTS_PATH, "scale", read_int32, INT32_DEMAND, histogram.scale, 0),
	FIELD("zeroCount", JSON_FIELD_COUNTER, histogram.zero_count, 0),
	FIELD("zeroThreshold", JSON_FIELD_NUMBER, histogram.zero_threshold, 0),
	JSON_FIELD_OF_OBJECT(POINTS_PATH, "positive", positive_object, 0),
	JSON_FIELD_OF_OBJECT(POINTS_PATH, "negative", negative_object, 0),
};

static const json_object explicit_object = JSON_OBJECT(explicit_fields);
static const json_object exponential_object = JSON_OBJECT(exponential_fields);

/* What was null, and cleared to 0, is not known. */
static void
settle_summary(decode_histogram *histogram, uint32_t has)
{
	histogram->has_count = has & HAS_COUNT;
	if (!(has & HAS_SUM))
		histogram->summary.sum = CALL_UNKNOWN;
	if (!(has & HAS_LEAST))
		histogram->summary.least = CALL_UNKNOWN;
	if (!(has & HAS_GREATEST))
		histogram->summary.greatest = CALL_UNKNOWN;
}

static bool
take_point(json_decoder *decoder)
{
	const metric_fields *metric = decoder->record;
	call_decoder *calls = decoder->context;
	json_decoder fields = {
		.reader = decoder->reader, .error = decoder->error, .record = &calls->point};
	call_record record;
	int made;

	otlp_point_clear(&calls->point, &calls->metric, metric->exponential);
	if (!json_fields_read(&fields, metric->exponential ? &exponential_object : &explicit_object))
		return false;
	settle_summary(&calls->point.histogram, fields.has);
	made = otlp_point_record(&calls->tree.resource, &calls->metric, &calls->point, &calls->room,
							 &record, decoder->error);
	if (made <= 0)
		return made == 0;
	calls->taken++;
	return decode_hand_call(calls->sink, calls->sink_context, &record, decoder->error);
}

/* Keep the place of the data points. */
static bool
pass_points(json_decoder *decoder, const json_field *field, json_event event)
{
	metric_fields *metric = decoder->record;

	if (event.kind != JSON_KIND_ARRAY_START)
		return json_field_refuse(decoder, field);
	metric->has_points = true;
	metric->points_field = field;
	metric->points = json_reader_tell(decoder->reader);
	return json_reader_skip(decoder->reader, event);
}

static const json_field histogram_fields[] = {
	JSON_FIELD_OF_READER(METRICS_PATH, "dataPoints", pass_points, OTLP_TREE_ARRAY, metric_fields,
						 has_points, 0),
	JSON_FIELD(METRICS_PATH, "aggregationTemporality", JSON_FIELD_INTEGER, metric_fields,
			   temporality, 0),
};

static const json_object histogram_object = JSON_OBJECT(histogram_fields);

static bool
read_histogram(json_decoder *decoder, const json_field *field, json_event event)
{
	metric_fields *metric = decoder->record;

	if (event.kind != JSON_KIND_OBJECT_START)
		return json_field_refuse(decoder, field);
	metric->exponential = field->offset == offsetof(metric_fields, exponential);
	return json_fields_read(decoder, &histogram_object);
}

/* The two kinds of histograms are told apart by the member that stands for them. */
static const json_field metric_table[] = {
	JSON_FIELD(METRICS_PATH, "name", JSON_FIELD_STRING, metric_fields, name, 0),
	JSON_FIELD(METRICS_PATH, "unit", JSON_FIELD_STRING, metric_fields, unit, 0),
	JSON_FIELD_OF_READER(METRICS_PATH, "histogram", read_histogram, OTLP_TREE_OBJECT, metric_fields,
						 bounded, 0),
	JSON_FIELD_OF_READER(METRICS_PATH, "exponentialHistogram", read_histogram, OTLP_TREE_OBJECT,
						 metric_fields, exponential, 0),
};

static const json_object metric_object = JSON_OBJECT(metric_table);

/* Read the data points of a metric, which was read to its end, and go back there. */
static bool
read_points(json_decoder *decoder)
{
	const metric_fields *metric = decoder->record;
	json_position end = json_reader_tell(decoder->reader);

	json_reader_seek(decoder->reader, metric->points);
	if (!json_field_each_object(decoder, metric->points_field,
								(json_event){.kind = JSON_KIND_ARRAY_START}, take_point))
		return false;
	json_reader_seek(decoder->reader, end);
	return true;
}

static bool
take_metric(json_decoder *decoder)
{
	call_decoder *calls = decoder->context;
	metric_fields metric = {.has_points = false};
	json_decoder fields = {
		.reader = decoder->reader, .error = decoder->error, .record = &metric, .context = calls};

	if (!json_fields_read(&fields, &metric_object) ||
		!otlp_metric_settle(metric.name, metric.unit, &calls->metric, decoder->error))
		return false;
	if (calls->metric.kind == OTLP_METRIC_OTHER || !metric.has_points)
		return true;
	return otlp_temporality_check(metric.temporality, decoder->error) && read_points(&fields);
}

static bool
read_metrics(json_decoder *decoder, const json_field *field, json_event event)
{
	return json_field_each_object(decoder, field, event, take_metric);
}

static const json_field scope_fields[] = {
	OTLP_TREE_LIST("resourceMetrics.scopeMetrics.", "metrics", read_metrics),
};
static const json_field group_fields[] = {
	OTLP_TREE_RESOURCE("resourceMetrics."),
	OTLP_TREE_SCOPES("resourceMetrics.", "scopeMetrics"),
};
static const json_field request_fields[] = {
	OTLP_TREE_LIST("", "resourceMetrics", otlp_tree_groups),
};

static const json_object scope_object = JSON_OBJECT(scope_fields);
static const json_object group_object = JSON_OBJECT(group_fields);
static const json_object request_object = JSON_OBJECT(request_fields);

int64_t
decode_otlp_metrics_json(const char *payload, size_t length, decode_call_sink sink,
						 void *sink_context, decode_error *error)
{
	call_decoder calls;

	/* Not the data point, which is large, and cleared for each. */
	calls.tree =
		(otlp_tree){.request = &request_object, .group = &group_object, .scope = &scope_object};
	calls.sink = sink;
	calls.sink_context = sink_context;
	calls.taken = 0;
	return otlp_tree_read(payload, length, &calls.tree, error) ? calls.taken : -1;
}
