/*
 * job.h
 *		A source at work: what the worker asks of it, whatever its kind.
 *
 * A job reads a log that keeps its records until it is told that they are safe
 * (the ring of the local capture) or can be read again from any offset (a topic).
 * So a batch is written together with the position behind it, in one
 * transaction, and a worker that dies at any point goes on from the position
 * that is stored: nothing is lost, nothing counted twice.
 *
 * The worker's turn:
 *		gather -> while has_news { begin; write; commit; committed; gather }
 *
 * A job is opened in a transaction with SPI; it raises errors with the reason
 * and what to do.  What it holds of the system is released by close, which the
 * opener owes even after an error elsewhere; its memory is in the context that
 * it was opened in.
 */
#ifndef TOPOLOGY_INGEST_JOB_H
#define TOPOLOGY_INGEST_JOB_H

#include "postgres.h"

#include "ingest/source_catalog.h"

typedef struct source_job source_job;

typedef struct source_job_routine
{
	void (*close)(source_job *job);

	/*
	 * Have the log say what is new, outside of a transaction.  now: whatever the
	 * usual intervals are, since somebody waits for it.
	 */
	void (*gather)(source_job *job, bool now);

	/* Whether there is anything to write. */
	bool (*has_news)(source_job *job);

	/*
	 * Write what was gathered, in the caller's transaction: records, dead
	 * letters, positions.  Needs SPI.  True: more may wait.
	 */
	bool (*write)(source_job *job);

	/* The transaction of the last write has committed. */
	void (*committed)(source_job *job);

	/*
	 * From here on, reached_end tells whether what is in the log now has been
	 * written.  False: where the log ends cannot be told just now.
	 */
	bool (*mark_end)(source_job *job);
	bool (*reached_end)(source_job *job);

	/* What is in the log and not in the tables: bytes of a ring, records of a topic. */
	int64 (*lag)(source_job *job);

	/* What keeps it from its log just now, though it may pass; NULL: nothing. */
	const char *(*trouble)(source_job *job);

	/* A descriptor that is readable when the next turn should not wait, or -1. */
	int (*wait_fd)(source_job *job);

	/* Quiet it; called after each sleep. */
	void (*clear_wakeup)(source_job *job);
} source_job_routine;

/* The begin of every job. */
struct source_job
{
	const source_job_routine *routine;
};

/* Open the job of a source, in context. */
extern source_job *source_job_open(const source_row *source, MemoryContext context);

/* By kind. */
extern source_job *ebpf_job_open(const source_row *source, MemoryContext context);
extern source_job *kafka_job_open(const source_row *source, MemoryContext context);

#endif /* TOPOLOGY_INGEST_JOB_H */
