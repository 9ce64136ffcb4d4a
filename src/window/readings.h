/*
 * readings.h
 *		The readings of an edge in two ranges of time: which differ, and how people read
 *		that.
 */
#ifndef TOPOLOGY_WINDOW_READINGS_H
#define TOPOLOGY_WINDOW_READINGS_H

#include "store/traffic.h"

#include "lib/stringinfo.h"

/* In the order in which they are told. */
typedef enum reading
{
	READING_REQUESTS,
	READING_ERRORS,
	READING_P50,
	READING_P99,
	READING_CONNECTIONS,
	READING_FAILED,
	READING_BYTES,
	READINGS
} reading;

/* The traffic of an edge in one range. */
typedef struct ranged_traffic
{
	const traffic_value *value;
	double seconds; /* that were answered for, above 0 */
} ranged_traffic;

/* A rate by second, or a share of 0 to 1, or milliseconds; false: there is none to tell of. */
extern bool reading_value(const ranged_traffic *traffic, reading which, double *value);

/*
 * Which readings differ by more than chance, and at least so many times, as bits 1 <<
 * reading.  Latency counts as changed if it is half as far from the same as is asked for
 * of rates: it varies less by itself.
 */
extern uint32 readings_changed(const ranged_traffic *before, const ranged_traffic *after,
							   double least);

/* Append what those readings were and are: "requests 30/min -> 1.5/s, errors 0 % -> 20 %". */
extern void readings_append_change(StringInfo out, uint32 readings, const ranged_traffic *before,
								   const ranged_traffic *after);

/*
 * Append what an edge carried in the range that it is in; other_seconds is the length of
 * the range that it is not in.
 */
extern void readings_append_presence(StringInfo out, bool added, const ranged_traffic *traffic,
									 double other_seconds);

#endif /* TOPOLOGY_WINDOW_READINGS_H */
