/*
 * snapshot_gate.h
 *		Whether a statement may be answered from a snapshot.
 */
#ifndef TOPOLOGY_TRAVERSE_SNAPSHOT_GATE_H
#define TOPOLOGY_TRAVERSE_SNAPSHOT_GATE_H

#include "postgres.h"

#include "traverse/csr.h"
#include "traverse/expand.h"
#include "utils/snapshot.h"

/* Whether any snapshot would do for this statement. */
extern bool gate_is_open(const edge_scope *scope);

/*
 * The newest snapshot of a graph, mapped, where it may be used: the user may read
 * the graph, and seen has all that the snapshot has.  Else NULL; where it is for
 * want of a good one, one is asked for.
 */
extern const csr_header *gate_snapshot(Oid link, const char *schema, Snapshot seen,
									   uint64 *version);

/* Whether the names in a snapshot may be used as well. */
extern bool gate_names(const csr_header *csr);

#endif /* TOPOLOGY_TRAVERSE_SNAPSHOT_GATE_H */
