/*
 * registry.h
 *		The shared memory in which the launcher, the scouts, the source workers
 *		and the sessions meet.
 *
 * Everything in it is protected by registry_lock(); a process holds the lock
 * for a few assignments, never while it waits.  Latches are set after the
 * change that they tell of.  `changed` is broadcast when a slot's worker
 * starts, stops or has flushed.
 */
#ifndef TOPOLOGY_WORKER_REGISTRY_H
#define TOPOLOGY_WORKER_REGISTRY_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#define REGISTRY_SCANS 64  /* databases that can wait to be looked at; more: all */
#define REGISTRY_HOLDS 64  /* databases that can be held at once */
#define REGISTRY_ERROR 256 /* bytes kept of a worker's last error */

/* In place of a source's id, which is above 0: the slot is of one of a database's own workers. */
#define REGISTRY_KEEPER      0    /* that keeps its windows up */
#define REGISTRY_SNAPSHOTTER (-1) /* that takes the snapshots of its graphs */

typedef enum slot_state
{
	SLOT_STOPPED,  /* no worker; the launcher starts one when it is wanted */
	SLOT_STARTING, /* registered with the postmaster */
	SLOT_RUNNING,
	SLOT_BACKOFF /* failed; started again at next_start */
} slot_state;

/*
 * What sessions wait for, as numbers that only grow: that what was gathered is
 * written, and that the log has been read to its end as of the request.
 */
typedef struct slot_requests
{
	uint64 flush;
	uint64 catch_up;
} slot_requests;

/*
 * One source of one database, or one of its own workers.  database InvalidOid: the slot
 * is free.  The requests and answers only ever grow, also from one source to the next, so
 * that a session that waits for a number gets it from whoever follows.
 */
typedef struct source_slot
{
	Oid database;
	int32 source;
	NameData name;         /* the source's, for the process title */
	TransactionId version; /* xmin of its row: another one means other options */
	bool wanted;           /* the source exists and is enabled */
	slot_state state;
	int failures; /* in a row */
	TimestampTz next_start;
	TimestampTz running_since; /* 0: it never came so far */
	pid_t pid;                 /* 0: no process */
	Latch *latch;
	slot_requests requested;
	slot_requests done;
	int64 lag;
	TimestampTz turned_at;           /* end of a keeper's last turn */
	char last_error[REGISTRY_ERROR]; /* until a turn goes well */
} source_slot;

/* A database that must stay without workers, for as many transactions. */
typedef struct database_hold
{
	Oid database;
	int count;
} database_hold;

typedef struct registry
{
	LWLock *lock;
	Latch *launcher; /* NULL: none runs */
	ConditionVariable changed;
	bool scan_all;
	int scan_count;
	Oid scans[REGISTRY_SCANS];
	Oid scanned;       /* the database that a scout is in */
	bool scan_done;    /* it has told what it found */
	bool out_of_slots; /* a source found no free slot */
	bool no_place;     /* the postmaster has no place for another worker */
	int hold_count;
	database_hold holds[REGISTRY_HOLDS];
	int slot_count;
	source_slot slots[FLEXIBLE_ARRAY_MEMBER];
} registry;

/* Reserve the memory; from _PG_init. */
extern void registry_request(void);

/* The registry, or NULL where the library was not preloaded. */
extern registry *registry_get(void);

extern void registry_lock(LWLockMode mode);
extern void registry_unlock(void);

/* Ask the launcher to look at a database (InvalidOid: at all of them). */
extern void registry_request_scan(Oid database);

/* Wake the launcher up. */
extern void registry_wake_launcher(void);

/*
 * The slot of a source, or NULL.  With make, a free slot is taken where there
 * is none yet; NULL then means that all are taken: topology.max_sources are for
 * sources, as many for keepers, and as many for snapshotters.  Needs the lock.
 */
extern source_slot *registry_find_slot(Oid database, int32 source, bool make);

/*
 * Note that a slot's worker has ended.  When it failed, the slot waits before
 * the next start, twice as long for each failure in a row; having run for longer
 * than the longest wait breaks the row.  Needs the lock.
 */
extern void registry_settle_slot(source_slot *slot, bool failed);

/*
 * Keep workers away from a database, until as many registry_release(), which
 * also asks for a look at it.  False: too many are held.  Both take the lock.
 */
extern bool registry_hold(Oid database);
extern void registry_release(Oid database);

/* Whether a database is held.  Needs the lock. */
extern bool registry_is_held(Oid database);

/* Forget a slot that has no worker.  Needs the lock, exclusively. */
extern void registry_free_slot(source_slot *slot);

#endif /* TOPOLOGY_WORKER_REGISTRY_H */
