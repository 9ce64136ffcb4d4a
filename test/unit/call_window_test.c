/*
 * call_window_test.c
 *		Calls merged into windows in memory: keys, sums, buckets, bounds.
 */
#include "unit.h"

#include "flow/call_window.h"

#define MINUTE   INT64_C(60000000000)
#define NO_BOUND SIZE_MAX

static call_window_table *
new_table(size_t max_bytes)
{
	call_window_table *table = call_window_table_create(&flow_allocator_malloc, MINUTE, max_bytes);

	assert_non_null(table);
	return table;
}

static call_record
sample_call(const call_bucket *buckets, uint32_t count)
{
	call_record call = {
		.start_ns = 3 * MINUTE + 5,
		.end_ns = 3 * MINUTE + 9,
		.side = CALL_SIDE_CLIENT,
		.client_kind = SPAN_PEER_APP,
		.server_kind = SPAN_PEER_APP,
		.client = text_of("checkout"),
		.server = text_of("payments"),
		.client_cluster = text_of("checkout-v12"),
		.server_cluster = text_of("payments-v3"),
		.protocol = text_of("grpc"),
		.endpoint = text_of("Payments/Charge"),
		.requests = 10,
		.errors = 1,
		.latency_sum_ns = 100,
		.bucket_count = count,
		.buckets = buckets,
	};

	for (uint32_t i = 0; i < count; i++)
		call.latency_count += buckets[i].count;
	return call;
}

static void
records_of_one_edge_and_window_are_one_entry(void **state)
{
	static const call_bucket first[] = {{5, 1}, {9, 2}, {700, 3}};
	static const call_bucket second[] = {{1, 4}, {9, 5}, {900, 6}};
	static const call_bucket sums[] = {{1, 4}, {5, 1}, {9, 7}, {700, 3}, {900, 6}};
	call_record a = sample_call(first, 3);
	call_record b = sample_call(second, 3);

	(void) state;
	b.start_ns = 3 * MINUTE;
	b.end_ns = 4 * MINUTE;
	for (int order = 0; order < 2; order++)
	{
		call_window_table *table = new_table(NO_BOUND);
		const call_window *window;

		assert_true(call_window_table_add(table, order == 0 ? &a : &b));
		assert_true(call_window_table_add(table, order == 0 ? &b : &a));
		assert_int_equal(call_window_table_count(table), 1);
		window = call_window_table_entry(table, 0);
		assert_true(window->window_ns == 3 * MINUTE);
		assert_true(window->first_ns == 3 * MINUTE);
		assert_true(window->last_ns == 4 * MINUTE);
		assert_int_equal(window->side, CALL_SIDE_CLIENT);
		assert_text(window->client, "checkout");
		assert_text(window->server, "payments");
		assert_text(window->client_cluster, "checkout-v12");
		assert_text(window->server_cluster, "payments-v3");
		assert_text(window->protocol, "grpc");
		assert_text(window->endpoint, "Payments/Charge");
		assert_int_equal(window->requests, 20);
		assert_int_equal(window->errors, 2);
		assert_int_equal(window->latency_count, 21);
		assert_int_equal(window->latency_sum_ns, 200);
		assert_int_equal(window->bucket_count, LENGTH_OF(sums));
		assert_memory_equal(window->buckets, sums, sizeof(sums));
		call_window_table_destroy(table);
	}
}

static void
every_part_of_the_key_makes_another_entry(void **state)
{
	call_window_table *table = new_table(NO_BOUND);
	call_record base = sample_call(NULL, 0);
	call_record others[10];
	size_t count = 0;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(others); i++)
		others[i] = base;
	others[count++].start_ns = others[0].end_ns = 4 * MINUTE;
	others[count++].side = CALL_SIDE_SERVER;
	others[count++].client_kind = SPAN_PEER_NONE;
	others[count++].server_kind = SPAN_PEER_EXTERNAL;
	others[count++].client = text_of("x");
	others[count++].server = text_of("x");
	others[count++].client_cluster = text_of("x");
	others[count++].server_cluster = text_of("x");
	others[count++].protocol = (flow_text){NULL, 0};
	others[count++].endpoint = text_of("");
	assert_int_equal(count, LENGTH_OF(others));
	assert_true(call_window_table_add(table, &base));
	for (size_t i = 0; i < count; i++)
	{
		assert_true(call_window_table_add(table, &others[i]));
		assert_int_equal(call_window_table_count(table), i + 2);
		assert_true(call_window_table_add(table, &others[i]));
		assert_int_equal(call_window_table_count(table), i + 2);
	}
	assert_text(call_window_table_entry(table, count)->endpoint, NULL);
	call_window_table_destroy(table);
}

static void
sums_stop_at_the_greatest_counter(void **state)
{
	static const call_bucket bucket = {7, FLOW_COUNTER_MAX};
	call_window_table *table = new_table(NO_BOUND);
	call_record call = sample_call(&bucket, 1);
	const call_window *window;

	(void) state;
	call.requests = call.errors = call.latency_sum_ns = FLOW_COUNTER_MAX;
	assert_true(call_window_table_add(table, &call));
	assert_true(call_window_table_add(table, &call));
	window = call_window_table_entry(table, 0);
	assert_true(window->requests == FLOW_COUNTER_MAX);
	assert_true(window->errors == FLOW_COUNTER_MAX);
	assert_true(window->latency_count == FLOW_COUNTER_MAX);
	assert_true(window->latency_sum_ns == FLOW_COUNTER_MAX);
	assert_true(window->buckets[0].count == FLOW_COUNTER_MAX);
	call_window_table_destroy(table);
}

static void
a_value_is_off_by_at_most_one_in_1024(void **state)
{
	uint64_t value = 1;

	(void) state;
	for (uint64_t small = 0; small < 1024; small++)
		assert_true(call_window_value(small) == small);
	while (value < UINT64_MAX / 3)
	{
		uint64_t kept = call_window_value(value);
		uint64_t off = kept > value ? kept - value : value - kept;

		assert_true(off <= value / 1024);
		assert_true(call_window_value(kept) == kept);
		value += value / 7 + 1;
	}
	assert_true(call_window_value(UINT64_MAX) > UINT64_MAX / 1024 * 1023);
}

static void
any_values_need_a_bounded_number_of_buckets(void **state)
{
	call_window_table *table = new_table(NO_BOUND);

	(void) state;
	for (uint64_t value = 1; value < 2000000; value += 37)
	{
		call_bucket bucket = {value, 1};
		call_record call = sample_call(&bucket, 1);

		assert_true(call_window_table_add(table, &call));
	}
	/* 512 for each power of 2 beyond the first ten. */
	assert_true(call_window_table_entry(table, 0)->bucket_count < 12 * 512);
	call_window_table_destroy(table);
}

/* Add records of distinct endpoints until one is refused; returns how many were taken. */
static size_t
fill(call_window_table *table)
{
	static const call_bucket buckets[] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}};

	for (size_t taken = 0;; taken++)
	{
		char endpoint[40];
		call_record call = sample_call(buckets, 4);

		snprintf(endpoint, sizeof(endpoint), "endpoint %zu", taken);
		call.endpoint = text_of(endpoint);
		if (!call_window_table_add(table, &call))
			return taken;
		assert_int_equal(call_window_table_count(table), taken + 1);
	}
}

static void
a_table_holds_to_its_bound_and_is_used_again(void **state)
{
	size_t bound = 1024 * 1024;
	call_window_table *table = new_table(bound);
	size_t first = fill(table);

	(void) state;
	assert_true(first > 1000);
	assert_true(call_window_table_bytes(table) <= bound);
	assert_int_equal(call_window_table_count(table), first);
	call_window_table_clear(table);
	assert_int_equal(call_window_table_count(table), 0);
	assert_true(fill(table) >= first - first / 10);
	assert_true(call_window_table_bytes(table) <= bound);
	call_window_table_destroy(table);
}

static void
a_full_table_takes_what_needs_no_room(void **state)
{
	static const call_bucket buckets[] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}};
	call_window_table *table = new_table(1024 * 1024);
	call_record known = sample_call(buckets, 4);
	size_t count = fill(table);
	const call_window *window = call_window_table_entry(table, 0);

	(void) state;
	known.endpoint = text_of("endpoint 0");
	assert_true(call_window_table_add(table, &known));
	assert_int_equal(call_window_table_count(table), count);
	assert_int_equal(window->requests, 20);
	call_window_table_destroy(table);
}

static void
an_empty_table_takes_any_record(void **state)
{
	call_bucket buckets[CALL_MAX_BUCKETS];
	call_window_table *table = new_table(0);
	call_record call = sample_call(buckets, 0);

	(void) state;
	for (uint32_t i = 0; i < CALL_MAX_BUCKETS; i++)
		buckets[i] = (call_bucket){i < 1024 ? i : (uint64_t) (i - 512) << 20, 1};
	call.bucket_count = CALL_MAX_BUCKETS;
	call.latency_count = CALL_MAX_BUCKETS;
	for (int again = 0; again < 3; again++)
	{
		call.endpoint = text_of("one");
		assert_true(call_window_table_add(table, &call));
		assert_int_equal(call_window_table_entry(table, 0)->latency_count, CALL_MAX_BUCKETS);
		call.endpoint = text_of("another");
		assert_false(call_window_table_add(table, &call));
		assert_int_equal(call_window_table_count(table), 1);
		call_window_table_clear(table);
		assert_true(call_window_table_bytes(table) < 1024);
	}
	call_window_table_destroy(table);
}

static void
a_window_must_have_a_length(void **state)
{
	(void) state;
	assert_null(call_window_table_create(&flow_allocator_malloc, 0, NO_BOUND));
	call_window_table_destroy(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_one_edge_and_window_are_one_entry),
		cmocka_unit_test(every_part_of_the_key_makes_another_entry),
		cmocka_unit_test(sums_stop_at_the_greatest_counter),
		cmocka_unit_test(a_value_is_off_by_at_most_one_in_1024),
		cmocka_unit_test(any_values_need_a_bounded_number_of_buckets),
		cmocka_unit_test(a_table_holds_to_its_bound_and_is_used_again),
		cmocka_unit_test(a_full_table_takes_what_needs_no_room),
		cmocka_unit_test(an_empty_table_takes_any_record),
		cmocka_unit_test(a_window_must_have_a_length),
	};

	return cmocka_run_group_tests_name("call_window", tests, NULL, NULL);
}
