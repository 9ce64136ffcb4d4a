/*
 * link_delta.h
 *		What has changed since a snapshot's moment: its delta.
 *
 * Triggers note each change of a graph's links, and of the names of nodes, as a
 * row of topo.link_change, in the transaction that makes it.  A reader takes the
 * rows that its own snapshot sees and whose transaction the moment has not: so
 * what was rolled back, by a savepoint too, is gone, and what is prepared is not
 * there yet.
 *
 * Since a link is there once or not at all, the changes of one add up: whether it
 * is there now is whether it was, plus those added, less those removed, in
 * whatever order they happened.
 */
#ifndef TOPOLOGY_TRAVERSE_LINK_DELTA_H
#define TOPOLOGY_TRAVERSE_LINK_DELTA_H

#include "postgres.h"

#include "traverse/csr.h"
#include "utils/snapshot.h"

/* In place of a graph's relation of links: the names of nodes. */
#define LINK_DELTA_NAMES InvalidOid

/* Rows that one transaction writes, or one statement reads; more: everything may have changed. */
#define LINK_DELTA_LIMIT 10000

typedef struct link_change
{
	int64 source; /* of LINK_DELTA_NAMES: the node */
	int64 target;
	int32 type;
	char level; /* as link.level */
	int8 sign;  /* 1: added, -1: removed */
} link_change;

typedef struct link_delta
{
	link_change *changes;
	size_t count;
	size_t capacity;
	bool whole; /* everything may have changed */
} link_delta;

/*
 * Read the changes of a graph that snapshot sees and the moment has not, in
 * CurrentMemoryContext.  One index look-up, whatever the caller's rights.
 */
extern link_delta link_delta_read(Oid link, const csr_header *csr, Snapshot snapshot);

/*
 * Whether this transaction may see changes that are not noted yet: it is amid a
 * statement that changes links, or has changed names.
 */
extern bool link_delta_is_behind(void);
extern bool link_delta_names_are_behind(void);

/*
 * What notes the changes of a table (a graph's links, or topo.node), as one
 * number: another one means that a change may have been missed in between; 0,
 * that changes are not noted.
 */
extern uint64 link_delta_signature(Oid table);

/* The relation of that name in a schema, or InvalidOid. */
extern Oid link_delta_relation(const char *schema, const char *name);

#endif /* TOPOLOGY_TRAVERSE_LINK_DELTA_H */
