/*
 * snapshot_store.h
 *		Where the snapshots of all graphs are: a block in shared memory, and a
 *		dynamic segment for each version.
 *
 * A graph is known by its database and the relation of its links.  Its builder
 * publishes a version; whoever asks for it maps that, and keeps the mapping
 * until the end of a transaction in which it is no longer the newest.  A version
 * is freed when it was replaced and its last mapping is gone.  What all versions
 * take, those on their way out included, is bounded by topology.snapshot_memory.
 *
 * A crash of the server's shared memory takes the block and all segments with it.
 */
#ifndef TOPOLOGY_TRAVERSE_SNAPSHOT_STORE_H
#define TOPOLOGY_TRAVERSE_SNAPSHOT_STORE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/dsm.h"
#include "storage/latch.h"
#include "traverse/csr.h"

#define SNAPSHOT_ERROR 256 /* bytes kept of a build's last error */

/* A graph's state, as it was when it was copied out. */
typedef struct snapshot_state
{
	Oid database;   /* InvalidOid: the place is free */
	Oid link;       /* the relation of the graph's links */
	uint64 version; /* 0: there is none; no two versions have the same, whatever their graph */
	dsm_handle handle;
	uint64 bytes;
	uint64 nodes;
	uint64 edges;
	uint64 xmin;          /* of its moment */
	TimestampTz built_at; /* that moment */
	double build_ms;
	uint64 delta;             /* changes since then, as somebody saw them last */
	uint32 readers;           /* processes that have the version mapped */
	uint64 uses;              /* statements that were answered from any version */
	uint64 requested;         /* builds that were asked for, a number that only grows */
	uint64 insisted;          /* the last of them that is not to wait for its turn */
	uint64 answered;          /* up to which of them a build has begun after, and ended */
	TimestampTz attempted_at; /* end of the last build, which may have failed; 0: none */
	char error[SNAPSHOT_ERROR];
} snapshot_state;

/* A delta with more changes than this, for so many edges, is worth another snapshot. */
#define SNAPSHOT_LONG_DELTA(edges) Max(1000, (edges) / 64)

/* Reserve the block; from _PG_init, while libraries are preloaded. */
extern void snapshot_store_init(void);

/* Whether there is one. */
extern bool snapshot_store_exists(void);

/* States of the graphs of this database; palloc'd. */
extern snapshot_state *snapshot_states(int *count);

/* The state of one of them; false: nobody has asked for it yet. */
extern bool snapshot_state_of(Oid link, snapshot_state *state);

/*
 * Map the newest version of a graph.  NULL where there is none, or where it
 * cannot be mapped.  It stays mapped at least to the end of the transaction.
 */
extern const csr_header *snapshot_map(Oid link, uint64 *version);

/* Count a statement that was answered. */
extern void snapshot_note_use(Oid link);

/* Tell how many changes there are since; who sees many wakes the builder. */
extern void snapshot_note_delta(Oid link, uint64 delta);

/*
 * Ask for a build; returns a number that is answered when one has begun after
 * the request and ended, or 0 where no more graphs have place.  Who insists is
 * not made to wait until it is worth another build.
 */
extern uint64 snapshot_request(Oid link, bool insist);

/* Wait for the answer, at the most until the deadline; false: it did not come. */
extern bool snapshot_await(Oid link, uint64 request, TimestampTz deadline);

/*
 * For the builder of a database
 */

/* From here on this process is woken by requests; at its end all versions of the database go. */
extern void snapshot_serve(void);

/*
 * Reserve so many bytes for a new version of a graph.  Where old and new do not
 * fit together, the old one goes first.  Raises configuration_limit_exceeded.
 */
extern void snapshot_reserve(Oid link, uint64 bytes);
extern void snapshot_unreserve(uint64 bytes);

/*
 * Make a filled segment, for which memory was reserved, the newest version, and
 * answer requests up to a number.
 */
extern void snapshot_publish(Oid link, dsm_segment *segment, const snapshot_state *made);

/* Answer requests up to a number, though nothing was made. */
extern void snapshot_note_failure(Oid link, uint64 request, const char *message);

/* Forget a graph of this database, with its version. */
extern void snapshot_forget(Oid link);

#endif /* TOPOLOGY_TRAVERSE_SNAPSHOT_STORE_H */
