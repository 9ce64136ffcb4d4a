/*
 * significance.h
 *		Whether two readings of an edge differ by more than chance.
 *
 * A difference counts if it is as great as is asked for (least: so many times
 * as much, or as little) and chance alone would hardly make it: the transformed
 * readings are more than SIGNIFICANCE_Z standard errors apart, of which one in
 * ten thousand is by chance, so that a map of many edges that have not changed
 * shows hardly any.
 *
 * Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_WINDOW_SIGNIFICANCE_H
#define TOPOLOGY_WINDOW_SIGNIFICANCE_H

#include <stdbool.h>

#include "store/sketch.h"

#define SIGNIFICANCE_Z 4.0

/* Counts of events, such as requests, in so many seconds each. */
extern bool rate_differs(double count1, double seconds1, double count2, double seconds2,
						 double least);

/* Parts of a whole, such as errors of requests; parts are not above their wholes. */
extern bool share_differs(double part1, double whole1, double part2, double whole2, double least);

/*
 * Sums over events, such as the bytes of connections, in so many seconds each.
 * How much one event adds is not known but for its mean; it may vary widely.
 */
extern bool volume_differs(double sum1, double events1, double seconds1, double sum2,
						   double events2, double seconds2, double least);

/* Quantiles of latencies, where there are enough of these to know them. */
extern bool quantile_differs(const sketch *latency1, const sketch *latency2, double q,
							 double least);

#endif /* TOPOLOGY_WINDOW_SIGNIFICANCE_H */
