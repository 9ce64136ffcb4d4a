/*
 * dispatch.h
 *		The batch that is on its way: its windows are sent, and each waits for its
 *		report.
 */
#ifndef TOPOLOGY_DISPATCH_H
#define TOPOLOGY_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/outlet.h"
#include "flow/flow_window.h"

/* Windows, and what they have counted. */
typedef struct flow_tally
{
	uint64_t flows;
	uint64_t connections;
	uint64_t failed;
	uint64_t bytes;
} flow_tally;

extern void flow_tally_add(flow_tally *tally, const flow_window *window);

typedef struct dispatch dispatch;

/*
 * Over an outlet, which becomes its own; host is what records say of where they
 * are from, and memory the bound of a batch.  NULL: no memory; the outlet is then
 * still the caller's.
 */
extern dispatch *dispatch_create(outlet *outlet, flow_text host, size_t memory);
extern void dispatch_free(dispatch *dispatch);

/* Whether every window of the last batch was reported. */
extern bool dispatch_is_idle(const dispatch *dispatch);

/*
 * Send the windows of *table, and put an empty table in its place.  The dispatch
 * must be idle.  False, with a message printed: no memory.
 */
extern bool dispatch_take(dispatch *dispatch, flow_window_table **table);

/*
 * Hand over what has to be sent yet, and take in reports for at most timeout_ms.
 * False: the outlet is broken, with a message printed when that was found.
 */
extern bool dispatch_serve(dispatch *dispatch, int timeout_ms);

/* Give up what was not delivered: it becomes uncertain or dropped. */
extern void dispatch_abandon(dispatch *dispatch);

/* Since the begin: what arrived, what may have, and what was given up. */
extern flow_tally dispatch_delivered(const dispatch *dispatch);
extern flow_tally dispatch_uncertain(const dispatch *dispatch);
extern flow_tally dispatch_dropped(const dispatch *dispatch);

/* Now: windows that were handed over, and those that wait for room. */
extern size_t dispatch_in_flight(const dispatch *dispatch);
extern size_t dispatch_waiting(const dispatch *dispatch);
extern size_t dispatch_bytes(const dispatch *dispatch);

#endif /* TOPOLOGY_DISPATCH_H */
