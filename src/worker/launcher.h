/*
 * launcher.h
 *		The process that keeps the right workers running.
 */
#ifndef TOPOLOGY_WORKER_LAUNCHER_H
#define TOPOLOGY_WORKER_LAUNCHER_H

#include "postgres.h"

/* Register the launcher with the postmaster; from _PG_init. */
extern void launcher_register(void);

/* Entry points of the background workers, named in their registrations. */
extern PGDLLEXPORT void topology_launcher_main(Datum argument);
extern PGDLLEXPORT void topology_scout_main(Datum database);
extern PGDLLEXPORT void topology_source_worker_main(Datum slot_number);
extern PGDLLEXPORT void topology_keeper_main(Datum slot_number);
extern PGDLLEXPORT void topology_snapshotter_main(Datum slot_number);

#endif /* TOPOLOGY_WORKER_LAUNCHER_H */
