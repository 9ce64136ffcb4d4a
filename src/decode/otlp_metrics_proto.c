/*
 * otlp_metrics_proto.c
 *		Metrics of OpenTelemetry (OTLP), protobuf.
 *
 * The numbers are those of opentelemetry/proto/metrics/v1.  A metric is looked
 * at for its name first, and its data points are read only if it is one of ours.
 * Owns no memory but the data point at hand, some 100 kB on the stack.
 */
#include "decode/otlp_metrics_proto.h"

#include "decode/otlp_wire.h"

#define METRICS_PATH "resourceMetrics.scopeMetrics.metrics"
#define POINTS_PATH  METRICS_PATH ".dataPoints"

/* Metric */
#define METRIC_NAME        1
#define METRIC_UNIT        3
#define METRIC_HISTOGRAM   9
#define METRIC_EXPONENTIAL 10

/* Histogram, ExponentialHistogram */
#define HISTOGRAM_POINTS      1
#define HISTOGRAM_TEMPORALITY 2

/* HistogramDataPoint */
#define POINT_START      2
#define POINT_TIME       3
#define POINT_COUNT      4
#define POINT_SUM        5
#define POINT_COUNTS     6
#define POINT_BOUNDS     7
#define POINT_ATTRIBUTES 9
#define POINT_FLAGS      10
#define POINT_LEAST      11
#define POINT_GREATEST   12

/* ExponentialHistogramDataPoint, where it differs */
#define EXPONENTIAL_ATTRIBUTES     1
#define EXPONENTIAL_SCALE          6
#define EXPONENTIAL_ZERO_COUNT     7
#define EXPONENTIAL_POSITIVE       8
#define EXPONENTIAL_NEGATIVE       9
#define EXPONENTIAL_LEAST          12
#define EXPONENTIAL_GREATEST       13
#define EXPONENTIAL_ZERO_THRESHOLD 14

/* Buckets */
#define BUCKETS_OFFSET 1
#define BUCKETS_COUNTS 2

static const otlp_wire_paths paths = {"resourceMetrics", "resourceMetrics.resource",
									  "resourceMetrics.scopeMetrics", METRICS_PATH};

typedef struct call_decoder
{
	decode_call_sink sink;
	void *sink_context;
	decode_error *error;
	int64_t taken;
	const otlp_resource *resource;
	otlp_metric metric;
	otlp_span_room room;
	otlp_point point;
} call_decoder;

static bool
add_count(void *context, uint64_t count)
{
	return count <= FLOW_COUNTER_MAX && decode_histogram_add_count(context, count);
}

static bool
add_bound(void *context, uint64_t bound)
{
	return decode_histogram_add_bound(context, wire_double(bound));
}

static bool
note_count(void *context, uint64_t count)
{
	*(bool *) context |= count > 0;
	return true;
}

/* Say that numbers were refused, unless the reader has said more. */
static bool
numbers(wire_reader *reader, bool added, const char *path)
{
	if (!added && !wire_reader_failed(reader))
		wire_fail(reader, path, "must be at most 2048 numbers in range");
	return added;
}

static bool
read_double(wire_reader *reader, const wire_field *field, const char *path, double *value)
{
	if (!wire_expect(reader, field, WIRE_FIXED64, path))
		return false;
	*value = wire_double(field->value);
	return true;
}

static bool
read_counter(wire_reader *reader, const wire_field *field, const char *path, uint64_t *value)
{
	if (!wire_expect(reader, field, WIRE_FIXED64, path))
		return false;
	if (field->value > FLOW_COUNTER_MAX)
	{
		wire_fail(reader, path, "must be an integer between 0 and 9223372036854775807");
		return false;
	}
	*value = field->value;
	return true;
}

static bool
read_sint32(wire_reader *reader, const wire_field *field, const char *path, int32_t *value)
{
	int64_t number;

	if (!wire_expect(reader, field, WIRE_VARINT, path))
		return false;
	number = wire_zigzag(field->value);
	if (number < INT32_MIN || number > INT32_MAX)
	{
		wire_fail(reader, path, "must be an integer of 32 bits");
		return false;
	}
	*value = (int32_t) number;
	return true;
}

/* What both kinds of data points have under the same numbers. */
static bool
read_common(wire_reader *reader, const wire_field *field, otlp_point *point)
{
	switch (field->number)
	{
		case POINT_START:
			return otlp_wire_time(reader, field, POINTS_PATH ".startTimeUnixNano",
								  &point->start_ns);
		case POINT_TIME:
			return otlp_wire_time(reader, field, POINTS_PATH ".timeUnixNano", &point->time_ns);
		case POINT_COUNT:
			point->histogram.has_count = true;
			return read_counter(reader, field, POINTS_PATH ".count", &point->histogram.count);
		case POINT_SUM:
			return read_double(reader, field, POINTS_PATH ".sum", &point->histogram.summary.sum);
		case POINT_FLAGS:
			point->flags = (int64_t) (field->value & UINT32_MAX);
			return wire_expect(reader, field, WIRE_VARINT, POINTS_PATH ".flags");
		default:
			return true;
	}
}

static bool
read_explicit(wire_reader *reader, const wire_field *field, otlp_point *point)
{
	decode_histogram *histogram = &point->histogram;

	switch (field->number)
	{
		case POINT_COUNTS:
			return numbers(reader,
						   wire_each_number(reader, field, WIRE_FIXED64,
											POINTS_PATH ".bucketCounts", add_count, histogram),
						   POINTS_PATH ".bucketCounts");
		case POINT_BOUNDS:
			return numbers(reader,
						   wire_each_number(reader, field, WIRE_FIXED64,
											POINTS_PATH ".explicitBounds", add_bound, histogram),
						   POINTS_PATH ".explicitBounds");
		case POINT_ATTRIBUTES:
			return otlp_wire_attribute(reader, field, POINTS_PATH ".attributes",
									   &point->attributes);
		case POINT_LEAST:
			return read_double(reader, field, POINTS_PATH ".min", &histogram->summary.least);
		case POINT_GREATEST:
			return read_double(reader, field, POINTS_PATH ".max", &histogram->summary.greatest);
		default:
			return read_common(reader, field, point);
	}
}

static bool
read_positive(wire_reader *reader, const wire_field *field, decode_histogram *histogram)
{
	wire_reader buckets;
	wire_field part;

	if (!wire_expect(reader, field, WIRE_BYTES, POINTS_PATH ".positive"))
		return false;
	buckets = wire_reader_within(reader, field, POINTS_PATH ".positive");
	while (wire_reader_next(&buckets, &part))
	{
		if (part.number == BUCKETS_OFFSET &&
			!read_sint32(&buckets, &part, POINTS_PATH ".positive.offset", &histogram->offset))
			return false;
		if (part.number == BUCKETS_COUNTS &&
			!numbers(&buckets,
					 wire_each_number(&buckets, &part, WIRE_VARINT,
									  POINTS_PATH ".positive.bucketCounts", add_count, histogram),
					 POINTS_PATH ".positive.bucketCounts"))
			return false;
	}
	return !wire_reader_failed(&buckets);
}

static bool
read_negative(wire_reader *reader, const wire_field *field, bool *negative)
{
	wire_reader buckets;
	wire_field part;

	if (!wire_expect(reader, field, WIRE_BYTES, POINTS_PATH ".negative"))
		return false;
	buckets = wire_reader_within(reader, field, POINTS_PATH ".negative");
	while (wire_reader_next(&buckets, &part))
		if (part.number == BUCKETS_COUNTS &&
			!wire_each_number(&buckets, &part, WIRE_VARINT, POINTS_PATH ".negative.bucketCounts",
							  note_count, negative))
			return false;
	return !wire_reader_failed(&buckets);
}

static bool
read_exponential(wire_reader *reader, const wire_field *field, otlp_point *point)
{
	decode_histogram *histogram = &point->histogram;

	switch (field->number)
	{
		case EXPONENTIAL_ATTRIBUTES:
			return otlp_wire_attribute(reader, field, POINTS_PATH ".attributes",
									   &point->attributes);
		case EXPONENTIAL_SCALE:
			return read_sint32(reader, field, POINTS_PATH ".scale", &histogram->scale);
		case EXPONENTIAL_ZERO_COUNT:
			return read_counter(reader, field, POINTS_PATH ".zeroCount", &histogram->zero_count);
		case EXPONENTIAL_POSITIVE:
			return read_positive(reader, field, histogram);
		case EXPONENTIAL_NEGATIVE:
			return read_negative(reader, field, &point->negative);
		case EXPONENTIAL_LEAST:
			return read_double(reader, field, POINTS_PATH ".min", &histogram->summary.least);
		case EXPONENTIAL_GREATEST:
			return read_double(reader, field, POINTS_PATH ".max", &histogram->summary.greatest);
		case EXPONENTIAL_ZERO_THRESHOLD:
			return read_double(reader, field, POINTS_PATH ".zeroThreshold",
							   &histogram->zero_threshold);
		default:
			return read_common(reader, field, point);
	}
}

static bool
take_point(call_decoder *calls, wire_reader *reader, bool exponential)
{
	call_record record;
	wire_field field;
	int made;

	otlp_point_clear(&calls->point, &calls->metric, exponential);
	while (wire_reader_next(reader, &field))
		if (!(exponential ? read_exponential : read_explicit)(reader, &field, &calls->point))
			return false;
	if (wire_reader_failed(reader))
		return false;
	made = otlp_point_record(calls->resource, &calls->metric, &calls->point, &calls->room, &record,
							 calls->error);
	if (made <= 0)
		return made == 0;
	calls->taken++;
	return decode_hand_call(calls->sink, calls->sink_context, &record, calls->error);
}

/* The temporality stands behind the data points. */
static bool
check_temporality(call_decoder *calls, wire_reader histogram)
{
	int64_t temporality = 0;
	wire_field field;

	while (wire_reader_next(&histogram, &field))
	{
		if (field.number != HISTOGRAM_TEMPORALITY)
			continue;
		if (!wire_expect(&histogram, &field, WIRE_VARINT, METRICS_PATH ".aggregationTemporality"))
			return false;
		temporality = field.value <= INT32_MAX ? (int64_t) field.value : 0;
	}
	return !wire_reader_failed(&histogram) && otlp_temporality_check(temporality, calls->error);
}

static bool
take_histogram(call_decoder *calls, const wire_reader *metric, const wire_field *field,
			   bool exponential)
{
	wire_reader histogram = wire_reader_within(metric, field, METRICS_PATH);
	wire_field part;

	if (!check_temporality(calls, histogram))
		return false;
	while (wire_reader_next(&histogram, &part))
	{
		wire_reader point;

		if (part.number != HISTOGRAM_POINTS)
			continue;
		if (!wire_expect(&histogram, &part, WIRE_BYTES, POINTS_PATH))
			return false;
		point = wire_reader_within(&histogram, &part, POINTS_PATH);
		if (!take_point(calls, &point, exponential))
			return false;
	}
	return !wire_reader_failed(&histogram);
}

/* Find out what a metric is. */
static bool
read_metric(call_decoder *calls, wire_reader metric)
{
	flow_text name = {NULL, 0};
	flow_text unit = {NULL, 0};
	wire_field field;

	while (wire_reader_next(&metric, &field))
	{
		if (field.number == METRIC_NAME &&
			!otlp_wire_text(&metric, &field, METRICS_PATH ".name", &name))
			return false;
		if (field.number == METRIC_UNIT &&
			!otlp_wire_text(&metric, &field, METRICS_PATH ".unit", &unit))
			return false;
	}
	return !wire_reader_failed(&metric) &&
		   otlp_metric_settle(name, unit, &calls->metric, calls->error);
}

static bool
take_metric(void *context, const otlp_resource *resource, wire_reader *metric)
{
	call_decoder *calls = context;
	wire_field field;

	if (!read_metric(calls, *metric))
		return false;
	if (calls->metric.kind == OTLP_METRIC_OTHER)
		return true;
	calls->resource = resource;
	while (wire_reader_next(metric, &field))
	{
		if (field.number != METRIC_HISTOGRAM && field.number != METRIC_EXPONENTIAL)
			continue;
		if (!wire_expect(metric, &field, WIRE_BYTES, METRICS_PATH) ||
			!take_histogram(calls, metric, &field, field.number == METRIC_EXPONENTIAL))
			return false;
	}
	return !wire_reader_failed(metric);
}

int64_t
decode_otlp_metrics_proto(const char *payload, size_t length, decode_call_sink sink,
						  void *sink_context, decode_error *error)
{
	call_decoder calls;

	calls.sink = sink;
	calls.sink_context = sink_context;
	calls.error = error;
	calls.taken = 0;
	return otlp_wire_request(payload, length, &paths, take_metric, &calls, error) ? calls.taken
																				  : -1;
}
