/*
 * gatherer.h
 *		The capture into windows: events are read from the ring and merged.
 */
#ifndef TOPOLOGY_GATHERER_H
#define TOPOLOGY_GATHERER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/run_options.h"
#include "bpf/flow_event.h"
#include "flow/flow_window.h"

typedef struct gatherer gatherer;

/*
 * Open the pins in options->dir; *code is the exit code where that fails.  NULL,
 * with a message printed.  rules NULL: the built-in ones.
 */
extern gatherer *gatherer_open(const run_options *options, const char *rules, int *code);
extern void gatherer_close(gatherer *gatherer);

/* The name of this host as records have it.  Lives as long as the gatherer. */
extern flow_text gatherer_host(const gatherer *gatherer);

/* Readable when the ring is a quarter full; gatherer_clear_wakeup() makes it quiet. */
extern int gatherer_wait_fd(const gatherer *gatherer);
extern void gatherer_clear_wakeup(gatherer *gatherer);

/* Have the kernel tell of the connections that are open.  False, with a message printed. */
extern bool gatherer_snapshot(gatherer *gatherer);

typedef enum gather_result
{
	GATHERED_ALL,  /* the ring has nothing more for now */
	GATHERED_FULL, /* the table takes no more; what is left stays in the ring */
	GATHER_FAILED  /* with a message printed */
} gather_result;

/* Merge what is in the ring into windows.  The ring keeps it until gatherer_release(). */
extern gather_result gatherer_read(gatherer *gatherer, flow_window_table *windows);

/*
 * Let the ring forget what was read.  From then on, it is lost if this process is
 * killed.
 */
extern void gatherer_release(gatherer *gatherer);

/*
 * Whether some of what was read since the last gatherer_begin() was released: an
 * end in between would not leave all of it to the next reader.
 */
extern bool gatherer_has_released(const gatherer *gatherer);
extern void gatherer_begin(gatherer *gatherer);

/* Events that were read, and among them those that could not be. */
extern uint64_t gatherer_events(const gatherer *gatherer);
extern uint64_t gatherer_unreadable(const gatherer *gatherer);

/* What the kernel could not deliver since the gatherer was opened. */
extern struct flow_lost gatherer_lost(gatherer *gatherer);

#endif /* TOPOLOGY_GATHERER_H */
