/*
 * run_loop.c
 *		The life of a running agent.
 *
 * Events are merged into the open table of windows.  At each interval, and once
 * everything sent before was reported, the table is handed over and an empty one
 * opened.  So while Kafka is away one batch waits for its reports, and flows
 * merge in the open table, which is bounded.  When it is full the ring is read
 * no more: the ring fills, and then the kernel counts what it loses.
 *
 * What happens to the ring's position decides what a kill costs.  Events stay in
 * the ring while they are only merged: a kill then loses nothing, the next agent
 * reads them again.  They are released just before their windows are handed over:
 * a kill after that loses those that no broker had yet, a few tenths of a second
 * of flows, but nothing is ever told twice.  While Kafka is away, and the ring is a
 * quarter full, it is released early to make room: then a kill loses what is in
 * memory.
 */
#include "agent/run_loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/bpffs.h"
#include "agent/command.h"
#include "agent/forward.h"
#include "capture/pins.h"

/* How often namespaces that forward are followed, by who has pinned the capture itself. */
#define FOLLOW_MS 10000

/* How often reports are taken in while there are any to come. */
#define SERVE_MS 50

typedef struct loop
{
	agent_run *run;
	int64_t next_batch_ms; /* CLOCK_MONOTONIC */
	int64_t next_status_ms;
	int64_t next_follow_ms;
	bool due; /* the interval is over: hand over as soon as that is possible */
} loop;

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
take_signal(agent_run *run)
{
	struct signalfd_siginfo signal;

	if (read(run->signals, &signal, sizeof(signal)) == (ssize_t) sizeof(signal))
		run->stop = true;
}

/* Wait for a signal, for the ring's wake-up, or for timeout_ms.  True: the ring's. */
static bool
wait_for_news(agent_run *run, int timeout_ms)
{
	struct pollfd news[] = {
		{.fd = run->signals, .events = POLLIN},
		/* negative: not waited for */
		{.fd = run->full ? -1 : gatherer_wait_fd(run->gatherer), .events = POLLIN}};

	if (poll(news, 2, timeout_ms) <= 0)
		return false;
	if (news[0].revents != 0)
		take_signal(run);
	if (news[1].revents == 0)
		return false;
	gatherer_clear_wakeup(run->gatherer);
	return true;
}

static int
timeout_of(const loop *loop)
{
	int64_t until = loop->next_batch_ms;
	int64_t left;

	if (loop->run->options->status_ms > 0 && loop->next_status_ms < until)
		until = loop->next_status_ms;
	left = until - now_ms();
	if (left < 0)
		left = 0;
	if (!dispatch_is_idle(loop->run->dispatch) && left > SERVE_MS)
		left = SERVE_MS;
	return (int) left;
}

static bool
look(agent_run *run)
{
	run->captures = run->captures && gatherer_snapshot(run->gatherer);
	return run->captures;
}

static bool
read_ring(agent_run *run)
{
	switch (gatherer_read(run->gatherer, run->open))
	{
		case GATHERED_ALL:
			run->full = false;
			return true;
		case GATHERED_FULL:
			run->full = true;
			return true;
		case GATHER_FAILED:
			break;
	}
	run->captures = false;
	return false;
}

/* Released first: from here on no other process tells of these flows. */
static bool
hand_over(agent_run *run)
{
	gatherer_release(run->gatherer);
	gatherer_begin(run->gatherer);
	run->full = false;
	return flow_window_table_count(run->open) == 0 || dispatch_take(run->dispatch, &run->open);
}

/*
 * A look at open connections is spared while there is no room for them: the
 * kernel keeps their counters, and the ring is for connections that end.
 */
static bool
gather_at_interval(loop *loop)
{
	agent_run *run = loop->run;

	loop->due = true;
	loop->next_batch_ms = now_ms() + run->options->interval_ms;
	return run->full || (look(run) && read_ring(run));
}

/*
 * The ring is filling: make room there, by handing over what is in it, or if the
 * batch before is still on its way, by having it in memory only.
 */
static bool
gather_at_wakeup(loop *loop)
{
	agent_run *run = loop->run;

	if (!read_ring(run))
		return false;
	if (dispatch_is_idle(run->dispatch))
		loop->due = true;
	else if (!run->full)
		gatherer_release(run->gatherer);
	return true;
}

static bool
gather(loop *loop, bool woken)
{
	if (woken && !gather_at_wakeup(loop))
		return false;
	return now_ms() < loop->next_batch_ms || gather_at_interval(loop);
}

static bool
hand_over_if_due(loop *loop)
{
	agent_run *run = loop->run;
	bool was_full = run->full;

	if ((!loop->due && !run->full) || !dispatch_is_idle(run->dispatch))
		return true;
	loop->due = false;
	if (!hand_over(run))
		return false;
	/* what did not fit */
	return !was_full || read_ring(run);
}

static void
tell_status(loop *loop)
{
	agent_run *run = loop->run;

	if (run->options->status_ms == 0 || now_ms() < loop->next_status_ms)
		return;
	loop->next_status_ms = now_ms() + run->options->status_ms;
	run_status(run, "status");
}

/* What hinders it is printed, and no reason to end. */
static void
follow_forwarders(loop *loop)
{
	agent_run *run = loop->run;

	if (!run->unpin || now_ms() < loop->next_follow_ms)
		return;
	loop->next_follow_ms = now_ms() + FOLLOW_MS;
	if (bpffs_has(run->options->dir, PIN_FORWARD))
		(void) forward_follow(run->options->dir);
}

/* One turn.  False: something failed, with a message printed. */
static bool
turn(loop *loop)
{
	bool woken = wait_for_news(loop->run, timeout_of(loop));

	if (loop->run->stop)
		return true;
	if (!gather(loop, woken) || !hand_over_if_due(loop) || !dispatch_serve(loop->run->dispatch, 0))
		return false;
	tell_status(loop);
	follow_forwarders(loop);
	return true;
}

/* Wait for the reports of what was sent; another signal ends the wait. */
static bool
wait_for_reports(agent_run *run, int64_t deadline_ms)
{
	while (!dispatch_is_idle(run->dispatch) && now_ms() < deadline_ms && !run->stop)
	{
		struct pollfd signals = {.fd = run->signals, .events = POLLIN};

		if (!dispatch_serve(run->dispatch, SERVE_MS))
			return false;
		if (poll(&signals, 1, 0) > 0)
			take_signal(run);
	}
	return true;
}

/*
 * The last look.  What is pinned by others stays there, for the next agent; our
 * own hooks are detached before the ring is read to its end.
 */
static bool
look_last(agent_run *run)
{
	bool looked = run->full || look(run);

	if (run->unpin)
		bpffs_remove(run->options->dir);
	return looked;
}

/* Read the ring to its end and deliver it, as far as time and the outlet allow. */
static bool
deliver_rest(agent_run *run, int64_t deadline_ms)
{
	bool more = true;

	while (more)
	{
		if (!read_ring(run) || !wait_for_reports(run, deadline_ms))
			return false;
		more = run->full && dispatch_is_idle(run->dispatch);
		if (dispatch_is_idle(run->dispatch) && !hand_over(run))
			return false;
	}
	return wait_for_reports(run, deadline_ms);
}

static void
count_open(agent_run *run)
{
	size_t count = flow_window_table_count(run->open);

	for (size_t i = 0; i < count; i++)
		flow_tally_add(&run->left, flow_window_table_entry(run->open, i));
	flow_window_table_clear(run->open);
}

/*
 * What was never handed over is lost, unless the ring stays and has all of it
 * still.
 */
static void
settle_rest(agent_run *run, bool ring_stays)
{
	size_t count = flow_window_table_count(run->open);

	dispatch_abandon(run->dispatch);
	if (ring_stays && !gatherer_has_released(run->gatherer))
	{
		if (count > 0)
			agent_say("%zu flows stay in the ring, for the next agent", count);
		return;
	}
	while (flow_window_table_count(run->open) > 0)
	{
		count_open(run);
		if (ring_stays || !read_ring(run))
			return;
	}
}

/* The end, of one that failed too: deliver what there is in the time given for it. */
static int
end(agent_run *run, int code)
{
	int64_t deadline = now_ms() + run->options->wait_ms;
	bool looked;

	run->stop = false;
	looked = look_last(run);
	if (!deliver_rest(run, deadline) || !looked)
		code = AGENT_FAILED;
	settle_rest(run, looked && !run->unpin);
	run_status(run, "ended");
	if (code == AGENT_OK &&
		(run_dropped(run).flows > 0 || dispatch_uncertain(run->dispatch).flows > 0))
		code = AGENT_INCOMPLETE;
	return code;
}

int
run_loop(agent_run *run)
{
	loop loop = {.run = run, .next_batch_ms = now_ms()};

	loop.next_status_ms = now_ms() + run->options->status_ms;
	loop.next_follow_ms = now_ms() + FOLLOW_MS;
	while (!run->stop)
		if (!turn(&loop))
			return end(run, AGENT_FAILED);
	return end(run, AGENT_OK);
}
