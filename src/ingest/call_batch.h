/*
 * call_batch.h
 *		A batch of call records on its way into stage 1 of the graph "ipc".
 *
 * Records are merged in memory, in windows of 10 seconds, and written by
 * call_batch_store() in the caller's transaction.
 */
#ifndef TOPOLOGY_INGEST_CALL_BATCH_H
#define TOPOLOGY_INGEST_CALL_BATCH_H

#include "postgres.h"

#include "flow/call.h"

/* The width of a call window. */
#define CALL_BATCH_WINDOW_NS INT64CONST(10000000000)

typedef struct call_batch call_batch;

/* An empty batch of at most max_bytes, in a context under parent. */
extern call_batch *call_batch_create(MemoryContext parent, size_t max_bytes);

extern void call_batch_destroy(call_batch *batch);

/* Merge one record, which names both ends; false when the batch is full: store it, and add again.
 */
extern bool call_batch_add(call_batch *batch, const call_record *record);

extern bool call_batch_is_empty(const call_batch *batch);

/*
 * Write the batch into the graph "ipc", and empty it.  Needs SPI.  Raises
 * ERRCODE_UNDEFINED_OBJECT where there is no service map.
 */
extern void call_batch_store(call_batch *batch);

/* Forget what is in the batch. */
extern void call_batch_clear(call_batch *batch);

#endif /* TOPOLOGY_INGEST_CALL_BATCH_H */
