/*
 * netns_choice.h
 *		Which network namespaces' sockets a reader of the capture takes.
 *
 * One kernel sees the sockets of all namespaces.  Where a namespace is a host of
 * its own, with its own agent, the reader of the others leaves it out, and each
 * connection is told by one of them only.
 */
#ifndef TOPOLOGY_NETNS_CHOICE_H
#define TOPOLOGY_NETNS_CHOICE_H

#include <stdbool.h>

#include "bpf/flow_event.h"
#include "capture/capture.h"

typedef struct netns_choice netns_choice;

/*
 * only and except are lists of namespaces, with commas between: names as "ip
 * netns" keeps them, or absolute paths such as /proc/1234/ns/net; NULL or "": no
 * list.  At most one may be given.  A namespace to be left out need not exist
 * yet, one that is chosen must.  The caller owns the result.  NULL, with error
 * filled in: EINVAL when the lists are wrong, ENOENT when a namespace is not
 * there.
 */
extern netns_choice *netns_choice_create(const char *only, const char *except,
										 capture_error *error);
extern void netns_choice_free(netns_choice *choice);

/*
 * Whether the event's socket is chosen.  Names are looked up again for the first
 * event that is newer than the last look, so a namespace counts from its first
 * socket on, and no longer than its name does.
 */
extern bool netns_choice_takes(netns_choice *choice, const struct flow_event *event);

#endif /* TOPOLOGY_NETNS_CHOICE_H */
