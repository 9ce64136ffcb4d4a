/*
 * process_identity.c
 *		Who the local side of an event is.
 *
 * The kernel's map of processes is the first source: it was filled while the
 * process lived.  /proc helps where the map has no cgroup (version 1
 * hierarchies) or no entry, if the process still lives; the name in the event
 * is the last resort.
 *
 * A hash table of pointers, at most CACHE_MAX of them in twice as many slots,
 * each identity allocated by itself so that it stays where it is during a
 * batch.  A full table is emptied at the next batch, and so is one that is
 * older than CACHE_SECONDS, since a process may run another program.  A batch
 * with more processes than slots is told to end (process_identities_find).
 */
#include "capture/process_identity.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/netns_names.h"
#include "capture/proc.h"
#include "capture/resource_attributes.h"

#define CACHE_MAX     4096
#define CACHE_SLOTS   (2 * CACHE_MAX)
#define CACHE_SECONDS 5

struct process_identities
{
	int process_map;
	char host[128];
	const identity_rules *rules;
	netns_names *names;
	time_t emptied_at; /* CLOCK_MONOTONIC */
	size_t count;
	process_identity *slots[CACHE_SLOTS];
};

/* What an attribute's value is taken from. */
typedef struct attribute_source
{
	const process_identity *identity;
	const char *host;
} attribute_source;

static time_t
monotonic_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

process_identities *
process_identities_create(int process_map, const char *host, const identity_rules *rules)
{
	process_identities *identities = calloc(1, sizeof(*identities));

	if (identities == NULL)
		return NULL;
	identities->names = netns_names_create();
	if (identities->names == NULL)
	{
		free(identities);
		return NULL;
	}
	identities->process_map = process_map;
	identities->rules = rules;
	identities->emptied_at = monotonic_seconds();
	snprintf(identities->host, sizeof(identities->host), "%s", host);
	return identities;
}

static void
empty(process_identities *identities)
{
	for (size_t i = 0; i < CACHE_SLOTS; i++)
	{
		free(identities->slots[i]);
		identities->slots[i] = NULL;
	}
	identities->count = 0;
	identities->emptied_at = monotonic_seconds();
}

void
process_identities_free(process_identities *identities)
{
	if (identities == NULL)
		return;
	empty(identities);
	netns_names_free(identities->names);
	free(identities);
}

void
process_identities_begin(process_identities *identities)
{
	if (identities->count >= CACHE_MAX ||
		monotonic_seconds() - identities->emptied_at >= CACHE_SECONDS)
		empty(identities);
}

static void
take_path(void *context, const char *path)
{
	cgroup_take_path(context, path);
}

static void
take_kernel_names(process_identity *identity, const struct flow_process *process)
{
	cgroup_take_part(&identity->cgroup, process->cgroup_parent, strlen(process->cgroup_parent));
	cgroup_take_part(&identity->cgroup, process->cgroup, strlen(process->cgroup));
	snprintf(identity->service_name, sizeof(identity->service_name), "%s", process->service_name);
	snprintf(identity->resource_attributes, sizeof(identity->resource_attributes), "%s",
			 process->resource_attributes);
	snprintf(identity->process, sizeof(identity->process), "%.*s", FLOW_COMM_SIZE, process->comm);
}

static bool
read_map(const process_identities *identities, process_identity *identity)
{
	struct flow_process process;

	if (identities->process_map < 0 ||
		bpf_map_lookup_elem(identities->process_map, &identity->key, &process) != 0 ||
		!process.ready)
		return false;
	take_kernel_names(identity, &process);
	return true;
}

/* Nothing learned of another process that has taken over the id is kept. */
static void
read_proc(process_identity *identity, bool known)
{
	cgroup_identity cgroup = {0};
	char comm[FLOW_COMM_SIZE + 1] = "";

	if (!proc_read_cgroups(identity->key.tgid, take_path, &cgroup))
		return;
	if (!known)
		proc_read_comm(identity->key.tgid, comm, sizeof(comm));
	if (!proc_is_alive(&identity->key))
		return;
	identity->cgroup = cgroup;
	if (comm[0] != '\0')
		strcpy(identity->process, comm);
}

static bool
cgroup_says_nothing(const cgroup_identity *cgroup)
{
	return cgroup->container_id[0] == '\0' && cgroup->pod_uid[0] == '\0' && cgroup->unit[0] == '\0';
}

static bool
give(const char *text, char *value, size_t size)
{
	snprintf(value, size, "%s", text);
	return text[0] != '\0';
}

/* OTEL_SERVICE_NAME goes before service.name among the resource attributes. */
static bool
give_otel(const process_identity *identity, const char *name, char *value, size_t size)
{
	if (strcmp(name, "service.name") == 0 && identity->service_name[0] != '\0')
		return give(identity->service_name, value, size);
	return resource_attribute(identity->resource_attributes, name, value, size);
}

static bool
give_attribute(void *context, const char *name, char *value, size_t size)
{
	const attribute_source *source = context;
	const process_identity *identity = source->identity;

	if (strncmp(name, "otel.", 5) == 0)
		return give_otel(identity, name + 5, value, size);
	if (strcmp(name, "container.id") == 0)
		return give(identity->cgroup.container_id, value, size);
	if (strcmp(name, "pod.uid") == 0)
		return give(identity->cgroup.pod_uid, value, size);
	if (strcmp(name, "unit") == 0)
		return give(identity->cgroup.unit, value, size);
	if (strcmp(name, "process") == 0)
		return give(identity->process, value, size);
	if (strcmp(name, "netns") == 0)
		return give(identity->netns_name, value, size);
	return strcmp(name, "host") == 0 && give(source->host, value, size);
}

static void
name_instance(const process_identities *identities, process_identity *identity)
{
	if (identity->cgroup.container_id[0] != '\0')
		snprintf(identity->instance, sizeof(identity->instance), "%s",
				 identity->cgroup.container_id);
	else if (identity->key.tgid != 0)
		snprintf(identity->instance, sizeof(identity->instance), "%.60s:%u", identities->host,
				 identity->key.tgid);
}

static void
learn(process_identities *identities, process_identity *identity, const struct flow_event *event)
{
	attribute_source source = {.identity = identity, .host = identities->host};
	bool known;

	memset(identity, 0, sizeof(*identity));
	identity->key = event->process;
	identity->netns = event->netns;
	snprintf(identity->process, sizeof(identity->process), "%.*s", FLOW_COMM_SIZE, event->comm);
	snprintf(identity->netns_name, sizeof(identity->netns_name), "%s",
			 netns_name(identities->names, event->netns));
	snprintf(identity->loopback_scope, sizeof(identity->loopback_scope), "host:%s/netns:%u",
			 identities->host, event->netns);
	if (event->process.tgid != 0)
	{
		known = read_map(identities, identity);
		if (!known || cgroup_says_nothing(&identity->cgroup))
			read_proc(identity, known);
	}
	name_instance(identities, identity);
	identity_rules_apply(identities->rules, give_attribute, &source, identity->app,
						 sizeof(identity->app), identity->cluster, sizeof(identity->cluster));
}

/* Fibonacci hashing of what makes a key. */
static size_t
first_slot(const struct flow_event *event)
{
	uint64_t mix = event->process.start_boottime ^ ((uint64_t) event->process.tgid << 32) ^
				   ((uint64_t) event->netns << 7);

	return (size_t) ((mix * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % CACHE_SLOTS;
}

static bool
is_of(const process_identity *identity, const struct flow_event *event)
{
	return identity->key.tgid == event->process.tgid &&
		   identity->key.start_boottime == event->process.start_boottime &&
		   identity->netns == event->netns;
}

static const process_identity *
enter(process_identities *identities, size_t slot, const struct flow_event *event)
{
	process_identity *identity = malloc(sizeof(*identity));

	if (identity == NULL)
		return NULL;
	learn(identities, identity, event);
	identities->slots[slot] = identity;
	identities->count++;
	return identity;
}

const process_identity *
process_identities_find(process_identities *identities, const struct flow_event *event)
{
	size_t slot = first_slot(event);

	for (size_t tries = 0; tries < CACHE_SLOTS; tries++, slot = (slot + 1) % CACHE_SLOTS)
	{
		process_identity *identity = identities->slots[slot];

		if (identity == NULL)
			return enter(identities, slot, event);
		if (is_of(identity, event))
			return identity;
	}
	return NULL;
}
