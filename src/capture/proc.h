/*
 * proc.h
 *		What /proc tells of a process, to anybody.
 */
#ifndef TOPOLOGY_PROC_H
#define TOPOLOGY_PROC_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/flow_event.h"

/* Whether the very process of this key still runs: a process id may have been taken over. */
extern bool proc_is_alive(const struct flow_process_key *key);

/* /proc/<pid>/comm without its newline.  False: not readable. */
extern bool proc_read_comm(unsigned int tgid, char *comm, size_t size);

/*
 * Call take for the path of each line of /proc/<pid>/cgroup (v2 and v1
 * hierarchies alike).  False: not readable.
 */
extern bool proc_read_cgroups(unsigned int tgid, void (*take)(void *context, const char *path),
							  void *context);

#endif /* TOPOLOGY_PROC_H */
