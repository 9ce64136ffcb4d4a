/*
 * dispatch.c
 *		The batch that is on its way.
 *
 * Of each window of the batch it is known whether it waits, is on its way, or is
 * done.  A window that was certainly not written waits again, and is sent once
 * more; one that may have been written is done, and counted as uncertain: to
 * send it again could count it twice in the map.
 *
 * Owns the table of the batch, a byte for each of its windows, and the outlet.
 */
#include "agent/dispatch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/command.h"
#include "encode/flow_to_json.h"

/* A line: three texts of the host's, of 127 bytes, two of 255, all escaped, and the rest. */
#define LINE_SIZE 4096

/* When what was not taken is tried again. */
#define RETRY_MS 1000

typedef enum window_state
{
	WINDOW_WAITS,
	WINDOW_IN_FLIGHT,
	WINDOW_DONE
} window_state;

struct dispatch
{
	outlet *outlet;
	flow_text host;
	flow_window_table *windows;
	uint8_t *states; /* window_state of each */
	size_t count;
	size_t next; /* no window before it waits */
	size_t waiting;
	size_t in_flight;
	bool broken;
	int64_t retry_ms; /* CLOCK_MONOTONIC; when failed ones are sent again */
	flow_tally delivered;
	flow_tally uncertain;
	flow_tally dropped;
};

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
flow_tally_add(flow_tally *tally, const flow_window *window)
{
	tally->flows++;
	tally->connections += window->counters.connections;
	tally->failed += window->counters.failed;
	tally->bytes += window->counters.tx_bytes + window->counters.rx_bytes;
}

static void
wait_again(dispatch *dispatch, size_t index)
{
	dispatch->states[index] = WINDOW_WAITS;
	dispatch->waiting++;
	if (index < dispatch->next)
		dispatch->next = index;
	dispatch->retry_ms = now_ms() + RETRY_MS;
}

/* The outlet's reports; the tag is the window's place in the batch. */
static void
take_report(void *context, uintptr_t tag, stream_fate fate)
{
	dispatch *dispatch = context;
	const flow_window *window = flow_window_table_entry(dispatch->windows, tag);

	dispatch->in_flight--;
	dispatch->states[tag] = WINDOW_DONE;
	if (fate == STREAM_DELIVERED)
		flow_tally_add(&dispatch->delivered, window);
	else if (fate == STREAM_UNCERTAIN)
		flow_tally_add(&dispatch->uncertain, window);
	else
		wait_again(dispatch, tag);
}

dispatch *
dispatch_create(outlet *outlet, flow_text host, size_t memory)
{
	dispatch *result = calloc(1, sizeof(*result));

	if (result == NULL)
		return NULL;
	result->windows = flow_window_table_create(&flow_allocator_malloc, FLOW_WINDOW_NS, memory);
	if (result->windows == NULL)
	{
		free(result);
		return NULL;
	}
	result->outlet = outlet;
	result->host = host;
	outlet->report = take_report;
	outlet->report_context = result;
	return result;
}

void
dispatch_free(dispatch *dispatch)
{
	if (dispatch == NULL)
		return;
	dispatch->outlet->close(dispatch->outlet);
	flow_window_table_destroy(dispatch->windows);
	free(dispatch->states);
	free(dispatch);
}

bool
dispatch_is_idle(const dispatch *dispatch)
{
	return dispatch->waiting == 0 && dispatch->in_flight == 0;
}

bool
dispatch_take(dispatch *dispatch, flow_window_table **table)
{
	flow_window_table *sent = dispatch->windows;
	size_t count = flow_window_table_count(*table);
	uint8_t *states = realloc(dispatch->states, count + !count);

	if (states == NULL)
	{
		agent_fail(AGENT_FAILED, "out of memory");
		return false;
	}
	memset(states, WINDOW_WAITS, count);
	flow_window_table_clear(sent);
	dispatch->windows = *table;
	dispatch->states = states;
	dispatch->count = dispatch->waiting = count;
	dispatch->next = 0;
	dispatch->retry_ms = 0;
	*table = sent;
	return true;
}

static outlet_result
send_window(dispatch *dispatch, size_t index)
{
	flow_record record = flow_window_record(flow_window_table_entry(dispatch->windows, index));
	char line[LINE_SIZE];
	size_t length;

	record.host = dispatch->host;
	length = encode_flow_json(&record, line, sizeof(line) - 1);
	if (length > sizeof(line) - 1)
	{
		agent_fail(AGENT_FAILED, "a record has %zu bytes", length);
		return OUTLET_BROKEN;
	}
	line[length] = '\n';
	return dispatch->outlet->send(dispatch->outlet, index, line, length + 1);
}

/* A report may come while the window is handed over. */
static outlet_result
hand_over(dispatch *dispatch, size_t index)
{
	outlet_result result;

	dispatch->states[index] = WINDOW_IN_FLIGHT;
	dispatch->waiting--;
	dispatch->in_flight++;
	result = send_window(dispatch, index);
	if (result != OUTLET_TAKEN)
	{
		dispatch->states[index] = WINDOW_WAITS;
		dispatch->waiting++;
		dispatch->in_flight--;
	}
	return result;
}

static bool
hand_over_all(dispatch *dispatch)
{
	if (dispatch->waiting == 0 || now_ms() < dispatch->retry_ms)
		return true;
	for (; dispatch->next < dispatch->count; dispatch->next++)
	{
		if (dispatch->states[dispatch->next] != WINDOW_WAITS)
			continue;
		switch (hand_over(dispatch, dispatch->next))
		{
			case OUTLET_BROKEN:
				return false;
			case OUTLET_LATER:
				return true;
			case OUTLET_TAKEN:
				break;
		}
	}
	return true;
}

bool
dispatch_serve(dispatch *dispatch, int timeout_ms)
{
	dispatch->broken = dispatch->broken || !hand_over_all(dispatch) ||
					   !dispatch->outlet->serve(dispatch->outlet, timeout_ms);
	return !dispatch->broken;
}

void
dispatch_abandon(dispatch *dispatch)
{
	dispatch->outlet->abandon(dispatch->outlet);
	for (size_t i = 0; i < dispatch->count; i++)
	{
		flow_tally *tally =
			dispatch->states[i] == WINDOW_WAITS ? &dispatch->dropped : &dispatch->uncertain;

		if (dispatch->states[i] == WINDOW_DONE)
			continue;
		dispatch->states[i] = WINDOW_DONE;
		flow_tally_add(tally, flow_window_table_entry(dispatch->windows, i));
	}
	dispatch->waiting = dispatch->in_flight = 0;
}

flow_tally
dispatch_delivered(const dispatch *dispatch)
{
	return dispatch->delivered;
}

flow_tally
dispatch_uncertain(const dispatch *dispatch)
{
	return dispatch->uncertain;
}

flow_tally
dispatch_dropped(const dispatch *dispatch)
{
	return dispatch->dropped;
}

size_t
dispatch_in_flight(const dispatch *dispatch)
{
	return dispatch->in_flight;
}

size_t
dispatch_waiting(const dispatch *dispatch)
{
	return dispatch->waiting;
}

size_t
dispatch_bytes(const dispatch *dispatch)
{
	return flow_window_table_bytes(dispatch->windows);
}
