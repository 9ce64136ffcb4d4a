/*
 * json_histogram.c
 *		The arrays of a histogram, JSON.
 *
 * Owns no memory.
 */
#include "decode/json_histogram.h"

/* Read an array of scalars, handing each to add. */
static bool
read_list(json_decoder *decoder, const json_field *field, json_event event,
		  decode_histogram *histogram, bool (*add)(decode_histogram *histogram, flow_text number))
{
	if (event.kind != JSON_KIND_ARRAY_START)
		return json_field_refuse(decoder, field);
	for (;;)
	{
		event = json_reader_next(decoder->reader);
		if (event.kind == JSON_KIND_ARRAY_END)
			return true;
		if (event.kind == JSON_KIND_ERROR)
			return false;
		if ((event.kind != JSON_KIND_NUMBER && event.kind != JSON_KIND_STRING) ||
			!add(histogram, json_text(event)))
			return json_field_refuse(decoder, field);
	}
}

static bool
add_bound(decode_histogram *histogram, flow_text number)
{
	double bound;

	return json_number(number, &bound) && decode_histogram_add_bound(histogram, bound);
}

static bool
add_count(decode_histogram *histogram, flow_text number)
{
	int64_t count;

	return decode_integer(number, 0, (int64_t) FLOW_COUNTER_MAX, &count) &&
		   decode_histogram_add_count(histogram, (uint64_t) count);
}

bool
json_histogram_bounds(json_decoder *decoder, const json_field *field, json_event event,
					  decode_histogram *histogram)
{
	histogram->bound_count = 0;
	return read_list(decoder, field, event, histogram, add_bound);
}

bool
json_histogram_counts(json_decoder *decoder, const json_field *field, json_event event,
					  decode_histogram *histogram)
{
	histogram->count_count = 0;
	return read_list(decoder, field, event, histogram, add_count);
}
