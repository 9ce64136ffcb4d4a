/*
 * significance.c
 *		Whether two readings of an edge differ by more than chance.
 *
 * Counts are taken for those of a Poisson process, parts for those of a
 * binomial one, both after a transformation that makes their variance the same
 * for all sizes, low counts included (Anscombe, "The transformation of Poisson,
 * binomial and negative-binomial data", Biometrika 35, 1948).
 */
#include "window/significance.h"

#include <math.h>

/* Each of two intervals that must not meet: together they are apart by more than SIGNIFICANCE_Z. */
#define QUANTILE_Z 3.0

/*
 * Variance over squared mean of what events add, plus one: that of sizes spread
 * as wide as bytes of connections usually are.
 */
#define SPREAD 10.0

static bool
is_far(double a, double b, double least)
{
	return fmax(a, b) >= least * fmin(a, b) && a != b;
}

bool
rate_differs(double count1, double seconds1, double count2, double seconds2, double least)
{
	double ratio = seconds2 / seconds1;
	double z = 2 * (sqrt(count2 + 0.375) - sqrt(ratio * (count1 + 0.375))) / sqrt(1 + ratio);

	return fabs(z) > SIGNIFICANCE_Z && is_far(count1 / seconds1, count2 / seconds2, least);
}

static double
transformed_share(double part, double whole)
{
	return asin(sqrt((part + 0.375) / (whole + 0.75)));
}

bool
share_differs(double part1, double whole1, double part2, double whole2, double least)
{
	double z;

	if (whole1 <= 0 || whole2 <= 0)
		return false;
	z = 2 * (transformed_share(part2, whole2) - transformed_share(part1, whole1)) /
		sqrt(1 / (whole1 + 0.5) + 1 / (whole2 + 0.5));
	return fabs(z) > SIGNIFICANCE_Z && is_far(part1 / whole1, part2 / whole2, least);
}

bool
volume_differs(double sum1, double events1, double seconds1, double sum2, double events2,
			   double seconds2, double least)
{
	double z;

	if (events1 <= 0 || events2 <= 0)
		return false;
	z = log((sum2 + 1) / seconds2 / ((sum1 + 1) / seconds1)) /
		sqrt(SPREAD / events1 + SPREAD / events2);
	return fabs(z) > SIGNIFICANCE_Z && is_far(sum1 / seconds1, sum2 / seconds2, least);
}

/*
 * Between which latencies a quantile is, as far as so many samples tell: there
 * may be no upper bound.
 */
static void
quantile_interval(const sketch *latency, double q, double *low, double *high)
{
	double margin = QUANTILE_Z / (2 * sqrt((double) sketch_count(latency)));
	double angle = asin(sqrt(q));

	*low = 0;
	*high = INFINITY;
	if (angle - margin > 0)
		(void) sketch_quantile(latency, pow(sin(angle - margin), 2), low);
	if (angle + margin < M_PI_2)
		(void) sketch_quantile(latency, pow(sin(angle + margin), 2), high);
}

bool
quantile_differs(const sketch *latency1, const sketch *latency2, double q, double least)
{
	double error = (1 + SKETCH_ALPHA) / (1 - SKETCH_ALPHA);
	double low1, high1, low2, high2, at1, at2;

	if (sketch_count(latency1) == 0 || sketch_count(latency2) == 0)
		return false;
	quantile_interval(latency1, q, &low1, &high1);
	quantile_interval(latency2, q, &low2, &high2);
	if (low2 <= high1 * error && low1 <= high2 * error)
		return false;
	return sketch_quantile(latency1, q, &at1) && sketch_quantile(latency2, q, &at2) &&
		   is_far(at1, at2, least);
}
