/*
 * cgroup_name.h
 *		What the name of a control group says of the process in it.
 *
 * Understood are the names that systemd, Docker, Podman, containerd, CRI-O and
 * Kubernetes (both cgroup drivers) give.  Pure functions.
 */
#ifndef TOPOLOGY_CGROUP_NAME_H
#define TOPOLOGY_CGROUP_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Each is "" where the name does not say. */
typedef struct cgroup_identity
{
	char container_id[65]; /* 64 hex digits */
	char pod_uid[37];      /* with dashes */
	char unit[128];        /* of systemd: *.service or *.scope, unless a container's */
} cgroup_identity;

/* Take in what one part of a path says; an inner part is given after the outer. */
extern void cgroup_take_part(cgroup_identity *identity, const char *part, size_t length);

/* The same for all parts of a path such as "/system.slice/nginx.service". */
extern void cgroup_take_path(cgroup_identity *identity, const char *path);

#endif /* TOPOLOGY_CGROUP_NAME_H */
