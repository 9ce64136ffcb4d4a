/*
 * gatherer.c
 *		The capture into windows: events are read from the ring and merged.
 *
 * The ring's position is moved only by gatherer_release(), and by a table that
 * is full: the event that did not fit is read again, which frees those before
 * it.  When nobody releases, the ring fills, and the kernel counts what it
 * cannot put there; of connections that stay open it keeps the counters until
 * there is room again.
 */
#include "agent/gatherer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/command.h"
#include "capture/capture.h"
#include "capture/capture_record.h"

struct gatherer
{
	capture *capture;
	capture_recorder *recorder;
	struct flow_lost lost_before; /* when it was opened */
	struct flow_lost lost;        /* since then */
	uint64_t events;
	uint64_t unreadable;
	bool released;
};

static int
fail(const capture_error *error)
{
	int code = AGENT_FAILED;

	if (error->code == EACCES || error->code == EPERM)
		code = AGENT_NOT_PERMITTED;
	else if (error->code == EINVAL)
		code = AGENT_USAGE;
	if (error->hint[0] == '\0')
		return agent_fail(code, "%s", error->message);
	return agent_fail(code, "%s\n%s", error->message, error->hint);
}

static bool
set_up(gatherer *gatherer, const run_options *options, const char *rules, capture_error *error)
{
	capture_recorder_options recorder = {
		.host = options->host, .region = options->region, .scope = options->scope, .rules = rules};

	gatherer->capture = capture_open(options->dir, error);
	if (gatherer->capture == NULL ||
		!capture_choose_netns(gatherer->capture, options->netns, options->except_netns, error) ||
		!capture_lost(gatherer->capture, &gatherer->lost_before, error))
		return false;
	gatherer->recorder =
		capture_recorder_create(capture_process_map(gatherer->capture), &recorder, error);
	return gatherer->recorder != NULL;
}

gatherer *
gatherer_open(const run_options *options, const char *rules, int *code)
{
	gatherer *result = calloc(1, sizeof(*result));
	capture_error error = {.code = ENOMEM, .message = "out of memory"};

	if (result != NULL && set_up(result, options, rules, &error))
		return result;
	*code = fail(&error);
	gatherer_close(result);
	return NULL;
}

void
gatherer_close(gatherer *gatherer)
{
	if (gatherer == NULL)
		return;
	capture_recorder_free(gatherer->recorder);
	capture_close(gatherer->capture);
	free(gatherer);
}

flow_text
gatherer_host(const gatherer *gatherer)
{
	return capture_recorder_host(gatherer->recorder);
}

int
gatherer_wait_fd(const gatherer *gatherer)
{
	return capture_wait_fd(gatherer->capture);
}

void
gatherer_clear_wakeup(gatherer *gatherer)
{
	capture_clear_wakeup(gatherer->capture);
}

bool
gatherer_snapshot(gatherer *gatherer)
{
	capture_error error;

	if (capture_snapshot(gatherer->capture, &error))
		return true;
	fail(&error);
	return false;
}

/* Records of before are in the table, which has its own copy of their texts. */
static bool
make_record(gatherer *gatherer, const struct flow_event *event, flow_record *record)
{
	if (capture_recorder_record(gatherer->recorder, event, record))
		return true;
	capture_recorder_begin(gatherer->recorder);
	if (capture_recorder_record(gatherer->recorder, event, record))
		return true;
	agent_fail(AGENT_FAILED, "out of memory");
	return false;
}

/* The event at position does not fit: it is read again. */
static gather_result
step_back(gatherer *gatherer, uint64_t position)
{
	uint64_t gone;

	gatherer->released = true;
	if (capture_resume(gatherer->capture, position, &gone))
		return GATHERED_FULL;
	agent_fail(AGENT_FAILED, "the ring of events lost its position");
	return GATHER_FAILED;
}

gather_result
gatherer_read(gatherer *gatherer, flow_window_table *windows)
{
	capture_item item;
	capture_result result;
	flow_record record;

	capture_recorder_begin(gatherer->recorder);
	for (;;)
	{
		uint64_t position = capture_position(gatherer->capture);

		result = capture_next(gatherer->capture, &item);
		if (result == CAPTURE_EMPTY)
			return GATHERED_ALL;
		if (result == CAPTURE_UNREADABLE)
		{
			gatherer->unreadable++;
			continue;
		}
		if (!make_record(gatherer, item.event, &record))
			return GATHER_FAILED;
		if (!flow_window_table_add(windows, &record))
			return step_back(gatherer, position);
		gatherer->events++;
	}
}

void
gatherer_release(gatherer *gatherer)
{
	capture_commit(gatherer->capture);
	gatherer->released = true;
}

bool
gatherer_has_released(const gatherer *gatherer)
{
	return gatherer->released;
}

void
gatherer_begin(gatherer *gatherer)
{
	gatherer->released = false;
}

uint64_t
gatherer_events(const gatherer *gatherer)
{
	return gatherer->events;
}

uint64_t
gatherer_unreadable(const gatherer *gatherer)
{
	return gatherer->unreadable;
}

struct flow_lost
gatherer_lost(gatherer *gatherer)
{
	const struct flow_lost *before = &gatherer->lost_before;
	struct flow_lost now;
	capture_error error;

	/* what cannot be read now is told by the next look */
	if (capture_lost(gatherer->capture, &now, &error))
		gatherer->lost = (struct flow_lost){
			.events = now.events - before->events,
			.connections = now.connections - before->connections,
			.failed = now.failed - before->failed,
			.tx_bytes = now.tx_bytes - before->tx_bytes,
			.rx_bytes = now.rx_bytes - before->rx_bytes,
			.tx_packets = now.tx_packets - before->tx_packets,
			.rx_packets = now.rx_packets - before->rx_packets,
			.untracked = now.untracked - before->untracked,
			.udp_packets = now.udp_packets - before->udp_packets,
		};
	return gatherer->lost;
}
