/*
 * pack_read.c
 *		Windows of many edges in one value: reading them.
 *
 * pack.h describes the bytes.  A window costs some 50 ns, since most of its numbers
 * are of one or two bytes; nothing is allocated.
 */
#include "store/pack.h"

#include <string.h>

#include "store/pack_bits.h"
#include "store/varint.h"

uint64_t
varint_read_long(varint_cursor *in)
{
	uint64_t number = 0;

	for (int shift = 0; shift < 7 * VARINT_MAX; shift += 7)
	{
		uint8_t byte;

		if (in->next == in->end)
			break;
		byte = *in->next++;
		number |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return number;
	}
	if (in->problem == NULL)
		in->problem =
			in->next == in->end ? "ends within a window" : "holds a number that is too large";
	in->next = in->end;
	return 0;
}

static varint_cursor
cursor_of(const pack_reader *reader)
{
	return (varint_cursor){reader->next, reader->end, reader->problem};
}

static void
fail(varint_cursor *in, const char *problem)
{
	if (in->problem == NULL)
		in->problem = problem;
	in->next = in->end;
}

void
pack_reader_open(pack_reader *reader, const uint8_t *data, size_t length)
{
	varint_cursor in = {data, data + length, NULL};
	int64_t span;

	memset(reader, 0, offsetof(pack_reader, shapes));
	if (length == 0)
		fail(&in, "is empty");
	else if (*in.next++ != PACK_VERSION)
		fail(&in, "is of an unknown version");
	reader->left = varint_read(&in);
	reader->begin = unzigzag(varint_read(&in));
	span = (int64_t) varint_read(&in);
	reader->finish = wrapped_sum(reader->begin, span);
	reader->next = in.next;
	reader->end = in.end;
	reader->problem = in.problem;
}

static float
read_confidence(varint_cursor *in)
{
	float confidence = 0;

	if (in->end - in->next < (ptrdiff_t) sizeof(confidence))
	{
		fail(in, "ends within a window");
		return 0;
	}
	memcpy(&confidence, in->next, sizeof(confidence));
	in->next += sizeof(confidence);
	if (!(confidence >= 0 && confidence <= 1))
		fail(in, "holds a confidence that is none");
	return confidence;
}

static void
read_via(varint_cursor *in, pack_shape *shape)
{
	uint64_t count = varint_read(in);

	/* each takes a byte at least */
	if (count > (uint64_t) (in->end - in->next) || count > INT32_MAX)
	{
		fail(in, "ends within a way");
		return;
	}
	shape->via = in->next;
	shape->via_count = (int32_t) count;
	for (uint64_t i = 0; i < count; i++)
		varint_read(in);
}

static void
read_shape(varint_cursor *in, pack_shape *shape)
{
	uint64_t bits = varint_read(in);
	int64_t type = unzigzag(varint_read(in));

	if (bits & ~(uint64_t) PACK_BITS_ALL)
		fail(in, "is of a shape that is not known");
	if (type < INT32_MIN || type > INT32_MAX)
		fail(in, "holds a type of edge that is out of range");
	*shape = (pack_shape){.bits = (uint32_t) bits, .type = (int32_t) type, .via_count = -1};
	shape->confidence = read_confidence(in);
	shape->app_confidence = bits & PACK_APP_CONFIDENCE ? read_confidence(in) : shape->confidence;
	if (bits & PACK_VIA)
		read_via(in, shape);
	shape->numbers = 2 + __builtin_popcount(bits & (PACK_COUNTERS | PACK_ZERO));
}

/* The shape of the window that comes. */
static const pack_shape *
choose_shape(pack_reader *reader, varint_cursor *in)
{
	int number = in->next < in->end ? *in->next++ : PACK_SHAPES + 1;

	if (number == 0 && reader->shape_count < PACK_SHAPES)
	{
		reader->shape_number = reader->shape_count++;
		read_shape(in, &reader->shapes[reader->shape_number]);
	}
	else if (number == 0)
	{
		reader->shape_number = PACK_NO_SHAPE;
		read_shape(in, &reader->unnumbered);
		return &reader->unnumbered;
	}
	else if (number <= reader->shape_count)
		reader->shape_number = number - 1;
	else
	{
		fail(in, "has fewer windows than it says, or one of no shape");
		return NULL;
	}
	return &reader->shapes[reader->shape_number];
}

static void
read_ends(pack_reader *reader, varint_cursor *in)
{
	pack_window *window = &reader->window;
	const pack_shape *shape = reader->shape;
	uint64_t step = varint_read(in);
	int64_t target = (int64_t) varint_read(in);

	window->src = wrapped_sum(window->src, (int64_t) step);
	window->dst = step == 0 ? wrapped_sum(window->dst, target) : target;
	window->has_endpoint = shape->bits & PACK_ENDPOINT;
	window->endpoint = 0;
	if (window->has_endpoint)
	{
		reader->last_endpoint = wrapped_sum(reader->last_endpoint, unzigzag(varint_read(in)));
		window->endpoint = reader->last_endpoint;
	}
}

static void
read_times(pack_reader *reader, varint_cursor *in)
{
	pack_window *window = &reader->window;
	int64_t last;

	window->first_seen = wrapped_sum(reader->begin, (int64_t) varint_read(in));
	last = (int64_t) varint_read(in);
	if (reader->shape->bits & PACK_LAST_FROM_END)
		window->last_seen = wrapped_difference(reader->finish, last);
	else
		window->last_seen = wrapped_sum(window->first_seen, last);
}

static int64_t
read_counter(varint_cursor *in)
{
	uint64_t counter = varint_read(in);

	if (counter <= INT64_MAX)
		return (int64_t) counter;
	fail(in, "holds a counter that is too large");
	return 0;
}

/* The buckets of a window whose shape has them. */
static void
find_buckets(pack_reader *reader, varint_cursor *in)
{
	uint64_t length = varint_read(in);

	if (length > (uint64_t) (in->end - in->next))
	{
		fail(in, "ends within a window");
		return;
	}
	reader->buckets = in->next;
	reader->buckets_length = length;
	in->next += length;
}

static void
read_traffic(pack_reader *reader, varint_cursor *in)
{
	uint32_t bits = reader->shape->bits;

	memset(reader->counters, 0, sizeof(reader->counters));
	for (uint32_t rest = bits & PACK_COUNTERS; rest != 0; rest &= rest - 1)
		reader->counters[__builtin_ctz(rest)] = read_counter(in);
	reader->zero = bits & PACK_ZERO ? read_counter(in) : 0;
	reader->buckets = NULL;
	reader->buckets_length = 0;
	if (bits & PACK_BUCKETS)
		find_buckets(reader, in);
}

/* What a window has in common with others, and its ends. */
static inline bool
read_head(pack_reader *reader, varint_cursor *in)
{
	pack_window *window = &reader->window;

	reader->shape = choose_shape(reader, in);
	if (reader->shape == NULL)
		return false;
	window->type = reader->shape->type;
	window->via_count = reader->shape->via_count;
	window->confidence = reader->shape->confidence;
	window->app_confidence = reader->shape->app_confidence;
	read_ends(reader, in);
	return true;
}

static bool
read_window(pack_reader *reader, varint_cursor *in)
{
	if (!read_head(reader, in))
		return false;
	read_times(reader, in);
	read_traffic(reader, in);
	return in->problem == NULL;
}

static bool
pass_window(pack_reader *reader, varint_cursor *in)
{
	if (!read_head(reader, in))
		return false;
	varint_skip(in, reader->shape->numbers);
	if (reader->shape->bits & PACK_BUCKETS)
		find_buckets(reader, in);
	return in->problem == NULL;
}

/* What was read of a window, or of what follows the last, goes into the reader. */
static inline bool
finish_window(pack_reader *reader, varint_cursor *in, bool there)
{
	if (there)
		reader->left--;
	else if (in->problem == NULL && in->next != in->end)
		fail(in, "has more windows than it says");
	reader->next = in->next;
	reader->problem = in->problem;
	return there;
}

bool
pack_reader_next(pack_reader *reader)
{
	varint_cursor in = cursor_of(reader);
	bool there = in.problem == NULL && reader->left > 0 && read_window(reader, &in);

	return finish_window(reader, &in, there);
}

bool
pack_reader_next_ends(pack_reader *reader)
{
	varint_cursor in = cursor_of(reader);
	bool there = in.problem == NULL && reader->left > 0 && pass_window(reader, &in);

	return finish_window(reader, &in, there);
}

void
pack_read_via(const pack_reader *reader, int64_t *via)
{
	varint_cursor in = {reader->shape->via, reader->end, NULL};

	for (int32_t i = 0; i < reader->shape->via_count; i++)
		via[i] = unzigzag(varint_read(&in));
}
