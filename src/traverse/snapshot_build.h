/*
 * snapshot_build.h
 *		Takes the snapshot of a graph: its links, as one transaction sees them.
 */
#ifndef TOPOLOGY_TRAVERSE_SNAPSHOT_BUILD_H
#define TOPOLOGY_TRAVERSE_SNAPSHOT_BUILD_H

#include "postgres.h"

/*
 * Build and publish a version of the snapshot of the graph whose links are in
 * that table; answers its requests up to a number.  Runs transactions of its own:
 * the caller must be in none.  Takes twelve bytes of private memory an edge, and
 * some sixty a node, beside the segment.  Raises what goes wrong, such as
 * configuration_limit_exceeded or out of memory.
 */
extern void snapshot_build(Oid link, uint64 request);

#endif /* TOPOLOGY_TRAVERSE_SNAPSHOT_BUILD_H */
