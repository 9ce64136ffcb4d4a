/*
 * dispatch_test.c
 *		The agent's batch on its way: each window is delivered once, whatever an
 *		outlet says; what may have been is never sent again.
 */
#include "decoded.h"
#include "windows.h"

#include "agent/dispatch.h"

#define MEMORY ((size_t) 1 << 20)
#define MOST   64

/* An outlet that does as it is told, and remembers. */
typedef struct fake_outlet
{
	outlet base;
	size_t room; /* lines that it takes from now on */
	bool broken;
	size_t waiting; /* of lines, whose tags are: */
	uintptr_t tags[MOST];
	size_t sent[MOST];     /* how often a tag was taken */
	char lines[MOST][512]; /* the last of each tag */
	stream_fate at_abandon;
} fake_outlet;

static fake_outlet *fake;

static outlet_result
fake_send(outlet *outlet, uintptr_t tag, const char *line, size_t length)
{
	(void) outlet;
	assert_true(tag < MOST && length < sizeof(fake->lines[tag]));
	assert_int_equal(line[length - 1], '\n');
	if (fake->broken)
		return OUTLET_BROKEN;
	if (fake->room == 0)
		return OUTLET_LATER;
	fake->room--;
	fake->sent[tag]++;
	memcpy(fake->lines[tag], line, length - 1);
	fake->lines[tag][length - 1] = '\0';
	fake->tags[fake->waiting++] = tag;
	return OUTLET_TAKEN;
}

static bool
fake_serve(outlet *outlet, int timeout_ms)
{
	(void) outlet, (void) timeout_ms;
	return !fake->broken;
}

/* Report the oldest line that waits. */
static void
report(stream_fate fate)
{
	uintptr_t tag = fake->tags[0];

	assert_true(fake->waiting > 0);
	memmove(fake->tags, fake->tags + 1, sizeof(fake->tags) - sizeof(fake->tags[0]));
	fake->waiting--;
	fake->base.report(fake->base.report_context, tag, fate);
}

static void
report_all(stream_fate fate)
{
	while (fake->waiting > 0)
		report(fate);
}

static void
fake_abandon(outlet *outlet)
{
	(void) outlet;
	report_all(fake->at_abandon);
}

static void
fake_close(outlet *outlet)
{
	free(outlet);
	fake = NULL;
}

static dispatch *
new_dispatch(void)
{
	dispatch *result;

	fake = calloc(1, sizeof(*fake));
	fake->base = (outlet){
		.send = fake_send, .serve = fake_serve, .abandon = fake_abandon, .close = fake_close};
	fake->room = MOST;
	fake->at_abandon = STREAM_NOT_WRITTEN;
	result = dispatch_create(&fake->base, text_of("h1"), MEMORY);
	assert_non_null(result);
	assert_true(dispatch_is_idle(result));
	return result;
}

/* Give it a batch of count windows, of one connection each. */
static void
take(dispatch *dispatch, size_t count)
{
	flow_window_table *table = new_table(MEMORY);

	for (size_t i = 0; i < count; i++)
	{
		flow_record record = sample_record();

		record.peer_port = (uint16_t) (1 + i);
		assert_true(flow_window_table_add(table, &record));
	}
	assert_true(dispatch_take(dispatch, &table));
	assert_int_equal(flow_window_table_count(table), 0);
	flow_window_table_destroy(table);
}

static void
a_batch_is_sent_and_waits_for_its_reports(void **state)
{
	dispatch *dispatch = new_dispatch();
	decoded what;
	flow_record record;

	(void) state;
	take(dispatch, 3);
	assert_int_equal(dispatch_waiting(dispatch), 3);
	assert_true(dispatch_serve(dispatch, 0));
	assert_int_equal(dispatch_in_flight(dispatch), 3);
	record = one_record(fake->lines[1], &what);
	assert_text(record.host, "h1");
	assert_text(record.app, "checkout");
	assert_int_equal(record.peer_port, 2);
	assert_int_equal(record.counters.connections, 1);
	forget(&what);
	report(STREAM_DELIVERED);
	assert_false(dispatch_is_idle(dispatch));
	report_all(STREAM_DELIVERED);
	assert_true(dispatch_is_idle(dispatch));
	assert_int_equal(dispatch_delivered(dispatch).flows, 3);
	assert_int_equal(dispatch_delivered(dispatch).connections, 3);
	assert_int_equal(dispatch_delivered(dispatch).bytes, 3 * (3 + 4));
	dispatch_free(dispatch);
}

static void
what_finds_no_room_is_sent_later(void **state)
{
	dispatch *dispatch = new_dispatch();

	(void) state;
	fake->room = 2;
	take(dispatch, 5);
	for (size_t round = 0; round < 3; round++)
	{
		assert_true(dispatch_serve(dispatch, 0));
		report_all(STREAM_DELIVERED);
		assert_int_equal(dispatch_delivered(dispatch).flows, round < 2 ? 2 * (round + 1) : 5);
		fake->room = 2;
	}
	assert_true(dispatch_is_idle(dispatch));
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(fake->sent[i], 1);
	dispatch_free(dispatch);
}

static void
what_was_not_written_is_sent_again(void **state)
{
	dispatch *dispatch = new_dispatch();

	(void) state;
	take(dispatch, 3);
	assert_true(dispatch_serve(dispatch, 0));
	report(STREAM_NOT_WRITTEN);
	report(STREAM_DELIVERED);
	report(STREAM_NOT_WRITTEN);
	assert_int_equal(dispatch_waiting(dispatch), 2);
	/* but not at once */
	assert_true(dispatch_serve(dispatch, 0));
	assert_int_equal(dispatch_in_flight(dispatch), 0);
	while (dispatch_in_flight(dispatch) == 0)
		assert_true(dispatch_serve(dispatch, 0));
	assert_int_equal(dispatch_in_flight(dispatch), 2);
	report_all(STREAM_DELIVERED);
	assert_true(dispatch_is_idle(dispatch));
	assert_int_equal(dispatch_delivered(dispatch).flows, 3);
	assert_int_equal(fake->sent[0], 2);
	assert_int_equal(fake->sent[1], 1);
	assert_int_equal(fake->sent[2], 2);
	dispatch_free(dispatch);
}

static void
what_may_have_been_written_is_not(void **state)
{
	dispatch *dispatch = new_dispatch();

	(void) state;
	take(dispatch, 2);
	assert_true(dispatch_serve(dispatch, 0));
	report(STREAM_UNCERTAIN);
	report(STREAM_DELIVERED);
	assert_true(dispatch_is_idle(dispatch));
	assert_true(dispatch_serve(dispatch, 0));
	assert_int_equal(fake->sent[0], 1);
	assert_int_equal(dispatch_uncertain(dispatch).flows, 1);
	assert_int_equal(dispatch_uncertain(dispatch).connections, 1);
	assert_int_equal(dispatch_delivered(dispatch).flows, 1);
	assert_int_equal(dispatch_dropped(dispatch).flows, 0);
	dispatch_free(dispatch);
}

static void
what_is_abandoned_is_counted(void **state)
{
	dispatch *dispatch = new_dispatch();

	(void) state;
	fake->room = 3;
	take(dispatch, 5);
	assert_true(dispatch_serve(dispatch, 0));
	report(STREAM_DELIVERED);
	dispatch_abandon(dispatch);
	assert_true(dispatch_is_idle(dispatch));
	assert_int_equal(dispatch_delivered(dispatch).flows, 1);
	assert_int_equal(dispatch_dropped(dispatch).flows, 4);
	assert_int_equal(dispatch_dropped(dispatch).connections, 4);

	fake->room = MOST;
	fake->at_abandon = STREAM_UNCERTAIN;
	take(dispatch, 2);
	assert_true(dispatch_serve(dispatch, 0));
	dispatch_abandon(dispatch);
	assert_int_equal(dispatch_uncertain(dispatch).flows, 2);
	assert_int_equal(dispatch_dropped(dispatch).flows, 4);
	dispatch_free(dispatch);
}

static void
one_batch_comes_after_another(void **state)
{
	dispatch *dispatch = new_dispatch();

	(void) state;
	for (size_t count = 0; count < 4; count++)
	{
		take(dispatch, count);
		assert_true(dispatch_serve(dispatch, 0));
		assert_int_equal(dispatch_in_flight(dispatch), count);
		report_all(STREAM_DELIVERED);
	}
	assert_int_equal(dispatch_delivered(dispatch).flows, 0 + 1 + 2 + 3);
	dispatch_free(dispatch);
}

static void
a_broken_outlet_stays_broken(void **state)
{
	dispatch *dispatch = new_dispatch();

	(void) state;
	take(dispatch, 1);
	fake->broken = true;
	assert_false(dispatch_serve(dispatch, 0));
	fake->broken = false;
	assert_false(dispatch_serve(dispatch, 0));
	dispatch_abandon(dispatch);
	assert_int_equal(dispatch_dropped(dispatch).flows, 1);
	dispatch_free(dispatch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_sent_and_waits_for_its_reports),
		cmocka_unit_test(what_finds_no_room_is_sent_later),
		cmocka_unit_test(what_was_not_written_is_sent_again),
		cmocka_unit_test(what_may_have_been_written_is_not),
		cmocka_unit_test(what_is_abandoned_is_counted),
		cmocka_unit_test(one_batch_comes_after_another),
		cmocka_unit_test(a_broken_outlet_stays_broken),
	};

	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
