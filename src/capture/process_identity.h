/*
 * process_identity.h
 *		Who the local side of an event is: what is known of its process, and the
 *		app and cluster that the rules make of that.
 */
#ifndef TOPOLOGY_PROCESS_IDENTITY_H
#define TOPOLOGY_PROCESS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/flow_event.h"
#include "capture/cgroup_name.h"
#include "capture/identity_rules.h"

/* All texts are NUL-terminated and "" where nothing is known. */
typedef struct process_identity
{
	struct flow_process_key key;
	uint32_t netns;
	char process[FLOW_COMM_SIZE + 1];
	char netns_name[64];
	char service_name[FLOW_SERVICE_SIZE];
	char resource_attributes[FLOW_ATTRIBUTES_SIZE];
	cgroup_identity cgroup;
	char app[256];
	char cluster[256];
	char instance[80];        /* of the app: its container, or host:process id */
	char loopback_scope[160]; /* where this namespace's loopback addresses mean something */
} process_identity;

typedef struct process_identities process_identities;

/*
 * A bounded cache of identities over the pinned map of processes.  The map's
 * descriptor stays the caller's (-1: no map), rules are the caller's too and
 * must outlive it; host is copied.  NULL: no memory.
 */
extern process_identities *process_identities_create(int process_map, const char *host,
													 const identity_rules *rules);
extern void process_identities_free(process_identities *identities);

/*
 * Begin a batch of events: what is old or too much is forgotten, so that
 * identities found before become invalid.
 */
extern void process_identities_begin(process_identities *identities);

/*
 * The identity of an event's local side.  Valid until the next
 * process_identities_begin().  NULL: no memory, or 8192 processes in this batch:
 * begin another.
 */
extern const process_identity *process_identities_find(process_identities *identities,
													   const struct flow_event *event);

#endif /* TOPOLOGY_PROCESS_IDENTITY_H */
