/*
 * run_status.c
 *		How a running agent does, in one line.
 */
#include <inttypes.h>

#include "agent/command.h"
#include "agent/run_loop.h"

static flow_tally
sum(flow_tally a, flow_tally b)
{
	return (flow_tally){a.flows + b.flows, a.connections + b.connections, a.failed + b.failed,
						a.bytes + b.bytes};
}

flow_tally
run_dropped(const agent_run *run)
{
	return sum(dispatch_dropped(run->dispatch), run->left);
}

void
run_status(const agent_run *run, const char *what)
{
	flow_tally delivered = dispatch_delivered(run->dispatch);
	flow_tally uncertain = dispatch_uncertain(run->dispatch);
	flow_tally dropped = run_dropped(run);
	struct flow_lost lost = gatherer_lost(run->gatherer);
	size_t waiting = dispatch_waiting(run->dispatch) + flow_window_table_count(run->open);
	size_t bytes = dispatch_bytes(run->dispatch) + flow_window_table_bytes(run->open);

	agent_say("%s: events=%" PRIu64 " unreadable=%" PRIu64 " delivered=%" PRIu64
			  " in_flight=%zu waiting=%zu memory_kb=%zu uncertain=%" PRIu64 " dropped=%" PRIu64
			  " connections_delivered=%" PRIu64 " connections_uncertain=%" PRIu64
			  " connections_dropped=%" PRIu64 " lost_events=%" PRIu64 " lost_connections=%" PRIu64
			  " lost_failed=%" PRIu64 " lost_datagrams=%" PRIu64 " untracked=%" PRIu64,
			  what, gatherer_events(run->gatherer), gatherer_unreadable(run->gatherer),
			  delivered.flows, dispatch_in_flight(run->dispatch), waiting, bytes / 1024,
			  uncertain.flows, dropped.flows, delivered.connections, uncertain.connections,
			  dropped.connections, (uint64_t) lost.events, (uint64_t) lost.connections,
			  (uint64_t) lost.failed, (uint64_t) lost.udp_packets, (uint64_t) lost.untracked);
}
