/*
 * flow_window_memory_test.c
 *		The open windows in memory: how much, and what when there is no more.
 */
#include "windows.h"

#include "flow/flow_address.h"

/* A record with a key and texts of its own. */
static flow_record
numbered_record(uint32_t number, char text[250])
{
	flow_record record = sample_record();

	memcpy(record.peer.bytes, &number, sizeof(number));
	snprintf(text, 250, "%0249u", number);
	record.app = text_of(text);
	return record;
}

/* malloc that knows what it gave, and fails from the given number on. */
typedef struct counting_heap
{
	size_t bytes;
	size_t peak;
	size_t allocations;
	size_t fail_from; /* 0: never */
} counting_heap;

static void *
counting_allocate(void *context, size_t size)
{
	counting_heap *heap = context;
	size_t *memory;

	if (++heap->allocations >= heap->fail_from && heap->fail_from != 0)
		return NULL;
	memory = malloc(2 * sizeof(size_t) + size);
	*memory = size;
	heap->bytes += size;
	if (heap->bytes > heap->peak)
		heap->peak = heap->bytes;
	return memory + 2;
}

static void
counting_release(void *context, void *memory)
{
	counting_heap *heap = context;
	size_t *header = (size_t *) memory - 2;

	heap->bytes -= *header;
	free(header);
}

/* Add records numbered from first until one is not taken; how many were. */
static uint32_t
fill(flow_window_table *table, uint32_t first, bool own_texts)
{
	char text[250];

	for (uint32_t number = first;; number++)
	{
		flow_record record = numbered_record(number, text);

		if (!own_texts)
			record.app = text_of("one");
		if (!flow_window_table_add(table, &record))
			return number - first;
	}
}

static void
a_table_keeps_within_its_bound_and_can_be_filled_again(void **state)
{
	const size_t bound = 1024 * 1024;
	counting_heap heap = {0};
	flow_allocator allocator = {counting_allocate, counting_release, &heap};
	flow_window_table *table = flow_window_table_create(&allocator, WINDOW_NS, bound);
	uint32_t first = 0;
	uint32_t least = UINT32_MAX;

	(void) state;
	for (int round = 0; round < 6; round++)
	{
		bool own_texts = round % 2 == 1;
		uint32_t count = fill(table, first, own_texts);

		assert_int_equal(flow_window_table_count(table), count);
		assert_int_equal(flow_window_table_bytes(table), heap.bytes);
		assert_true(heap.peak <= bound);
		first += count;
		if (count < least)
			least = count;
		flow_window_table_clear(table);
		assert_int_equal(flow_window_table_count(table), 0);
		assert_int_equal(flow_window_table_bytes(table), heap.bytes);
	}
	/* About 600 bytes a record with a text of its own; neither kind starves the other. */
	assert_true(least > bound / 1000);
	flow_window_table_destroy(table);
	assert_int_equal(heap.bytes, 0);
}

static void
a_full_table_still_merges(void **state)
{
	flow_window_table *table = new_table(200 * 1024);
	uint32_t count = fill(table, 0, true);
	char text[250];

	(void) state;
	assert_true(count > 1);
	for (uint32_t i = 0; i < count; i++)
	{
		flow_record record = numbered_record(i, text);

		assert_true(flow_window_table_add(table, &record));
		assert_int_equal(flow_window_table_entry(table, i)->counters.connections, 2);
	}
	flow_window_table_destroy(table);
}

static void
memory_is_kept_for_the_next_batch(void **state)
{
	counting_heap heap = {0};
	flow_allocator allocator = {counting_allocate, counting_release, &heap};
	flow_window_table *table = flow_window_table_create(&allocator, WINDOW_NS, 1024 * 1024);
	uint32_t count = fill(table, 0, true);
	size_t allocations = heap.allocations;
	char text[250];

	(void) state;
	flow_window_table_clear(table);
	for (uint32_t i = 0; i < count / 2; i++)
	{
		flow_record record = numbered_record(i + count, text);

		assert_true(flow_window_table_add(table, &record));
	}
	assert_int_equal(heap.allocations, allocations);
	flow_window_table_destroy(table);
}

static void
a_cleared_table_takes_one_record_whatever_the_bound(void **state)
{
	flow_window_table *table = new_table(1);
	flow_record record = sample_record();
	flow_record other = sample_record();
	char *text = malloc(100000);

	(void) state;
	memset(text, 'x', 100000);
	other.app = (flow_text){text, 100000};
	for (int round = 0; round < 3; round++)
	{
		assert_true(flow_window_table_add(table, round == 1 ? &other : &record));
		assert_false(flow_window_table_add(table, round == 1 ? &record : &other));
		assert_true(flow_window_table_add(table, round == 1 ? &other : &record));
		assert_int_equal(flow_window_table_count(table), 1);
		flow_window_table_clear(table);
		assert_true(flow_window_table_bytes(table) < 1024);
	}
	free(text);
	flow_window_table_destroy(table);
}

static void
no_memory_refuses_a_record_and_harms_nothing(void **state)
{
	char text[250];
	size_t needed = SIZE_MAX;

	(void) state;
	for (size_t fail_from = 1; fail_from < needed; fail_from++)
	{
		counting_heap heap = {.fail_from = fail_from};
		flow_allocator allocator = {counting_allocate, counting_release, &heap};
		flow_window_table *table = flow_window_table_create(&allocator, WINDOW_NS, NO_BOUND);
		uint32_t taken = 0;

		for (uint32_t i = 0; table != NULL && i < 600; i++)
		{
			flow_record record = numbered_record(i, text);

			taken += flow_window_table_add(table, &record);
		}
		if (taken == 600)
			needed = heap.allocations;
		if (table != NULL)
			assert_int_equal(flow_window_table_count(table), taken);
		flow_window_table_destroy(table);
		assert_int_equal(heap.bytes, 0);
	}
	assert_true(needed > 10);
}

static void
many_entries_are_all_found_again(void **state)
{
	flow_window_table *table = new_table(NO_BOUND);
	const uint32_t count = 50000;
	char text[250];

	(void) state;
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < count; i++)
		{
			flow_record record = numbered_record(i, text);

			assert_true(flow_window_table_add(table, &record));
		}
	assert_int_equal(flow_window_table_count(table), count);
	for (uint32_t i = 0; i < count; i++)
	{
		flow_record record = numbered_record(i, text);
		const flow_window *window = flow_window_table_entry(table, i);

		assert_int_equal(flow_address_compare(&window->peer, &record.peer), 0);
		assert_text(window->app, text);
		assert_int_equal(window->counters.connections, 2);
	}
	flow_window_table_destroy(table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_keeps_within_its_bound_and_can_be_filled_again),
		cmocka_unit_test(a_full_table_still_merges),
		cmocka_unit_test(memory_is_kept_for_the_next_batch),
		cmocka_unit_test(a_cleared_table_takes_one_record_whatever_the_bound),
		cmocka_unit_test(no_memory_refuses_a_record_and_harms_nothing),
		cmocka_unit_test(many_entries_are_all_found_again),
	};

	return cmocka_run_group_tests_name("flow_window_memory", tests, NULL, NULL);
}
