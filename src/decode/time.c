/*
 * time.c
 *		Times as text.
 *
 * Owns no memory, and does not ask for a time zone of the machine.
 */
#include "decode/time.h"

#include <string.h>

/* Consume count digits. */
static bool
digits(flow_text *rest, uint32_t count, int64_t *value)
{
	if (rest->length < count ||
		!decode_integer((flow_text){rest->data, count}, 0, INT64_MAX, value) ||
		rest->data[0] == '-')
		return false;
	rest->data += count;
	rest->length -= count;
	return true;
}

/* Consume one character of a set; returns it, or NUL. */
static char
one_of(flow_text *rest, const char *set)
{
	char c = rest->length > 0 ? rest->data[0] : '\0';

	if (c == '\0' || strchr(set, c) == NULL)
		return '\0';
	rest->data++;
	rest->length--;
	return c;
}

/* Days from 1970-01-01, in the Gregorian calendar; years begin in March. */
static int64_t
day_number(int64_t year, int64_t month, int64_t day)
{
	int64_t years = month > 2 ? year : year - 1;
	int64_t months = (month + 9) % 12;

	return 365 * years + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day - 1 -
		   719468;
}

static int64_t
days_in(int64_t year, int64_t month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static bool
read_date(flow_text *rest, int64_t *seconds)
{
	int64_t year, month, day;

	if (!digits(rest, 4, &year) || !one_of(rest, "-") || !digits(rest, 2, &month) ||
		!one_of(rest, "-") || !digits(rest, 2, &day))
		return false;
	if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 ||
		day > days_in(year, month))
		return false;
	*seconds = day_number(year, month, day) * 86400;
	return true;
}

static bool
read_clock(flow_text *rest, int64_t *seconds)
{
	int64_t hour, minute, second;

	if (!digits(rest, 2, &hour) || !one_of(rest, ":") || !digits(rest, 2, &minute) ||
		!one_of(rest, ":") || !digits(rest, 2, &second))
		return false;
	*seconds = hour * 3600 + minute * 60 + second;
	return hour < 24 && minute < 60 && second <= 60;
}

static bool
read_fraction(flow_text *rest, int64_t *ns)
{
	int64_t unit = DECODE_NS_PER_SECOND;
	int64_t digit;

	*ns = 0;
	if (!one_of(rest, "."))
		return true;
	if (!digits(rest, 1, &digit))
		return false;
	do
	{
		unit /= 10;
		*ns += digit * unit;
	} while (digits(rest, 1, &digit));
	return true;
}

/* Seconds that the clock is ahead of UTC. */
static bool
read_offset(flow_text *rest, int64_t *seconds)
{
	int64_t hours, minutes;
	char sign = one_of(rest, "Zz+-");

	*seconds = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	if (sign == '\0' || !digits(rest, 2, &hours) || !one_of(rest, ":") ||
		!digits(rest, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*seconds = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

bool
decode_time(flow_text text, int64_t *ns)
{
	int64_t date, clock, fraction, offset;

	if (!read_date(&text, &date) || !one_of(&text, "Tt ") || !read_clock(&text, &clock) ||
		!read_fraction(&text, &fraction) || !read_offset(&text, &offset) || text.length > 0)
		return false;
	*ns = (date + clock - offset) * DECODE_NS_PER_SECOND + fraction;
	return true;
}
