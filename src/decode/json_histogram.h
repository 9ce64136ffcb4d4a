/*
 * json_histogram.h
 *		The arrays of a histogram, JSON.
 */
#ifndef TOPOLOGY_DECODE_JSON_HISTOGRAM_H
#define TOPOLOGY_DECODE_JSON_HISTOGRAM_H

#include "decode/histogram.h"
#include "decode/json_fields.h"

/* What the fields demand that are read with the functions below. */
#define JSON_HISTOGRAM_BOUNDS "must be an array of at most 2048 numbers"
#define JSON_HISTOGRAM_COUNTS "must be an array of at most 2048 integers that are not negative"

/* Replace the bounds or counts of histogram by those of the array that event begins. */
extern bool json_histogram_bounds(json_decoder *decoder, const json_field *field, json_event event,
								  decode_histogram *histogram);
extern bool json_histogram_counts(json_decoder *decoder, const json_field *field, json_event event,
								  decode_histogram *histogram);

#endif /* TOPOLOGY_DECODE_JSON_HISTOGRAM_H */
