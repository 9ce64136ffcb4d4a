/*
 * snapshot_names.h
 *		The names of a graph's nodes, for its snapshot.
 */
#ifndef TOPOLOGY_TRAVERSE_SNAPSHOT_NAMES_H
#define TOPOLOGY_TRAVERSE_SNAPSHOT_NAMES_H

#include "postgres.h"

#include "traverse/csr.h"

typedef struct snapshot_names snapshot_names;

/*
 * Look the names of nodes up, whose ids ascend, with the active snapshot.  Needs
 * a connection to SPI, and lives in CurrentMemoryContext.
 */
extern snapshot_names *snapshot_names_read(const int64 *ids, uint32 count);

/* Set in a shape what of it is names. */
extern void snapshot_names_shape(const snapshot_names *names, csr_shape *shape);

/* Write them, with the order of labels and which nodes are closed, to a snapshot that is laid out
 * for them. */
extern void snapshot_names_fill(const snapshot_names *names, csr_header *csr);

#endif /* TOPOLOGY_TRAVERSE_SNAPSHOT_NAMES_H */
