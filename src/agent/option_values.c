/*
 * option_values.c
 *		Values of options of the command line.
 */
#include "agent/option_values.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "agent/command.h"

#define SECOND    1000000000ULL
#define MOST_SIZE (1ULL << 30)

bool
option_refuse(const char *option, const char *value, const char *expected)
{
	agent_fail(AGENT_USAGE, "--%s \"%s\": expected %s", option, value, expected);
	return false;
}

/* A number at the begin of text, up to most; rest is what follows. */
static bool
parse_number(const char *text, uint64_t most, uint64_t *number, char **rest)
{
	errno = 0;
	*number = strtoull(text, rest, 10);
	return errno == 0 && *rest != text && text[0] >= '0' && text[0] <= '9' && *number <= most;
}

bool
option_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
	char expected[64];
	char *rest;

	if (parse_number(text, most, number, &rest) && *rest == '\0' && *number >= least)
		return true;
	snprintf(expected, sizeof(expected), "a number, %llu to %llu", (unsigned long long) least,
			 (unsigned long long) most);
	return option_refuse(option, text, expected);
}

bool
option_size(const char *option, const char *text, uint64_t *bytes)
{
	char *unit;

	if (!parse_number(text, MOST_SIZE, bytes, &unit) || *bytes == 0)
		return option_refuse(option, text, "a size such as 16MB");
	if (strcasecmp(unit, "MB") == 0 || strcasecmp(unit, "M") == 0)
		*bytes *= 1024 * 1024;
	else if (strcasecmp(unit, "kB") == 0 || strcasecmp(unit, "k") == 0)
		*bytes *= 1024;
	else if (*unit != '\0' && strcasecmp(unit, "B") != 0)
		return option_refuse(option, text, "one of the units B, kB, MB");
	return *bytes <= MOST_SIZE || option_refuse(option, text, "at most 1024MB");
}

bool
option_seconds(const char *option, const char *text, uint64_t *ns)
{
	char *rest;

	if (!parse_number(text, 86400, ns, &rest) || *rest != '\0' || *ns == 0)
		return option_refuse(option, text, "seconds, 1 to 86400");
	*ns *= SECOND;
	return true;
}

bool
option_fraction(const char *option, const char *text, int64_t least_ms, int64_t most_ms,
				int64_t *ms)
{
	char expected[64];
	char *rest;
	double seconds = strtod(text, &rest);

	if (rest != text && *rest == '\0' && isfinite(seconds) && seconds * 1000 >= (double) least_ms &&
		seconds * 1000 <= (double) most_ms)
	{
		*ms = llround(seconds * 1000);
		return true;
	}
	snprintf(expected, sizeof(expected), "seconds, %g to %g", (double) least_ms / 1000,
			 (double) most_ms / 1000);
	return option_refuse(option, text, expected);
}
