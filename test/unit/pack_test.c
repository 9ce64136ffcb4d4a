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

#include "pack_samples.h"
#include "store/pack.h"

#define MOST 300

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
		sample_fill(&samples[i], src, dst, state);
	}
	return count;
}

static void
what_is_packed_is_read_back(void **unused)
{
	sample *samples = calloc(MOST, sizeof(sample));
	pack_writer *writer = pack_writer_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc);
	uint64_t state = 7;

	for (int round = 0; round < 400; round++)
	{
		int count = fill_all(samples, &state);
		size_t length;
		uint8_t *bytes = samples_pack(writer, samples, count, &length);
		pack_reader reader;

		pack_reader_open(&reader, bytes, length);
		for (int i = 0; i < count; i++)
		{
			assert_true(pack_reader_next(&reader));
			assert_read(&reader, &samples[i]);
		}
		assert_false(pack_reader_next(&reader));
		assert_null(reader.problem);
		free(bytes);
		samples_clear(samples, count);
	}
	pack_writer_free(writer);
	free(samples);
}

/* What pack_reader_next_ends() reads of a window. */
static void
assert_ends(const pack_window *window, const sample *s)
{
	assert_int_equal(window->src, s->window.src);
	assert_int_equal(window->dst, s->window.dst);
	assert_int_equal(window->has_endpoint, s->window.has_endpoint);
	assert_int_equal(window->endpoint, s->window.endpoint);
	assert_int_equal(window->type, s->window.type);
}

static void
ends_are_read_without_times_and_traffic(void **unused)
{
	sample *samples = calloc(MOST, sizeof(sample));
	pack_writer *writer = pack_writer_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc);
	uint64_t state = 11;

	for (int round = 0; round < 400; round++)
	{
		int count = fill_all(samples, &state);
		size_t length;
		uint8_t *bytes = samples_pack(writer, samples, count, &length);
		pack_reader reader;

		pack_reader_open(&reader, bytes, length);
		for (int i = 0; i < count; i++)
		{
			assert_true(pack_reader_next_ends(&reader));
			assert_ends(&reader.window, &samples[i]);
		}
		assert_false(pack_reader_next_ends(&reader));
		assert_null(reader.problem);
		free(bytes);
		samples_clear(samples, count);
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

/* The same, of ends only. */
static const char *
read_all_ends(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	pack_reader reader;

	if (length > 0)
		memcpy(copy, bytes, length);
	pack_reader_open(&reader, copy, length);
	while (pack_reader_next_ends(&reader))
		;
	free(copy);
	return reader.problem;
}

static void
damaged_packs_are_read_safely_and_mostly_refused(void **unused)
{
	sample *samples = calloc(MOST, sizeof(sample));
	pack_writer *writer = pack_writer_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc);
	uint64_t state = 13;
	int refused = 0;

	for (int round = 0; round < 300; round++)
	{
		int count = fill_all(samples, &state);
		size_t length;
		uint8_t *bytes = samples_pack(writer, samples, count, &length);

		for (int damage = 0; damage < 30; damage++)
		{
			size_t at = next_random(&state) % length;
			uint8_t kept = bytes[at];

			bytes[at] = (uint8_t) next_random(&state);
			refused += read_all(bytes, length) != NULL;
			(void) read_all_ends(bytes, length);
			bytes[at] = kept;
			assert_true(read_all(bytes, next_random(&state) % length) != NULL);
			assert_true(read_all_ends(bytes, next_random(&state) % length) != NULL);
		}
		free(bytes);
		samples_clear(samples, count);
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
	pack_writer *writer = pack_writer_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc);
	uint64_t state = 17;
	size_t size;

	for (int i = 0; i < 1000; i++)
	{
		sample s = {.window = {.src = 5000 + i / 20, .dst = (i % 20) * 400, .via_count = -1}};

		s.window.confidence = s.window.app_confidence = 1;
		s.window.first_seen = SAMPLE_BEGIN + (int64_t) (next_random(&state) % 5000000);
		s.window.last_seen =
			SAMPLE_BEGIN + SAMPLE_LENGTH - (int64_t) (next_random(&state) % 5000000);
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
		cmocka_unit_test(ends_are_read_without_times_and_traffic),
		cmocka_unit_test(damaged_packs_are_read_safely_and_mostly_refused),
		cmocka_unit_test(each_way_to_be_wrong_is_told),
		cmocka_unit_test(an_edge_of_the_network_takes_few_bytes),
	};

	return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
