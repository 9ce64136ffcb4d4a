/*
 * pack_samples.c
 *		Random windows for tests of packs: of all shapes, times and sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pack_samples.h"

uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

uint64_t
any_number(uint64_t *state)
{
	return next_random(state) >> (next_random(state) % 64);
}

static void
fill_traffic(traffic_value *traffic, uint64_t *state)
{
	int latencies = next_random(state) % 4 == 0 ? (int) (next_random(state) % 20) : 0;

	traffic_value_init_with(traffic, sketch_allocator_malloc);
	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
	{
		if (next_random(state) % 3 == 0)
			traffic_value_add(traffic, (traffic_counter) i, any_number(state));
	}
	for (int i = 0; i < latencies; i++)
		assert_true(traffic_value_add_latency(traffic, (int64_t) (any_number(state) >> 1), 1 + i));
}

static int64_t
any_time(uint64_t *state)
{
	switch (next_random(state) % 12)
	{
		case 0:
			return (int64_t) next_random(state);
		case 1:
			return next_random(state) % 2 ? INT64_MIN : INT64_MAX;
		default:
			return SAMPLE_BEGIN + (int64_t) (next_random(state) % SAMPLE_LENGTH);
	}
}

void
sample_fill(sample *s, int64_t src, int64_t dst, uint64_t *state)
{
	pack_window *w = &s->window;

	*w =
		(pack_window){.src = src, .dst = dst, .type = (int32_t) any_number(state), .via_count = -1};
	w->has_endpoint = next_random(state) % 2;
	w->endpoint = w->has_endpoint ? (int64_t) any_number(state) : 0;
	w->first_seen = any_time(state);
	w->last_seen = any_time(state);
	w->confidence = (float) (next_random(state) % 200) / 199;
	w->app_confidence = next_random(state) % 2 ? w->confidence : 0.5F;
	if (next_random(state) % 2)
		w->via_count = (int32_t) (next_random(state) % (SAMPLE_WAYS + 1));
	for (int i = 0; i < w->via_count; i++)
		s->via[i] = (int64_t) any_number(state) - 5;
	fill_traffic(&s->traffic, state);
}

void
samples_clear(sample *samples, int count)
{
	for (int i = 0; i < count; i++)
		traffic_value_clear(&samples[i].traffic);
}

uint8_t *
samples_pack(pack_writer *writer, const sample *samples, int count, size_t *length)
{
	uint8_t *room;
	size_t bound;

	for (int i = 0; i < count; i++)
		assert_true(
			pack_writer_add(writer, &samples[i].window, samples[i].via, &samples[i].traffic));
	assert_int_equal(pack_writer_count(writer), count);
	bound = pack_writer_size(writer);
	room = malloc(bound);
	*length = pack_writer_finish(writer, room);
	assert_true(*length <= bound);
	return realloc(room, *length);
}

void
assert_window(const pack_window *window, const int64_t *via, const traffic_value *traffic,
			  const sample *s)
{
	const sketch *latency = &traffic->latency;

	assert_int_equal(window->src, s->window.src);
	assert_int_equal(window->dst, s->window.dst);
	assert_int_equal(window->has_endpoint, s->window.has_endpoint);
	assert_int_equal(window->endpoint, s->window.endpoint);
	assert_int_equal(window->first_seen, s->window.first_seen);
	assert_int_equal(window->last_seen, s->window.last_seen);
	assert_int_equal(window->type, s->window.type);
	assert_true(window->confidence == s->window.confidence);
	assert_true(window->app_confidence == s->window.app_confidence);
	assert_int_equal(window->via_count, s->window.via_count);
	if (window->via_count > 0)
		assert_memory_equal(via, s->via, (size_t) window->via_count * sizeof(int64_t));
	assert_memory_equal(traffic->counters, s->traffic.counters, sizeof(traffic->counters));
	assert_int_equal(latency->zero, s->traffic.latency.zero);
	assert_int_equal(latency->bucket_count, s->traffic.latency.bucket_count);
	for (uint32_t i = 0; i < latency->bucket_count; i++)
	{
		assert_int_equal(latency->buckets[i].index, s->traffic.latency.buckets[i].index);
		assert_int_equal(latency->buckets[i].count, s->traffic.latency.buckets[i].count);
	}
}

void
assert_read(const pack_reader *reader, const sample *s)
{
	traffic_value traffic;
	int64_t via[SAMPLE_WAYS];

	traffic_value_init_with(&traffic, sketch_allocator_malloc);
	memcpy(traffic.counters, reader->counters, sizeof(traffic.counters));
	traffic.latency.zero = reader->zero;
	assert_null(
		traffic_value_decode_buckets(reader->buckets, reader->buckets_length, &traffic.latency));
	assert_in_range(reader->window.via_count + 1, 0, SAMPLE_WAYS + 1);
	if (reader->window.via_count > 0)
		pack_read_via(reader, via);
	assert_window(&reader->window, via, &traffic, s);
	traffic_value_clear(&traffic);
}
