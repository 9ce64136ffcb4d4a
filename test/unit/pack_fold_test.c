/*
 * pack_fold_test.c
 *		Windows of many packs are merged as a plain model merges them, whatever they are
 *		and in whatever order they come; what is damaged is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pack_samples.h"
#include "store/pack_fold.h"

#define SAMPLES_MOST 3000
#define PACKS_MOST   20

/* Packs that came out, to be read later. */
typedef struct packs
{
	uint8_t *bytes[SAMPLES_MOST];
	size_t lengths[SAMPLES_MOST];
	pack_bounds bounds[SAMPLES_MOST];
	int count;
} packs;

static bool
keep_pack(void *context, pack_writer *writer, const pack_bounds *bounds)
{
	packs *out = context;
	size_t size = pack_writer_size(writer);

	assert_true(out->count < SAMPLES_MOST);
	assert_in_range(pack_writer_count(writer), 1, PACK_CHUNK_WINDOWS);
	out->bytes[out->count] = malloc(size);
	out->lengths[out->count] = pack_writer_finish(writer, out->bytes[out->count]);
	out->bounds[out->count++] = *bounds;
	return true;
}

static void
free_packs(packs *out)
{
	for (int i = 0; i < out->count; i++)
		free(out->bytes[i]);
	free(out);
}

static int
compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* NULL last: as SQL orders endpoints and ways. */
static int
compare_ways(const sample *a, const sample *b)
{
	if (a->window.via_count < 0 || b->window.via_count < 0)
		return compare_numbers(a->window.via_count < 0, b->window.via_count < 0);
	for (int i = 0; i < a->window.via_count && i < b->window.via_count; i++)
	{
		if (a->via[i] != b->via[i])
			return compare_numbers(a->via[i], b->via[i]);
	}
	return compare_numbers(a->window.via_count, b->window.via_count);
}

static int
compare_samples(const void *left, const void *right)
{
	const sample *a = left;
	const sample *b = right;
	const int64_t keys[][2] = {{a->window.src, b->window.src},
							   {a->window.dst, b->window.dst},
							   {a->window.type, b->window.type},
							   {!a->window.has_endpoint, !b->window.has_endpoint},
							   {a->window.endpoint, b->window.endpoint}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		if (keys[i][0] != keys[i][1])
			return compare_numbers(keys[i][0], keys[i][1]);
	}
	return compare_ways(a, b);
}

static void
merge_sample(sample *into, sample *from)
{
	pack_window *window = &into->window;

	if (from->window.first_seen < window->first_seen)
		window->first_seen = from->window.first_seen;
	if (from->window.last_seen > window->last_seen)
		window->last_seen = from->window.last_seen;
	if (from->window.confidence > window->confidence)
		window->confidence = from->window.confidence;
	if (from->window.app_confidence > window->app_confidence)
		window->app_confidence = from->window.app_confidence;
	assert_true(traffic_value_merge(&into->traffic, &from->traffic));
	traffic_value_clear(&from->traffic);
}

/* The plain model: sort all, merge those that are alike.  Returns how many are left. */
static int
merge_samples(sample *samples, int count)
{
	int merged = 0;

	qsort(samples, (size_t) count, sizeof(*samples), compare_samples);
	for (int i = 0; i < count; i++)
	{
		if (merged > 0 && compare_samples(&samples[merged - 1], &samples[i]) == 0)
			merge_sample(&samples[merged - 1], &samples[i]);
		else
			samples[merged++] = samples[i];
	}
	return merged;
}

/* A window that is likely to be met again; some are of any nodes. */
static void
fill_again(sample *s, int nodes, uint64_t *state)
{
	bool any = next_random(state) % 50 == 0;

	sample_fill(s, any ? (int64_t) next_random(state) : (int64_t) (next_random(state) % nodes) - 3,
				any ? (int64_t) next_random(state) : (int64_t) (next_random(state) % 8), state);
	s->window.type = (int32_t) (next_random(state) % 2) - 1;
	if (s->window.has_endpoint)
		s->window.endpoint = (int64_t) (next_random(state) % 3) - 1;
	for (int i = 0; i < s->window.via_count; i++)
		s->via[i] = (int64_t) (next_random(state) % 2);
}

/* The windows of a pack, in order. */
typedef struct run
{
	sample *samples;
	int count;
} run;

/* Samples of one round, as packs in order of their first source. */
typedef struct round
{
	sample *samples;
	run packs[PACKS_MOST];
	int pack_count;
	int count;
} round;

static int
compare_runs(const void *left, const void *right)
{
	const run *a = left;
	const run *b = right;

	return compare_numbers(a->samples->window.src, b->samples->window.src);
}

static round
make_round(uint64_t *state)
{
	round r = {.samples = malloc(SAMPLES_MOST * sizeof(sample))};
	int nodes = 1 + (int) (next_random(state) % 100);

	r.pack_count = 1 + (int) (next_random(state) % PACKS_MOST);
	for (int i = 0; i < r.pack_count; i++)
	{
		run *pack = &r.packs[i];

		*pack = (run){&r.samples[r.count],
					  1 + (int) (next_random(state) % (SAMPLES_MOST / PACKS_MOST))};
		for (int j = 0; j < pack->count; j++)
			fill_again(&pack->samples[j], nodes, state);
		qsort(pack->samples, (size_t) pack->count, sizeof(sample), compare_samples);
		r.count += pack->count;
	}
	qsort(r.packs, (size_t) r.pack_count, sizeof(run), compare_runs);
	return r;
}

static pack_fold *
make_fold(packs **out)
{
	*out = calloc(1, sizeof(**out));
	return pack_fold_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc, keep_pack, *out);
}

static void
assert_no_problem(pack_problem problem)
{
	assert_string_equal(problem.problem == NULL ? "none" : problem.problem, "none");
}

static void
add_pack(pack_fold *fold, pack_writer *writer, const sample *samples, int count)
{
	size_t length;
	uint8_t *bytes = samples_pack(writer, samples, count, &length);

	assert_no_problem(pack_fold_add_pack(fold, bytes, length));
	free(bytes);
}

static void
add_windows(pack_fold *fold, const sample *samples, int count)
{
	for (int i = 0; i < count; i++)
		assert_no_problem(
			pack_fold_add_window(fold, &samples[i].window, samples[i].via, &samples[i].traffic));
}

/* What came out is just the samples, in their order, and its bounds are right. */
static void
assert_packs(const packs *out, const sample *samples, int count)
{
	int at = 0;

	for (int i = 0; i < out->count; i++)
	{
		const pack_bounds *bounds = &out->bounds[i];
		int64_t first_seen = INT64_MAX;
		int64_t last_seen = INT64_MIN;
		pack_reader reader;

		pack_reader_open(&reader, out->bytes[i], out->lengths[i]);
		assert_int_equal(bounds->src, samples[at].window.src);
		for (; pack_reader_next(&reader); at++)
		{
			assert_true(at < count);
			assert_read(&reader, &samples[at]);
			if (reader.window.first_seen < first_seen)
				first_seen = reader.window.first_seen;
			if (reader.window.last_seen > last_seen)
				last_seen = reader.window.last_seen;
		}
		assert_null(reader.problem);
		assert_int_equal(bounds->last_src, samples[at - 1].window.src);
		assert_int_equal(bounds->first_seen, first_seen);
		assert_int_equal(bounds->last_seen, last_seen);
	}
	assert_int_equal(at, count);
}

/* The end of a round: all that was added comes out as the model has it. */
static void
finish_round(round *r, pack_fold *fold, packs *out)
{
	int merged = merge_samples(r->samples, r->count);

	assert_true(pack_fold_finish(fold));
	assert_int_equal(pack_fold_memory(fold), 0);
	assert_packs(out, r->samples, merged);
	samples_clear(r->samples, merged);
	free(r->samples);
	pack_fold_free(fold);
	free_packs(out);
}

static void
packs_in_order_are_merged_as_by_the_model(void **unused)
{
	pack_writer *writer = pack_writer_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc);
	uint64_t state = 3;

	for (int number = 0; number < 100; number++)
	{
		round r = make_round(&state);
		packs *out;
		pack_fold *fold = make_fold(&out);

		for (int i = 0; i < r.pack_count; i++)
		{
			const run *pack = &r.packs[i];

			assert_true(pack_fold_pass_source(fold, pack->samples->window.src));
			if (next_random(&state) % 4 == 0)
				add_windows(fold, pack->samples, pack->count);
			else
				add_pack(fold, writer, pack->samples, pack->count);
		}
		finish_round(&r, fold, out);
	}
	pack_writer_free(writer);
}

static void
shuffle(sample *samples, int count, uint64_t *state)
{
	for (int i = count - 1; i > 0; i--)
	{
		int other = (int) (next_random(state) % (uint64_t) (i + 1));
		sample kept = samples[i];

		samples[i] = samples[other];
		samples[other] = kept;
	}
}

static void
windows_in_any_order_are_merged_as_by_the_model(void **unused)
{
	uint64_t state = 5;

	for (int number = 0; number < 50; number++)
	{
		round r = make_round(&state);
		packs *out;
		pack_fold *fold = make_fold(&out);

		shuffle(r.samples, r.count, &state);
		add_windows(fold, r.samples, r.count);
		finish_round(&r, fold, out);
	}
}

typedef struct taken
{
	const sample *next;
	int count;
} taken;

static void
take(void *context, const front_window *window)
{
	taken *t = context;

	assert_window(&window->window, window->via, &window->traffic, t->next++);
	t->count++;
}

static void
what_is_taken_out_comes_in_order_and_leaves_nothing(void **unused)
{
	uint64_t state = 11;
	round r = make_round(&state);
	packs *out;
	pack_fold *fold = make_fold(&out);
	taken t = {r.samples, 0};
	int merged;

	add_windows(fold, r.samples, r.count);
	merged = merge_samples(r.samples, r.count);
	pack_fold_take_out(fold, take, &t);
	assert_int_equal(t.count, merged);
	assert_int_equal(pack_fold_memory(fold), 0);
	assert_true(pack_fold_finish(fold));
	assert_int_equal(out->count, 0);
	samples_clear(r.samples, merged);
	free(r.samples);
	pack_fold_free(fold);
	free_packs(out);
}

/* Packs of 500 edges, each of many times, of ever greater sources. */
static void
packs_in_order_take_memory_for_a_few_only(void **unused)
{
	pack_writer *writer = pack_writer_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc);
	sample *samples = calloc(500, sizeof(sample));
	packs *out;
	pack_fold *fold = make_fold(&out);
	uint64_t state = 19;
	size_t most = 0;

	for (int i = 0; i < 100; i++)
	{
		for (int j = 0; j < 500; j++)
			sample_fill(&samples[j], i * 500 + j, 1, &state);
		for (int time = 0; time < 3; time++)
		{
			assert_true(pack_fold_pass_source(fold, i * 500));
			add_pack(fold, writer, samples, 500);
		}
		most = pack_fold_memory(fold) > most ? pack_fold_memory(fold) : most;
		samples_clear(samples, 500);
	}
	assert_in_range(most, 500 * sizeof(front_window), 500 * 2 * sizeof(front_window));
	assert_true(pack_fold_finish(fold));
	assert_true(out->count >= 50);
	pack_fold_free(fold);
	free_packs(out);
	free(samples);
	pack_writer_free(writer);
}

/* A fold of a pack that is changed at one place, or cut off; whether it is refused. */
static bool
is_refused(const uint8_t *bytes, size_t length)
{
	packs *out;
	pack_fold *fold = make_fold(&out);
	uint8_t *copy = malloc(length > 0 ? length : 1);
	pack_problem problem;

	if (length > 0)
		memcpy(copy, bytes, length);
	problem = pack_fold_add_pack(fold, copy, length);
	free(copy);
	if (problem.problem == NULL)
		assert_true(pack_fold_finish(fold));
	pack_fold_free(fold);
	free_packs(out);
	return problem.problem != NULL;
}

static void
damaged_packs_are_read_safely_and_mostly_refused(void **unused)
{
	pack_writer *writer = pack_writer_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc);
	uint64_t state = 13;
	int refused = 0;

	for (int number = 0; number < 40; number++)
	{
		round r = make_round(&state);
		size_t length;
		uint8_t *bytes = samples_pack(writer, r.packs[0].samples, r.packs[0].count, &length);

		for (int damage = 0; damage < 30; damage++)
		{
			size_t at = next_random(&state) % length;
			uint8_t kept = bytes[at];

			bytes[at] = (uint8_t) next_random(&state);
			refused += is_refused(bytes, length);
			bytes[at] = kept;
			assert_true(is_refused(bytes, next_random(&state) % length));
		}
		assert_false(is_refused(bytes, length));
		free(bytes);
		samples_clear(r.samples, r.count);
		free(r.samples);
	}
	assert_in_range(refused, 100, 1199);
	pack_writer_free(writer);
}

static void
buckets_that_are_damaged_are_told(void **unused)
{
	/* one window with two bytes of buckets, of which the first holds nothing */
	const uint8_t bytes[] = {1, 1, 0, 0, 0, 0x80, 0x40, 0, 0, 0, 0, 0, 1, 1, 0, 0, 2, 5, 0};
	packs *out;
	pack_fold *fold = make_fold(&out);
	pack_problem problem = pack_fold_add_pack(fold, bytes, sizeof(bytes));

	assert_string_equal(problem.subject, "traffic of a window in the pack");
	assert_string_equal(problem.problem, "holds a zero that its form leaves out");
	pack_fold_free(fold);
	free_packs(out);
}

static void
what_comes_behind_what_was_passed_is_refused(void **unused)
{
	pack_writer *writer = pack_writer_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc);
	packs *out;
	pack_fold *fold = make_fold(&out);
	uint64_t state = 23;
	sample s;
	size_t length;
	uint8_t *bytes;

	sample_fill(&s, 9, 1, &state);
	bytes = samples_pack(writer, &s, 1, &length);
	assert_true(pack_fold_pass_source(fold, 9));
	assert_no_problem(pack_fold_add_pack(fold, bytes, length));
	assert_true(pack_fold_pass_source(fold, 10));
	assert_string_equal(pack_fold_add_pack(fold, bytes, length).problem,
						"holds windows that are out of order");
	assert_string_equal(pack_fold_add_window(fold, &s.window, s.via, &s.traffic).problem,
						"holds windows that are out of order");
	free(bytes);
	samples_clear(&s, 1);
	pack_fold_free(fold);
	free_packs(out);
	pack_writer_free(writer);
}

/* Memory for so many more calls only. */
static void *
resize_some(void *context, void *memory, size_t size)
{
	int *left = context;

	if (size == 0)
	{
		free(memory);
		return NULL;
	}
	return (*left)-- > 0 ? realloc(memory, size) : NULL;
}

/* Whether all went well with memory for so many calls. */
static bool
fold_with(int calls, const sample *samples, int count, const uint8_t *bytes, size_t length)
{
	packs *out = calloc(1, sizeof(*out));
	sketch_allocator few = {resize_some, &calls};
	pack_fold *fold = pack_fold_make(SAMPLE_BEGIN, SAMPLE_LENGTH, few, keep_pack, out);
	bool well = fold != NULL;

	for (int i = 0; well && i < count; i++)
		well = pack_fold_add_window(fold, &samples[i].window, samples[i].via, &samples[i].traffic)
				   .problem == NULL;
	well = well && pack_fold_add_pack(fold, bytes, length).problem == NULL;
	well = well && pack_fold_finish(fold);
	if (fold != NULL)
		pack_fold_free(fold);
	free_packs(out);
	return well;
}

static void
want_of_memory_is_told_at_every_place(void **unused)
{
	pack_writer *writer = pack_writer_make(SAMPLE_BEGIN, SAMPLE_LENGTH, sketch_allocator_malloc);
	uint64_t state = 29;
	round r = make_round(&state);
	size_t length;
	uint8_t *bytes = samples_pack(writer, r.packs[0].samples, r.packs[0].count, &length);
	int calls = 0;

	while (!fold_with(calls, r.packs[0].samples, r.packs[0].count, bytes, length))
		calls++;
	assert_in_range(calls, 10, 10000);
	free(bytes);
	samples_clear(r.samples, r.count);
	free(r.samples);
	pack_writer_free(writer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_in_order_are_merged_as_by_the_model),
		cmocka_unit_test(windows_in_any_order_are_merged_as_by_the_model),
		cmocka_unit_test(what_is_taken_out_comes_in_order_and_leaves_nothing),
		cmocka_unit_test(packs_in_order_take_memory_for_a_few_only),
		cmocka_unit_test(damaged_packs_are_read_safely_and_mostly_refused),
		cmocka_unit_test(buckets_that_are_damaged_are_told),
		cmocka_unit_test(what_comes_behind_what_was_passed_is_refused),
		cmocka_unit_test(want_of_memory_is_told_at_every_place),
	};

	return cmocka_run_group_tests_name("pack_fold", tests, NULL, NULL);
}
