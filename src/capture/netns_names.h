/*
 * netns_names.h
 *		Names of network namespaces, as "ip netns" keeps them in /run/netns.
 */
#ifndef TOPOLOGY_NETNS_NAMES_H
#define TOPOLOGY_NETNS_NAMES_H

#include <stdint.h>

typedef struct netns_names netns_names;

/* NULL: no memory. */
extern netns_names *netns_names_create(void);
extern void netns_names_free(netns_names *names);

/*
 * The name of the namespace with this inode number, "" if it has none.  The
 * directory is read again every 10 s, and for an unknown number every second.
 * Valid until the next call.
 */
extern const char *netns_name(netns_names *names, uint32_t inum);

#endif /* TOPOLOGY_NETNS_NAMES_H */
