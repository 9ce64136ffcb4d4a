/*
 * otlp_sampling.c
 *		How many operations a sampled span stands for.
 *
 * Owns no memory.
 */
#include "decode/otlp_sampling.h"

#include <math.h>
#include <string.h>

#define THRESHOLD_DIGITS 14
#define P_NEVER          63

/* The part of *rest before a separator, blanks around it dropped; false: there is none. */
static bool
next_part(flow_text *rest, char separator, flow_text *part)
{
	const char *end;

	if (rest->data == NULL)
		return false;
	end = memchr(rest->data, separator, rest->length);
	*part = (flow_text){rest->data, end != NULL ? (uint32_t) (end - rest->data) : rest->length};
	if (end == NULL)
		*rest = (flow_text){NULL, 0};
	else
		*rest = (flow_text){end + 1, rest->length - part->length - 1};
	while (part->length > 0 && (part->data[0] == ' ' || part->data[0] == '\t'))
		*part = (flow_text){part->data + 1, part->length - 1};
	while (part->length > 0 &&
		   (part->data[part->length - 1] == ' ' || part->data[part->length - 1] == '\t'))
		part->length--;
	return true;
}

/* Cut what text begins with off; false: it begins with something else. */
static bool
cut_prefix(flow_text *text, const char *prefix)
{
	uint32_t length = (uint32_t) strlen(prefix);

	if (text->length < length || memcmp(text->data, prefix, length) != 0)
		return false;
	*text = (flow_text){text->data + length, text->length - length};
	return true;
}

/* The value of a key in the ot member of a tracestate. */
static bool
find_in_trace_state(flow_text trace_state, const char *key, flow_text *value)
{
	flow_text member, pair;

	if (trace_state.length == 0)
		return false;
	while (next_part(&trace_state, ',', &member))
	{
		if (!cut_prefix(&member, "ot="))
			continue;
		while (next_part(&member, ';', &pair))
			if (cut_prefix(&pair, key))
			{
				*value = pair;
				return true;
			}
	}
	return false;
}

static int
lower_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
count_of_threshold(flow_text digits, double *count)
{
	uint64_t threshold = 0;

	if (digits.length == 0 || digits.length > THRESHOLD_DIGITS)
		return false;
	for (uint32_t i = 0; i < THRESHOLD_DIGITS; i++)
	{
		int digit = i < digits.length ? lower_hex_digit(digits.data[i]) : 0;

		if (digit < 0)
			return false;
		threshold = threshold << 4 | (uint64_t) digit;
	}
	*count = SPAN_MAX_ADJUSTED_COUNT / (double) ((UINT64_C(1) << 4 * THRESHOLD_DIGITS) - threshold);
	return true;
}

static bool
count_of_p(flow_text digits, double *count)
{
	int64_t p;

	if (!decode_integer(digits, 0, P_NEVER, &p))
		return false;
	*count = p == P_NEVER ? 0 : fmin(ldexp(1, (int) p), SPAN_MAX_ADJUSTED_COUNT);
	return true;
}

double
otlp_adjusted_count(flow_text trace_state, const otlp_attributes *attributes)
{
	flow_text value;
	double count;

	if (find_in_trace_state(trace_state, "th:", &value) && count_of_threshold(value, &count))
		return count;
	if (find_in_trace_state(trace_state, "p:", &value) && count_of_p(value, &count))
		return count;
	if (otlp_number(attributes, OTLP_SAMPLING_PROBABILITY, &count) &&
		count >= 1 / SPAN_MAX_ADJUSTED_COUNT && count <= 1)
		return 1 / count;
	if (otlp_number(attributes, OTLP_SAMPLE_RATE, &count) && count >= 1 &&
		count <= SPAN_MAX_ADJUSTED_COUNT)
		return count;
	return 1;
}
