/*
 * readings.c
 *		The readings of an edge in two ranges of time: which differ.
 */
#include "window/readings.h"

#include <math.h>

#include "window/significance.h"

#define NANOSECONDS_PER_MS 1000000.0

static double
counter(const ranged_traffic *traffic, traffic_counter number)
{
	return (double) traffic->value->counters[number];
}

static double
bytes(const ranged_traffic *traffic)
{
	return counter(traffic, TRAFFIC_BYTES_SENT) + counter(traffic, TRAFFIC_BYTES_RECEIVED);
}

static double
attempts(const ranged_traffic *traffic)
{
	return counter(traffic, TRAFFIC_FAILED) + counter(traffic, TRAFFIC_CONNECTIONS);
}

static bool
share_of(double part, double whole, double *value)
{
	*value = whole > 0 ? part / whole : 0;
	return whole > 0;
}

static bool
quantile_ms(const ranged_traffic *traffic, double q, double *value)
{
	if (!sketch_quantile(&traffic->value->latency, q, value))
		return false;
	*value /= NANOSECONDS_PER_MS;
	return true;
}

bool
reading_value(const ranged_traffic *traffic, reading which, double *value)
{
	switch (which)
	{
		case READING_REQUESTS:
			*value = counter(traffic, TRAFFIC_REQUESTS) / traffic->seconds;
			return true;
		case READING_ERRORS:
			return share_of(counter(traffic, TRAFFIC_ERRORS), counter(traffic, TRAFFIC_REQUESTS),
							value);
		case READING_P50:
			return quantile_ms(traffic, 0.5, value);
		case READING_P99:
			return quantile_ms(traffic, 0.99, value);
		case READING_CONNECTIONS:
			*value = counter(traffic, TRAFFIC_CONNECTIONS) / traffic->seconds;
			return true;
		case READING_FAILED:
			return share_of(counter(traffic, TRAFFIC_FAILED), attempts(traffic), value);
		case READING_BYTES:
			*value = bytes(traffic) / traffic->seconds;
			return true;
		case READINGS:
			break;
	}
	return false;
}

static bool
counts_differ(const ranged_traffic *a, const ranged_traffic *b, traffic_counter number,
			  double least)
{
	return rate_differs(counter(a, number), a->seconds, counter(b, number), b->seconds, least);
}

/* What brings the bytes; on connections that stay open, some packets at a time. */
static double
events(const ranged_traffic *traffic)
{
	double packets =
		counter(traffic, TRAFFIC_PACKETS_SENT) + counter(traffic, TRAFFIC_PACKETS_RECEIVED);

	return fmax(counter(traffic, TRAFFIC_CONNECTIONS) + counter(traffic, TRAFFIC_REQUESTS),
				packets / 16);
}

static bool
latency_differs(const ranged_traffic *a, const ranged_traffic *b, double q, double least)
{
	return quantile_differs(&a->value->latency, &b->value->latency, q, 1 + (least - 1) / 2);
}

static bool
reading_differs(const ranged_traffic *a, const ranged_traffic *b, reading which, double least)
{
	switch (which)
	{
		case READING_REQUESTS:
			return counts_differ(a, b, TRAFFIC_REQUESTS, least);
		case READING_ERRORS:
			return share_differs(counter(a, TRAFFIC_ERRORS), counter(a, TRAFFIC_REQUESTS),
								 counter(b, TRAFFIC_ERRORS), counter(b, TRAFFIC_REQUESTS), least);
		case READING_P50:
			return latency_differs(a, b, 0.5, least);
		case READING_P99:
			return latency_differs(a, b, 0.99, least);
		case READING_CONNECTIONS:
			return counts_differ(a, b, TRAFFIC_CONNECTIONS, least);
		case READING_FAILED:
			return share_differs(counter(a, TRAFFIC_FAILED), attempts(a),
								 counter(b, TRAFFIC_FAILED), attempts(b), least);
		case READING_BYTES:
			return volume_differs(bytes(a), events(a), a->seconds, bytes(b), events(b), b->seconds,
								  least);
		case READINGS:
			break;
	}
	return false;
}

uint32
readings_changed(const ranged_traffic *before, const ranged_traffic *after, double least)
{
	uint32 changed = 0;

	for (reading which = 0; which < READINGS; which++)
		changed |= (uint32) reading_differs(before, after, which, least) << which;
	return changed;
}
