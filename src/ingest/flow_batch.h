/*
 * flow_batch.h
 *		A batch of flow records on its way into stage 1.
 *
 * Records are merged in memory, in windows of FLOW_WINDOW_NS, and written by
 * flow_batch_store() in the caller's transaction.
 */
#ifndef TOPOLOGY_INGEST_FLOW_BATCH_H
#define TOPOLOGY_INGEST_FLOW_BATCH_H

#include "postgres.h"

#include "decode/decode.h"
#include "flow/flow.h"

typedef struct flow_batch flow_batch;

/* An empty batch of at most topology.batch_memory, in a context under parent. */
extern flow_batch *flow_batch_create(MemoryContext parent);

/* Release the batch and what is in it. */
extern void flow_batch_destroy(flow_batch *batch);

/*
 * Read from the database which times are accepted; once for each transaction
 * that adds records, before the first.  Needs SPI.
 */
extern void flow_batch_begin(flow_batch *batch);

/*
 * Why a record cannot be taken, or NULL when it can: its time is out of what
 * the graph keeps.  The text is static.
 */
extern const char *flow_batch_refusal(const flow_batch *batch, const flow_record *record);

/*
 * Merge one record, whose texts are valid UTF-8; what the database's encoding
 * lacks of them becomes a question mark.  False when the batch is full: store
 * it, and add again.
 */
extern bool flow_batch_add(flow_batch *batch, const flow_record *record);

/* Whether there is nothing to store. */
extern bool flow_batch_is_empty(const flow_batch *batch);

/*
 * Write the batch, told of by source, into the graph "network", and empty it.
 * Needs SPI.  Raises ERRCODE_UNDEFINED_OBJECT where there is no service map.
 */
extern void flow_batch_store(flow_batch *batch, const char *source);

/* Forget what is in the batch, after a transaction that was rolled back. */
extern void flow_batch_clear(flow_batch *batch);

#endif /* TOPOLOGY_INGEST_FLOW_BATCH_H */
