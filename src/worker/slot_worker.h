/*
 * slot_worker.h
 *		What the processes that work for a slot of the registry have in common:
 *		how they take it, whether they may stay, their transactions, and how they
 *		end.
 */
#ifndef TOPOLOGY_WORKER_SLOT_WORKER_H
#define TOPOLOGY_WORKER_SLOT_WORKER_H

#include "postgres.h"

#include "worker/registry.h"

/* A process and its slot: filled by slot_worker_start(), then only read. */
typedef struct slot_worker
{
	source_slot *slot;
	TransactionId version; /* of the source's row, when the slot was attached */
	Oid database;
	int32 source;
} slot_worker;

/*
 * Begin the life of a process: signals, its slot, its database.  False: the
 * slot is no longer for this process, which should exit.  self must live as
 * long as the process: at exit the slot learns how it ended.
 */
extern bool slot_worker_start(slot_worker *self, int slot_number, const char *name);

/* Whether the process may stay: to be asked whenever the latch was set. */
extern bool slot_worker_is_wanted(const slot_worker *self);

/* From here on the slot is shown as running. */
extern void slot_worker_note_running(const slot_worker *self);

/*
 * What the worker is for is gone, and nobody may have said so (DROP SCHEMA ...
 * CASCADE takes it too): no worker follows this one before a scout has looked.
 */
extern void slot_worker_give_up(const slot_worker *self);

/* A transaction with SPI and a snapshot; activity is shown in pg_stat_activity. */
extern void slot_worker_begin(const char *activity);
extern void slot_worker_commit(void);

/* Whether the extension is still there, in a transaction of its own. */
extern bool slot_worker_has_extension(void);

/* After each sleep: heeds signals, and reads the settings again when told to. */
extern void slot_worker_reload(void);

/* Run the worker; false after an error, which is then in the log and in the slot. */
extern bool slot_worker_run(const slot_worker *self, void (*run)(void));

#endif /* TOPOLOGY_WORKER_SLOT_WORKER_H */
