/*
 * worker.h
 *		Background workers: what the entry point of the library starts.
 *
 * One launcher for the server keeps one worker running for each enabled source
 * of each database, and one keeper and one snapshotter for each database that has graphs:
 *
 *	 add_source() ... COMMIT ──latch──► launcher ──starts──► scout (one database)
 *											▲					 │ reads topo.source, topo.graph
 *											└──latch── registry ◄┘ wanted sources
 *	 launcher ──starts──► source worker (one a wanted source), keeper, snapshotter ──exit──►
 *launcher
 *
 * registry.c	the shared memory that they meet in
 * launcher.c	starts scouts and source workers, with backoff
 * scout.c		looks at one database's sources, then exits
 * slot_worker.c	what the next three have in common
 * source_worker.c	the life of one source's worker
 * keeper.c		the life of the worker that keeps a database's windows up
 * snapshotter.c	the life of the worker that takes the snapshots of its graphs
 * connection.c	how both connect to their database
 * utility.c	commands that must find a database without workers
 * status.c		what SQL sees of the registry; flush() and wait_for_source()
 */
#ifndef TOPOLOGY_WORKER_H
#define TOPOLOGY_WORKER_H

/*
 * Reserve shared memory, install hooks and register the launcher.  To be
 * called once, from _PG_init, while shared_preload_libraries are loaded.
 */
extern void worker_init(void);

#endif /* TOPOLOGY_WORKER_H */
