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

/* What has to be known to lay a snapshot out. */
extern uint32 snapshot_names_type_count(const snapshot_names *names);
extern uint64 snapshot_names_size(const snapshot_names *names);

/* Write them, with the order of labels, to a snapshot that is laid out for them. */
extern void snapshot_names_fill(const snapshot_names *names, csr_header *csr);

#endif /* TOPOLOGY_TRAVERSE_SNAPSHOT_NAMES_H */
