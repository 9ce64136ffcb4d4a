/*
 * run_loop.h
 *		The life of a running agent: gather, hand over, and end in good order.
 */
#ifndef TOPOLOGY_RUN_LOOP_H
#define TOPOLOGY_RUN_LOOP_H

#include "agent/dispatch.h"
#include "agent/gatherer.h"
#include "agent/run_options.h"

/* Belongs to command_run(), which owns what it points to. */
typedef struct agent_run
{
	const run_options *options;
	gatherer *gatherer;
	dispatch *dispatch;
	flow_window_table *open; /* being filled */
	int signals;             /* a signalfd for those that end the agent */
	bool unpin;              /* the pins are its own: to be removed at the end */
	bool full;               /* the open table takes no more */
	bool captures;           /* nothing of the capture has failed */
	bool stop;
	flow_tally left; /* at the end: never handed over, and gone */
} agent_run;

/* Until a signal comes, or something fails.  Returns an exit code. */
extern int run_loop(agent_run *run);

/*
 * Say how it goes, in one line: what, and figures since the begin, NAME=NUMBER.
 * A flow is a record, the sum of a conversation over an interval; "lost" is what
 * the kernel could not put into the ring.
 */
extern void run_status(const agent_run *run, const char *what);

/* Flows that were given up. */
extern flow_tally run_dropped(const agent_run *run);

#endif /* TOPOLOGY_RUN_LOOP_H */
