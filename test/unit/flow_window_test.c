/*
 * flow_window_test.c
 *		The open windows in memory: what merges, and what does not.
 */
#include "windows.h"

#include "flow/flow_address.h"

/* The one entry of a table that took these records. */
static flow_window
merge_of(const flow_record *records, size_t count)
{
	flow_window_table *table = new_table(NO_BOUND);
	flow_window window;

	for (size_t i = 0; i < count; i++)
		assert_true(flow_window_table_add(table, &records[i]));
	assert_int_equal(flow_window_table_count(table), 1);
	window = *flow_window_table_entry(table, 0);
	window.app = window.cluster = window.region = window.scope = (flow_text){NULL, 0};
	flow_window_table_destroy(table);
	return window;
}

static void
a_record_becomes_an_entry(void **state)
{
	flow_window_table *table = new_table(NO_BOUND);
	flow_record record = sample_record();
	const flow_window *window;

	(void) state;
	assert_true(flow_window_table_add(table, &record));
	assert_int_equal(flow_window_table_count(table), 1);
	window = flow_window_table_entry(table, 0);
	assert_int_equal(window->window_ns, 3 * WINDOW_NS);
	assert_int_equal(window->first_ns, record.start_ns);
	assert_int_equal(window->last_ns, record.end_ns);
	assert_int_equal(window->protocol, FLOW_PROTOCOL_TCP);
	assert_int_equal(window->role, FLOW_ROLE_CLIENT);
	assert_false(window->role_guessed);
	assert_address(window->local, "10.0.0.7");
	assert_address(window->peer, "10.0.1.9");
	assert_address(window->nat_local, "192.0.2.1");
	assert_address(window->nat_peer, "192.0.2.2");
	assert_int_equal(window->nat_peer_port, 7000);
	assert_text(window->app, "checkout");
	assert_text(window->cluster, "checkout-v12");
	assert_text(window->region, "us-east-1");
	assert_text(window->scope, "vpc-1");
	assert_memory_equal(&window->counters, &record.counters, sizeof(record.counters));
	flow_window_table_destroy(table);
}

static void
texts_are_the_tables_own(void **state)
{
	flow_window_table *table = new_table(NO_BOUND);
	flow_record record = sample_record();
	char app[] = "cart";

	(void) state;
	record.app = text_of(app);
	record.scope = text_of("");
	assert_true(flow_window_table_add(table, &record));
	memset(app, 'x', strlen(app));
	assert_text(flow_window_table_entry(table, 0)->app, "cart");
	assert_text(flow_window_table_entry(table, 0)->scope, NULL);
	flow_window_table_destroy(table);
}

static void
ephemeral_ports_are_dropped(void **state)
{
	flow_record records[100];
	flow_window window;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(records); i++)
	{
		records[i] = sample_record();
		records[i].local_port = (uint16_t) (40000 + i);
		records[i].nat_local_port = (uint16_t) (50000 + i);
	}
	window = merge_of(records, LENGTH_OF(records));
	assert_int_equal(window.local_port, 0);
	assert_int_equal(window.peer_port, 6379);
	assert_int_equal(window.counters.connections, 100);

	for (size_t i = 0; i < LENGTH_OF(records); i++)
	{
		records[i].role = FLOW_ROLE_SERVER;
		records[i].local_port = 6379;
		records[i].nat_local_port = 443;
		records[i].peer_port = records[i].nat_peer_port = (uint16_t) (40000 + i);
	}
	window = merge_of(records, LENGTH_OF(records));
	assert_int_equal(window.local_port, 6379);
	assert_int_equal(window.peer_port, 0);
	assert_int_equal(window.nat_local_port, 443);
	assert_int_equal(window.nat_peer_port, 0);
}

static void
an_end_of_which_only_the_dropped_port_changes_is_not_translated(void **state)
{
	flow_record record = sample_record();
	flow_window window;

	(void) state;
	record.nat_local = record.local;
	record.nat_peer = record.peer;
	window = merge_of(&record, 1);
	assert_int_equal(window.nat_local.family, 0);
	assert_int_equal(window.nat_local_port, 0);
	assert_address(window.nat_peer, "10.0.1.9");
	assert_int_equal(window.nat_peer_port, 7000);

	record.role = FLOW_ROLE_SERVER;
	window = merge_of(&record, 1);
	assert_address(window.nat_local, "10.0.0.7");
	assert_int_equal(window.nat_local_port, 1024);
	assert_int_equal(window.nat_peer.family, 0);
	assert_int_equal(window.nat_peer_port, 0);
}

static void
a_forwarders_ports_are_those_of_the_called(void **state)
{
	flow_record records[100];
	flow_window window;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(records); i++)
	{
		records[i] = sample_record();
		records[i].role = FLOW_ROLE_FORWARDER;
		records[i].local_port = (uint16_t) (i + 1);
		records[i].nat_local_port = (uint16_t) (50000 + i);
		if (i % 2 == 0)
			records[i].app = records[i].cluster = (flow_text){NULL, 0};
	}
	window = merge_of(records, LENGTH_OF(records));
	assert_int_equal(window.role, FLOW_ROLE_FORWARDER);
	assert_int_equal(window.local_port, 0);
	assert_int_equal(window.peer_port, 6379);
	assert_int_equal(window.nat_local_port, 0);
	assert_int_equal(window.nat_peer_port, 7000);
	assert_int_equal(window.counters.connections, 100);
}

static void
a_forwarder_names_no_workload(void **state)
{
	flow_window_table *table = new_table(NO_BOUND);
	flow_record record = sample_record();

	(void) state;
	record.role = FLOW_ROLE_FORWARDER;
	assert_true(flow_window_table_add(table, &record));
	assert_text(flow_window_table_entry(table, 0)->app, NULL);
	assert_text(flow_window_table_entry(table, 0)->cluster, NULL);
	assert_text(flow_window_table_entry(table, 0)->scope, "vpc-1");
	flow_window_table_destroy(table);
}

static void
a_role_not_given_is_guessed_from_the_lower_port(void **state)
{
	static const struct
	{
		uint16_t local, peer;
		flow_role role;
	} cases[] = {
		{43210, 6379, FLOW_ROLE_CLIENT},  {6379, 43210, FLOW_ROLE_SERVER},
		{80, 80, FLOW_ROLE_CLIENT},       {0, 0, FLOW_ROLE_CLIENT},
		{0, 80, FLOW_ROLE_CLIENT},        {80, 0, FLOW_ROLE_SERVER},
		{65534, 65535, FLOW_ROLE_SERVER},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		flow_record record = sample_record();
		flow_window window;

		record.role = FLOW_ROLE_UNKNOWN;
		record.local_port = cases[i].local;
		record.peer_port = cases[i].peer;
		window = merge_of(&record, 1);
		assert_int_equal(window.role, cases[i].role);
		assert_true(window.role_guessed);
		assert_int_equal(window.local_port, cases[i].role == FLOW_ROLE_SERVER ? cases[i].local : 0);
		assert_int_equal(window.peer_port, cases[i].role == FLOW_ROLE_SERVER ? 0 : cases[i].peer);
	}
}

static void
a_known_role_confirms_a_guessed_one(void **state)
{
	flow_record records[3] = {sample_record(), sample_record(), sample_record()};

	(void) state;
	records[0].role = records[1].role = records[2].role = FLOW_ROLE_UNKNOWN;
	assert_true(merge_of(records, 3).role_guessed);
	for (size_t known = 0; known < 3; known++)
	{
		records[known].role = FLOW_ROLE_CLIENT;
		assert_false(merge_of(records, 3).role_guessed);
		records[known].role = FLOW_ROLE_UNKNOWN;
	}
}

static void
windows_begin_rounded_down(void **state)
{
	static const struct
	{
		int64_t start, window;
	} cases[] = {
		{0, 0},
		{1, 0},
		{WINDOW_NS - 1, 0},
		{WINDOW_NS, WINDOW_NS},
		{-1, -WINDOW_NS},
		{-WINDOW_NS, -WINDOW_NS},
		{-WINDOW_NS - 1, -2 * WINDOW_NS},
		{INT64_C(1700000009999999999), INT64_C(1700000000000000000)},
		{INT64_MAX, INT64_MAX - INT64_MAX % WINDOW_NS},
		{INT64_MIN, INT64_MIN},
		{INT64_MIN + WINDOW_NS, INT64_MIN - INT64_MIN % WINDOW_NS},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		flow_record record = sample_record();

		record.start_ns = cases[i].start;
		record.end_ns = INT64_MAX;
		assert_true(merge_of(&record, 1).window_ns == cases[i].window);
	}
}

static void
a_window_that_is_not_positive_is_refused(void **state)
{
	(void) state;
	assert_null(flow_window_table_create(&flow_allocator_malloc, 0, NO_BOUND));
	assert_null(flow_window_table_create(&flow_allocator_malloc, -1, NO_BOUND));
}

static void
counters_stop_at_their_maximum(void **state)
{
	flow_record records[3] = {sample_record(), sample_record(), sample_record()};
	flow_window window;

	(void) state;
	records[0].counters.tx_bytes = FLOW_COUNTER_MAX;
	records[1].counters.rx_bytes = UINT64_MAX;
	records[2].counters.tx_packets = FLOW_COUNTER_MAX - 10;
	window = merge_of(records, 3);
	assert_true(window.counters.tx_bytes == FLOW_COUNTER_MAX);
	assert_true(window.counters.rx_bytes == FLOW_COUNTER_MAX);
	assert_true(window.counters.tx_packets == FLOW_COUNTER_MAX);
	assert_int_equal(window.counters.rx_packets, 18);
	window = merge_of(&records[1], 1);
	assert_true(window.counters.rx_bytes == FLOW_COUNTER_MAX);
}

static void
each_part_of_the_key_keeps_entries_apart(void **state)
{
	flow_record records[15];
	flow_window_table *table = new_table(NO_BOUND);

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(records); i++)
		records[i] = sample_record();
	records[1].start_ns -= WINDOW_NS;
	records[2].protocol = FLOW_PROTOCOL_UDP;
	records[3].role = FLOW_ROLE_SERVER;
	records[4].local = address_of("10.0.0.8");
	records[5].peer = address_of("a00:109::");
	records[6].peer_port = 6380;
	records[7].nat_local = address_of("192.0.2.3");
	records[8].nat_peer.family = 0;
	records[9].nat_peer = address_of("192.0.2.3");
	records[10].nat_peer_port = 7001;
	records[11].app = text_of("checkout2");
	records[12].cluster = (flow_text){NULL, 0};
	records[13].region = text_of("us-east-2");
	records[14].scope = text_of("us-east-1");
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < LENGTH_OF(records); i++)
			assert_true(flow_window_table_add(table, &records[i]));
	assert_int_equal(flow_window_table_count(table), LENGTH_OF(records));
	for (size_t i = 0; i < LENGTH_OF(records); i++)
		assert_int_equal(flow_window_table_entry(table, i)->counters.connections, 2);
	flow_window_table_destroy(table);
}

/* A small generator of our own, so that a failure can be had again. */
static uint32_t
next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t) (*seed >> 33);
}

static flow_record
random_record(uint64_t *seed)
{
	static const char *const apps[] = {"", "checkout", "cart", "checkout "};
	static const char *const addresses[] = {"10.0.0.7", "10.0.1.9", "2001:db8::1"};
	flow_record record = sample_record();

	record.start_ns = (int64_t) (next_random(seed) % 4) * (WINDOW_NS / 2) - WINDOW_NS;
	record.end_ns = record.start_ns + next_random(seed) % 1000;
	record.role = next_random(seed) % 3;
	record.local = address_of(addresses[next_random(seed) % 3]);
	record.peer = address_of(addresses[next_random(seed) % 3]);
	record.local_port = (uint16_t) (next_random(seed) % 3 + 79);
	record.peer_port = (uint16_t) (next_random(seed) % 3 + 79);
	record.app = text_of(apps[next_random(seed) % 4]);
	if (next_random(seed) % 2 == 0)
		record.nat_peer.family = record.nat_local.family = 0;
	if (next_random(seed) % 16 == 0)
		record.counters.tx_bytes = FLOW_COUNTER_MAX - next_random(seed);
	record.counters.rx_bytes = next_random(seed);
	record.counters.rtt_sum_us = next_random(seed);
	return record;
}

static void
shuffle(flow_record *records, size_t count, uint64_t *seed)
{
	for (size_t i = count; i > 1; i--)
	{
		size_t other = next_random(seed) % i;
		flow_record kept = records[i - 1];

		records[i - 1] = records[other];
		records[other] = kept;
	}
}

#define LINE_SIZE 600

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
describe(const flow_window *window, char line[LINE_SIZE])
{
	char addresses[4][FLOW_ADDRESS_TEXT_SIZE];
	const flow_counters *counters = &window->counters;

	flow_address_format(&window->local, addresses[0]);
	flow_address_format(&window->peer, addresses[1]);
	flow_address_format(&window->nat_local, addresses[2]);
	flow_address_format(&window->nat_peer, addresses[3]);
	snprintf(line, LINE_SIZE,
			 "%jd %jd %jd %d %d %d %s/%d %s/%d %s %s/%d [%.*s] %.*s %.*s %.*s %ju %ju %ju %ju %ju "
			 "%ju %ju %ju %ju",
			 (intmax_t) window->window_ns, (intmax_t) window->first_ns, (intmax_t) window->last_ns,
			 window->protocol, window->role, window->role_guessed, addresses[0], window->local_port,
			 addresses[1], window->peer_port, addresses[2], addresses[3], window->nat_peer_port,
			 (int) window->app.length, window->app.data, (int) window->cluster.length,
			 window->cluster.data, (int) window->region.length, window->region.data,
			 (int) window->scope.length, window->scope.data, (uintmax_t) counters->connections,
			 (uintmax_t) counters->failed, (uintmax_t) counters->tx_bytes,
			 (uintmax_t) counters->rx_bytes, (uintmax_t) counters->tx_packets,
			 (uintmax_t) counters->rx_packets, (uintmax_t) counters->retransmits,
			 (uintmax_t) counters->rtt_sum_us, (uintmax_t) counters->rtt_samples);
}

/* All entries that the records come to, sorted; LINE_SIZE bytes each. */
static char *
sorted_entries(const flow_record *records, size_t record_count, size_t *count)
{
	flow_window_table *table = new_table(NO_BOUND);
	char *lines;

	for (size_t i = 0; i < record_count; i++)
		assert_true(flow_window_table_add(table, &records[i]));
	*count = flow_window_table_count(table);
	lines = calloc(*count, LINE_SIZE);
	for (size_t i = 0; i < *count; i++)
		describe(flow_window_table_entry(table, i), lines + i * LINE_SIZE);
	qsort(lines, *count, LINE_SIZE, compare_lines);
	flow_window_table_destroy(table);
	return lines;
}

static void
any_order_of_records_gives_the_same_entries(void **state)
{
	static flow_record records[5000];
	uint64_t seed = 20240607;
	size_t expected_count;
	size_t count;
	char *expected;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(records); i++)
		records[i] = random_record(&seed);
	expected = sorted_entries(records, LENGTH_OF(records), &expected_count);
	assert_in_range(expected_count, 100, 2500);
	for (int round = 0; round < 20; round++)
	{
		char *entries;

		shuffle(records, LENGTH_OF(records), &seed);
		entries = sorted_entries(records, LENGTH_OF(records), &count);
		assert_int_equal(count, expected_count);
		for (size_t i = 0; i < count; i++)
			assert_string_equal(entries + i * LINE_SIZE, expected + i * LINE_SIZE);
		free(entries);
	}
	free(expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_becomes_an_entry),
		cmocka_unit_test(texts_are_the_tables_own),
		cmocka_unit_test(ephemeral_ports_are_dropped),
		cmocka_unit_test(an_end_of_which_only_the_dropped_port_changes_is_not_translated),
		cmocka_unit_test(a_forwarders_ports_are_those_of_the_called),
		cmocka_unit_test(a_forwarder_names_no_workload),
		cmocka_unit_test(a_role_not_given_is_guessed_from_the_lower_port),
		cmocka_unit_test(a_known_role_confirms_a_guessed_one),
		cmocka_unit_test(windows_begin_rounded_down),
		cmocka_unit_test(a_window_that_is_not_positive_is_refused),
		cmocka_unit_test(counters_stop_at_their_maximum),
		cmocka_unit_test(each_part_of_the_key_keeps_entries_apart),
		cmocka_unit_test(any_order_of_records_gives_the_same_entries),
	};

	return cmocka_run_group_tests_name("flow_window", tests, NULL, NULL);
}
