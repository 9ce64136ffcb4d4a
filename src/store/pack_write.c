/*
 * pack_write.c
 *		Windows of many edges in one value: writing them.
 *
 * pack.h describes the bytes.  The windows are written as they come, the number of
 * them goes in front when all are there.  The memory doubles as it is needed.
 */
#include "store/pack.h"

#include <string.h>

#include "store/pack_bits.h"
#include "store/varint.h"

#define HEADER_MAX (1 + 3 * VARINT_MAX)

/* A window without its way and latencies: a shape and at most 5 + 13 + 1 numbers. */
#define WINDOW_MAX (64 + (5 + TRAFFIC_COUNTERS + 2) * VARINT_MAX)

typedef struct written_shape
{
	uint32_t bits;
	int32_t type;
	int32_t via_count;
	float confidence;
	float app_confidence;
	size_t via; /* where its way is in the bytes */
	size_t via_length;
} written_shape;

struct pack_writer
{
	sketch_allocator allocator;
	int64_t begin;
	int64_t length;
	uint8_t *bytes;
	size_t used;
	size_t capacity;
	uint32_t count;
	int64_t src;
	int64_t dst;
	int64_t endpoint;
	int shape_count;
	int last_shape;
	written_shape shapes[PACK_SHAPES];
};

pack_writer *
pack_writer_make(int64_t begin, int64_t length, sketch_allocator allocator)
{
	pack_writer *writer = allocator.resize(allocator.context, NULL, sizeof(*writer));

	if (writer != NULL)
	{
		memset(writer, 0, sizeof(*writer));
		writer->allocator = allocator;
		writer->begin = begin;
		writer->length = length;
	}
	return writer;
}

void
pack_writer_free(pack_writer *writer)
{
	sketch_allocator allocator = writer->allocator;

	if (writer->bytes != NULL)
		allocator.resize(allocator.context, writer->bytes, 0);
	allocator.resize(allocator.context, writer, 0);
}

static bool
reserve(pack_writer *writer, size_t more)
{
	size_t needed = writer->used + more;
	size_t doubled = writer->capacity * 2;
	uint8_t *grown;

	if (needed <= writer->capacity)
		return true;
	if (needed < doubled)
		needed = doubled;
	grown = writer->allocator.resize(writer->allocator.context, writer->bytes, needed);
	if (grown == NULL)
		return false;
	writer->bytes = grown;
	writer->capacity = needed;
	return true;
}

static uint32_t
counter_bits(const traffic_value *traffic)
{
	uint32_t bits = 0;

	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
		bits |= (uint32_t) (traffic->counters[i] != 0) << i;
	if (traffic->latency.zero != 0)
		bits |= PACK_ZERO;
	if (traffic->latency.bucket_count != 0)
		bits |= PACK_BUCKETS;
	return bits;
}

static int64_t
last_from_end(const pack_writer *writer, const pack_window *window)
{
	return wrapped_difference(wrapped_sum(writer->begin, writer->length), window->last_seen);
}

static int64_t
last_from_first(const pack_window *window)
{
	return wrapped_difference(window->last_seen, window->first_seen);
}

static uint32_t
window_bits(const pack_writer *writer, const pack_window *window, const traffic_value *traffic)
{
	uint32_t bits = counter_bits(traffic);

	if (window->has_endpoint)
		bits |= PACK_ENDPOINT;
	if (window->via_count >= 0)
		bits |= PACK_VIA;
	if (window->app_confidence != window->confidence)
		bits |= PACK_APP_CONFIDENCE;
	if ((uint64_t) last_from_end(writer, window) < (uint64_t) last_from_first(window))
		bits |= PACK_LAST_FROM_END;
	return bits;
}

static bool
is_shape(const pack_writer *writer, const written_shape *a, const written_shape *b)
{
	return a->bits == b->bits && a->type == b->type && a->via_count == b->via_count &&
		   a->confidence == b->confidence && a->app_confidence == b->app_confidence &&
		   a->via_length == b->via_length &&
		   (a->via_length == 0 ||
			memcmp(writer->bytes + a->via, writer->bytes + b->via, a->via_length) == 0);
}

/* The number of a shape like this one; 0: there is none. */
static int
find_shape(pack_writer *writer, const written_shape *shape)
{
	if (writer->shape_count > 0 && is_shape(writer, &writer->shapes[writer->last_shape], shape))
		return writer->last_shape + 1;
	for (int i = 0; i < writer->shape_count; i++)
	{
		if (is_shape(writer, &writer->shapes[i], shape))
		{
			writer->last_shape = i;
			return i + 1;
		}
	}
	return 0;
}

/* Write the shape in full, at out; what is already there is its way, at its place. */
static uint8_t *
write_shape(uint8_t *out, written_shape *shape)
{
	*out++ = 0;
	out = varint_write(out, shape->bits);
	out = varint_write(out, zigzag(shape->type));
	memcpy(out, &shape->confidence, sizeof(float));
	out += sizeof(float);
	if (shape->bits & PACK_APP_CONFIDENCE)
	{
		memcpy(out, &shape->app_confidence, sizeof(float));
		out += sizeof(float);
	}
	return out;
}

/* Encode a way beyond what is used, far enough off that the shape fits before it. */
static void
stage_via(pack_writer *writer, written_shape *shape, const int64_t *via)
{
	uint8_t *start = writer->bytes + writer->used + WINDOW_MAX;
	uint8_t *out = start;

	for (int32_t i = 0; i < shape->via_count; i++)
		out = varint_write(out, zigzag(via[i]));
	shape->via = (size_t) (start - writer->bytes);
	shape->via_length = (size_t) (out - start);
}

static uint8_t *
write_via(pack_writer *writer, uint8_t *out, written_shape *shape)
{
	if (shape->via_count < 0)
		return out;
	out = varint_write(out, (uint64_t) shape->via_count);
	memmove(out, writer->bytes + shape->via, shape->via_length);
	shape->via = (size_t) (out - writer->bytes);
	return out + shape->via_length;
}

static uint8_t *
write_new_shape(pack_writer *writer, uint8_t *out, written_shape *shape)
{
	out = write_shape(out, shape);
	out = write_via(writer, out, shape);
	if (writer->shape_count < PACK_SHAPES)
	{
		writer->last_shape = writer->shape_count;
		writer->shapes[writer->shape_count++] = *shape;
	}
	return out;
}

static uint8_t *
write_ends(pack_writer *writer, uint8_t *out, const pack_window *window)
{
	uint64_t step = (uint64_t) window->src - (uint64_t) writer->src;

	out = varint_write(out, step);
	out = varint_write(out, (uint64_t) window->dst - (step == 0 ? (uint64_t) writer->dst : 0));
	if (window->has_endpoint)
	{
		out = varint_write(out, zigzag(wrapped_difference(window->endpoint, writer->endpoint)));
		writer->endpoint = window->endpoint;
	}
	writer->src = window->src;
	writer->dst = window->dst;
	return out;
}

static uint8_t *
write_traffic(uint8_t *out, const traffic_value *traffic)
{
	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
	{
		if (traffic->counters[i] != 0)
			out = varint_write(out, (uint64_t) traffic->counters[i]);
	}
	if (traffic->latency.zero != 0)
		out = varint_write(out, (uint64_t) traffic->latency.zero);
	if (traffic->latency.bucket_count != 0)
	{
		out = varint_write(out, traffic_value_buckets_length(traffic));
		out = traffic_value_encode_buckets(traffic, out);
	}
	return out;
}

static uint8_t *
write_window(pack_writer *writer, uint8_t *out, const pack_window *window,
			 const traffic_value *traffic, uint32_t bits)
{
	out = write_ends(writer, out, window);
	out = varint_write(out, (uint64_t) window->first_seen - (uint64_t) writer->begin);
	out = varint_write(out, (uint64_t) (bits & PACK_LAST_FROM_END ? last_from_end(writer, window)
																  : last_from_first(window)));
	return write_traffic(out, traffic);
}

bool
pack_writer_add(pack_writer *writer, const pack_window *window, const int64_t *via,
				const traffic_value *traffic)
{
	size_t ways = window->via_count > 0 ? (size_t) window->via_count * VARINT_MAX : 0;
	written_shape shape = {.bits = window_bits(writer, window, traffic),
						   .type = window->type,
						   .via_count = window->via_count,
						   .confidence = window->confidence,
						   .app_confidence = window->app_confidence};
	uint8_t *out;
	int number;

	if (!reserve(writer, 2 * WINDOW_MAX + 2 * ways + traffic_value_encoded_max(traffic)))
		return false;
	stage_via(writer, &shape, via);
	number = find_shape(writer, &shape);
	out = writer->bytes + writer->used;
	if (number > 0)
		*out++ = (uint8_t) number;
	else
		out = write_new_shape(writer, out, &shape);
	out = write_window(writer, out, window, traffic, shape.bits);
	writer->used = (size_t) (out - writer->bytes);
	writer->count++;
	return true;
}

uint32_t
pack_writer_count(const pack_writer *writer)
{
	return writer->count;
}

size_t
pack_writer_size(const pack_writer *writer)
{
	return HEADER_MAX + writer->used;
}

static void
make_empty(pack_writer *writer)
{
	writer->used = 0;
	writer->count = 0;
	writer->src = 0;
	writer->dst = 0;
	writer->endpoint = 0;
	writer->shape_count = 0;
	writer->last_shape = 0;
}

size_t
pack_writer_finish(pack_writer *writer, uint8_t *out)
{
	uint8_t *start = out;

	*out++ = PACK_VERSION;
	out = varint_write(out, writer->count);
	out = varint_write(out, zigzag(writer->begin));
	out = varint_write(out, (uint64_t) writer->length);
	if (writer->used > 0)
		memcpy(out, writer->bytes, writer->used);
	out += writer->used;
	make_empty(writer);
	return (size_t) (out - start);
}
