/*
 * ebpf_ingest.h
 *		The local capture as a source: its ring into stage 1, exactly once.
 *
 * The ring keeps every event until it is told that it is safe.  So a batch is
 * written together with the ring position behind it, and only after that
 * transaction has committed are its events freed.  A worker that dies between
 * the two finds the stored position ahead of the ring's and moves it there; one
 * that dies before reads the same events again.
 */
#ifndef TOPOLOGY_INGEST_EBPF_INGEST_H
#define TOPOLOGY_INGEST_EBPF_INGEST_H

#include "postgres.h"

#include "ingest/source_catalog.h"

typedef struct ebpf_ingest ebpf_ingest;

/*
 * Open the capture that source names, and go on where its stored position says.
 * Needs SPI and a transaction.  Raises an error with the reason and what to do
 * when the pins cannot be opened.  What it holds of the system is released by
 * ebpf_ingest_close(), which the caller owes even after an error elsewhere.
 */
extern ebpf_ingest *ebpf_ingest_open(const source_row *source, MemoryContext context);

extern void ebpf_ingest_close(ebpf_ingest *ingest);

/* Have the kernel report every open connection that has news. */
extern void ebpf_ingest_snapshot(ebpf_ingest *ingest);

/* Whether there is anything to write. */
extern bool ebpf_ingest_has_news(ebpf_ingest *ingest);

/*
 * Write a batch, in the caller's transaction: flows, dead letters, position.
 * Needs SPI.  True: the batch was full, and more may wait.
 */
extern bool ebpf_ingest_write(ebpf_ingest *ingest);

/* The transaction of the last write has committed: free its events. */
extern void ebpf_ingest_committed(ebpf_ingest *ingest);

/* Bytes of the ring that are not yet in the tables. */
extern int64 ebpf_ingest_lag(const ebpf_ingest *ingest);

/* A descriptor that is readable once a quarter of the ring is filled, and how to quiet it. */
extern int ebpf_ingest_wait_fd(const ebpf_ingest *ingest);
extern void ebpf_ingest_clear_wakeup(ebpf_ingest *ingest);

#endif /* TOPOLOGY_INGEST_EBPF_INGEST_H */
