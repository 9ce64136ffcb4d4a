/*
 * pack_test.c
 *		Packs of windows: what is written is read back, whatever it is, and bytes
 *		that are no pack are told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/pack.h"

#define BEGIN  INT64_C(658972800000000)
#define LENGTH INT64_C(60000000)
#define MOST   300
#define WAYS   4

typedef struct sample
{
	pack_window window;
	int64_t via[WAYS];
	traffic_value traffic;
} sample;

/* xorshift64: the same numbers in every run. */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Of any size, mostly small. */
static uint64_t
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

static void
fill(sample *s, int64_t src, int64_t dst, uint64_t *state)
{
	pack_window *w = &s->window;

	*w =
		(pack_window){.src = src, .dst = dst, .type = (int32_t) any_number(state), .via_count = -1};
	w->has_endpoint = next_random(state) % 2;
	w->endpoint = w->has_endpoint ? (int64_t) any_number(state) : 0;
	w->first_seen = next_random(state) % 9 ? BEGIN + (int64_t) (next_random(state) % LENGTH)
										   : (int64_t) next_random(state);
	w->last_seen = next_random(state) % 9 ? BEGIN + (int64_t) (next_random(state) % LENGTH)
										  : (int64_t) next_random(state);
	w->confidence = (float) (next_random(state) % 200) / 199;
	w->app_confidence = next_random(state) % 2 ? w->confidence : 0.5F;
	if (next_random(state) % 2)
		w->via_count = (int32_t) (next_random(state) % (WAYS + 1));
	for (int i = 0; i < w->via_count; i++)
		s->via[i] = (int64_t) any_number(state) - 5;
	fill_traffic(&s->traffic, state);
}

static int
fill_all(sample *samples, uint64_t *state)
{
	int count = (int) (next_random(state) % MOST);
	int64_t src = (int64_t) any_number(state) - 3;
	int64_t dst = 0;

	for (int i = 0; i < count; i++)
	{
		if (next_random(state) % 2)
		{
			src += (int64_t) (next_random(state) % 100);
			dst = (int64_t) any_number(state) - 3;
		}
		else
			dst += (int64_t) (next_random(state) % 100);
		fill(&samples[i], src, dst, state);
	}
	return count;
}

static void
clear_all(sample *samples, int count)
{
	for (int i = 0; i < count; i++)
		traffic_value_clear(&samples[i].traffic);
}

/* The pack of samples, in memory of just its size, which the caller frees. */
static uint8_t *
pack(pack_writer *writer, const sample *samples, int count, size_t *length)
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

static void
assert_is(const pack_reader *reader, const sample *s)
{
	const pack_window *w = &reader->window;
	traffic_value latency;
	int64_t via[WAYS];

	assert_int_equal(w->src, s->window.src);
	assert_int_equal(w->dst, s->window.dst);
	assert_int_equal(w->has_endpoint, s->window.has_endpoint);
	assert_int_equal(w->endpoint, s->window.endpoint);
	assert_int_equal(w->first_seen, s->window.first_seen);
	assert_int_equal(w->last_seen, s->window.last_seen);
	assert_int_equal(w->type, s->window.type);
	assert_true(w->confidence == s->window.confidence);
	assert_true(w->app_confidence == s->window.app_confidence);
	assert_int_equal(w->via_count, s->window.via_count);
	if (w->via_count > 0)
	{
		pack_read_via(reader, via);
		assert_memory_equal(via, s->via, (size_t) w->via_count * sizeof(int64_t));
	}
	assert_memory_equal(reader->counters, s->traffic.counters, sizeof(reader->counters));
	assert_int_equal(reader->zero, s->traffic.latency.zero);
	traffic_value_init_with(&latency, sketch_allocator_malloc);
	assert_null(
		traffic_value_decode_buckets(reader->buckets, reader->buckets_length, &latency.latency));
	assert_int_equal(latency.latency.bucket_count, s->traffic.latency.bucket_count);
	for (uint32_t i = 0; i < latency.latency.bucket_count; i++)
	{
		assert_int_equal(latency.latency.buckets[i].index, s->traffic.latency.buckets[i].index);
		assert_int_equal(latency.latency.buckets[i].count, s->traffic.latency.buckets[i].count);
	}
	traffic_value_clear(&latency);
}

static void
what_is_packed_is_read_back(void **unused)
{
	sample *samples = calloc(MOST, sizeof(sample));
	pack_writer *writer = pack_writer_make(BEGIN, LENGTH, sketch_allocator_malloc);
	uint64_t state = 7;

	for (int round = 0; round < 400; round++)
	{
		int count = fill_all(samples, &state);
		size_t length;
		uint8_t *bytes = pack(writer, samples, count, &length);
		pack_reader reader;

		pack_reader_open(&reader, bytes, length);
		for (int i = 0; i < count; i++)
		{
			assert_true(pack_reader_next(&reader));
			assert_is(&reader, &samples[i]);
		}
		assert_false(pack_reader_next(&reader));
		assert_null(reader.problem);
		free(bytes);
		clear_all(samples, count);
	}
	pack_writer_free(writer);
	free(samples);
}

/* Read all that there is; NULL, or what is wrong. */
static const char *
read_all(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	pack_reader reader;
	const char *problem;

	if (length > 0)
		memcpy(copy, bytes, length);
	pack_reader_open(&reader, copy, length);
	while (pack_reader_next(&reader))
	{
		int64_t *via = calloc((size_t) reader.window.via_count + 2, sizeof(int64_t));
		sketch latency;

		pack_read_via(&reader, via);
		free(via);
		sketch_init(&latency, sketch_allocator_malloc);
		(void) traffic_value_decode_buckets(reader.buckets, reader.buckets_length, &latency);
		sketch_clear(&latency);
	}
	problem = reader.problem;
	free(copy);
	return problem;
}

static void
damaged_packs_are_read_safely_and_mostly_refused(void **unused)
{
	sample *samples = calloc(MOST, sizeof(sample));
	pack_writer *writer = pack_writer_make(BEGIN, LENGTH, sketch_allocator_malloc);
	uint64_t state = 13;
	int refused = 0;

	for (int round = 0; round < 300; round++)
	{
		int count = fill_all(samples, &state);
		size_t length;
		uint8_t *bytes = pack(writer, samples, count, &length);

		for (int damage = 0; damage < 30; damage++)
		{
			size_t at = next_random(&state) % length;
			uint8_t kept = bytes[at];

			bytes[at] = (uint8_t) next_random(&state);
			refused += read_all(bytes, length) != NULL;
			bytes[at] = kept;
			assert_true(read_all(bytes, next_random(&state) % length) != NULL);
		}
		free(bytes);
		clear_all(samples, count);
	}
	assert_in_range(refused, 1000, 8999);
	pack_writer_free(writer);
	free(samples);
}

static void
assert_refused(const char *bytes, size_t length, const char *expected)
{
	assert_string_equal(read_all((const uint8_t *) bytes, length), expected);
}

static void
each_way_to_be_wrong_is_told(void **unused)
{
	assert_refused("", 0, "is empty");
	assert_refused("\x02", 1, "is of an unknown version");
	assert_refused("\x01", 1, "ends within a window");
	assert_refused("\x01\x01\x00\x00", 4, "has fewer windows than it says, or one of no shape");
	assert_refused("\x01\x01\x00\x00\x01", 5, "has fewer windows than it says, or one of no shape");
	assert_refused("\x01\x00\x00\x00\x01", 5, "has more windows than it says");
	assert_refused("\x01\x01\x00\x00\x00\xff\xff\xff\x01\x00", 10,
				   "is of a shape that is not known");
	assert_refused("\x01\x01\x00\x00\x00\x00\x80\x80\x80\x80\x10", 11,
				   "holds a type of edge that is out of range");
	assert_refused("\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x40", 11,
				   "holds a confidence that is none");
	assert_refused("\x01\x01\x00\x00\x00\x00\x00\x00\x00", 9, "ends within a window");
	assert_refused("\x01\x01\x00\x00\x00\x80\x80\x02\x00\x00\x00\x00\x00\x05\x00", 15,
				   "ends within a way");
	assert_refused("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00", 14,
				   "holds a number that is too large");
}

/* Windows as eBPF has them: how many bytes each takes is what keeps storage small. */
static void
an_edge_of_the_network_takes_few_bytes(void **unused)
{
	pack_writer *writer = pack_writer_make(BEGIN, LENGTH, sketch_allocator_malloc);
	uint64_t state = 17;
	size_t size;

	for (int i = 0; i < 1000; i++)
	{
		sample s = {.window = {.src = 5000 + i / 20, .dst = (i % 20) * 400, .via_count = -1}};

		s.window.confidence = s.window.app_confidence = 1;
		s.window.first_seen = BEGIN + (int64_t) (next_random(&state) % 5000000);
		s.window.last_seen = BEGIN + LENGTH - (int64_t) (next_random(&state) % 5000000);
		traffic_value_init_with(&s.traffic, sketch_allocator_malloc);
		traffic_value_add(&s.traffic, TRAFFIC_CONNECTIONS, 1 + next_random(&state) % 100);
		traffic_value_add(&s.traffic, TRAFFIC_BYTES_SENT, next_random(&state) % 1000000);
		traffic_value_add(&s.traffic, TRAFFIC_BYTES_RECEIVED, next_random(&state) % 1000000);
		assert_true(pack_writer_add(writer, &s.window, NULL, &s.traffic));
	}
	size = pack_writer_size(writer) / 1000;
	assert_in_range(size, 10, 20);
	pack_writer_free(writer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_is_read_back),
		cmocka_unit_test(damaged_packs_are_read_safely_and_mostly_refused),
		cmocka_unit_test(each_way_to_be_wrong_is_told),
		cmocka_unit_test(an_edge_of_the_network_takes_few_bytes),
	};

	return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
