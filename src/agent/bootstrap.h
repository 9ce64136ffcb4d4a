/*
 * bootstrap.h
 *		What was there before the capture: sockets, and their processes'
 *		environments.
 */
#ifndef TOPOLOGY_BOOTSTRAP_H
#define TOPOLOGY_BOOTSTRAP_H

#include <stdbool.h>

struct flow_capture_bpf;

/* Run once the hooks are attached.  False, with a message printed. */
extern bool bootstrap_sockets(struct flow_capture_bpf *capture);

#endif /* TOPOLOGY_BOOTSTRAP_H */
