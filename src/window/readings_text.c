/*
 * readings_text.c
 *		The readings of an edge in two ranges of time, as people read them.
 *
 * Numbers have three digits, and no more than they need.
 */
#include "window/readings.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "fmgr.h"
#include "utils/builtins.h"

/* Edges that had less than that by rate were missed by chance in one of a hundred. */
#define CHANCE_EVENTS 5

/* The first digits of a number, as a whole number that stands for digits * 10^-decimals. */
static int64
round_decimally(double value, int decimals)
{
	char text[DBL_DIG + 16];
	int64 digits = 0;
	int spare;
	int64 unit = 1;

	snprintf(text, sizeof(text), "%.*e", DBL_DIG - 1, value);
	for (const char *c = text; *c != 'e'; c++)
	{
		if (*c != '.')
			digits = digits * 10 + (*c - '0');
	}
	spare = DBL_DIG - 1 - atoi(strchr(text, 'e') + 1) - decimals;
	while (spare-- > 0)
		unit *= 10;
	return (digits + unit / 2) / unit;
}

static void
append_decimals(StringInfo out, int64 digits, int decimals)
{
	char all[32];
	int length;

	while (decimals > 0 && digits % 10 == 0)
	{
		digits /= 10;
		decimals--;
	}
	length = snprintf(all, sizeof(all), INT64_FORMAT, digits);
	if (decimals == 0)
		appendStringInfoString(out, all);
	else if (length > decimals)
		appendStringInfo(out, "%.*s.%s", length - decimals, all, all + length - decimals);
	else
	{
		appendStringInfoString(out, "0.");
		for (int zeros = length; zeros < decimals; zeros++)
			appendStringInfoChar(out, '0');
		appendStringInfoString(out, all);
	}
}

/* A number that is not negative, in three digits. */
static void
append_number(StringInfo out, double value)
{
	int decimals;

	if (value == 0 || value >= 100)
	{
		appendStringInfo(out, "%.0f", rint(value));
		return;
	}
	decimals = Max(2 - (int) floor(log10(value)), 0);
	append_decimals(out, round_decimally(value, decimals), decimals);
}

static void
append_rate(StringInfo out, double by_second)
{
	if (by_second == 0)
	{
		appendStringInfoChar(out, '0');
		return;
	}
	if (by_second >= 1)
		append_number(out, by_second);
	else if (by_second * 60 >= 1)
		append_number(out, by_second * 60);
	else
		append_number(out, by_second * 3600);
	appendStringInfoString(out, by_second >= 1 ? "/s" : by_second * 60 >= 1 ? "/min" : "/h");
}

static void
append_volume(StringInfo out, double by_second)
{
	Datum whole = Int64GetDatum((int64) rint(Min(by_second, 9e18)));
	Datum pretty = DirectFunctionCall1(pg_size_pretty, whole);

	appendStringInfo(out, "%s/s", TextDatumGetCString(pretty));
}

static void
append_reading(StringInfo out, const ranged_traffic *traffic, reading which)
{
	double value;

	if (!reading_value(traffic, which, &value))
	{
		appendStringInfoString(out, "none");
		return;
	}
	switch (which)
	{
		case READING_REQUESTS:
		case READING_CONNECTIONS:
			append_rate(out, value);
			break;
		case READING_ERRORS:
		case READING_FAILED:
			append_number(out, 100 * value);
			appendStringInfoString(out, " %");
			break;
		case READING_P50:
		case READING_P99:
			append_number(out, value);
			appendStringInfoString(out, " ms");
			break;
		case READING_BYTES:
			append_volume(out, value);
			break;
		case READINGS:
			break;
	}
}

static const char *const reading_names[READINGS] = {
	"requests", "errors", "p50", "p99", "connections", "failed", "bytes",
};

void
readings_append_change(StringInfo out, uint32 readings, const ranged_traffic *before,
					   const ranged_traffic *after)
{
	const char *separator = "";

	for (reading which = 0; which < READINGS; which++)
	{
		if (!(readings & (uint32) 1 << which))
			continue;
		appendStringInfo(out, "%s%s ", separator, reading_names[which]);
		append_reading(out, before, which);
		appendStringInfoString(out, " -> ");
		append_reading(out, after, which);
		separator = ", ";
	}
}

/* "3 errors", where there are some. */
static void
append_count(StringInfo out, const char **separator, int64 count, const char *noun,
			 const char *plural)
{
	if (count == 0)
		return;
	appendStringInfo(out, "%s" INT64_FORMAT " %s%s", *separator, count, noun,
					 count == 1 ? "" : plural);
	*separator = ", ";
}

void
readings_append_presence(StringInfo out, bool added, const ranged_traffic *traffic,
						 double other_seconds)
{
	const int64_t *counters = traffic->value->counters;
	double seen = (double) counters[TRAFFIC_REQUESTS] + (double) counters[TRAFFIC_CONNECTIONS] +
				  (double) counters[TRAFFIC_FAILED];
	const char *separator = "";
	double volume = 0;

	appendStringInfoString(out, added ? "new: " : "gone: ");
	append_count(out, &separator, counters[TRAFFIC_REQUESTS], "request", "s");
	append_count(out, &separator, counters[TRAFFIC_ERRORS], "error", "s");
	append_count(out, &separator, counters[TRAFFIC_CONNECTIONS], "connection", "s");
	append_count(out, &separator, counters[TRAFFIC_FAILED], "failed", "");
	if (*separator == '\0' && reading_value(traffic, READING_BYTES, &volume))
		append_volume(out, volume);
	if (seen * other_seconds / traffic->seconds < CHANCE_EVENTS)
		appendStringInfoString(out, ", so few that it may be chance");
}
