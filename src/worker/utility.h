/*
 * utility.h
 *		Hooks on commands that concern the workers.
 */
#ifndef TOPOLOGY_WORKER_UTILITY_H
#define TOPOLOGY_WORKER_UTILITY_H

/* Install the hooks; from _PG_init. */
extern void utility_install_hooks(void);

#endif /* TOPOLOGY_WORKER_UTILITY_H */
