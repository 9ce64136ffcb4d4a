/*
 * namespaces.h
 *		The network namespaces of this host.
 */
#ifndef TOPOLOGY_NAMESPACES_H
#define TOPOLOGY_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Takes one namespace: its inode number, and the families, 4 and 6, for which it
 * forwards packets.  Runs inside the namespace.  False: stop.
 */
typedef bool (*namespace_visitor)(void *context, uint32_t inum, bool forwards4, bool forwards6);

/*
 * Visit every network namespace that a process is in, or that is mounted where
 * this process can see it, once each.  Needs root; the calling thread goes there
 * and comes back.  One that vanishes meanwhile is passed over.  Cost: about 1 us a process, 50 us a
 * namespace.  False: visit was, or what hinders it has been printed.
 */
extern bool namespaces_visit(namespace_visitor visit, void *context);

#endif /* TOPOLOGY_NAMESPACES_H */
