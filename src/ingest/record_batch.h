/*
 * record_batch.h
 *		A batch of whatever records a source brings, on its way into the tables.
 *
 * topo.ingest() and the workers of streams decode and write through it.  A batch
 * survives transactions; what is in it belongs to the transaction at hand, and
 * is forgotten by record_batch_clear() when that is rolled back.
 */
#ifndef TOPOLOGY_INGEST_RECORD_BATCH_H
#define TOPOLOGY_INGEST_RECORD_BATCH_H

#include "postgres.h"

#include "decode/formats.h"

typedef struct record_batch record_batch;

/*
 * Is handed a unit that cannot be used, with the reason: data are its bytes, and
 * live until it returns.  May raise an error.
 */
typedef void (*record_refusal)(void *context, const char *data, size_t length,
							   const decode_error *error);

/*
 * An empty batch, in a context under parent, for records that source tells of.
 * It takes at most topology.batch_memory, and what one message needs besides.
 */
extern record_batch *record_batch_create(MemoryContext parent, const char *source);

/*
 * What flows get whose record says nothing of region or scope; NULL: nothing.
 * The texts, in UTF-8, are copied.
 */
extern void record_batch_set_defaults(record_batch *batch, const char *region, const char *scope);

/* Release the batch and what is in it. */
extern void record_batch_destroy(record_batch *batch);

/*
 * To be called in each transaction that takes records, before the first: which
 * times are accepted is read anew.
 */
extern void record_batch_begin(record_batch *batch);

/*
 * Decode a payload and add its records; returns how many were taken.  What
 * cannot be used is handed to refuse, and the rest is taken: of formats of one
 * record a line, the unit is the line (of "vpc" with the line of field names that
 * it follows); of the others the payload, which is taken whole or not at all.
 * When the batch is full it is stored here and there is room again.  Needs SPI.
 * Raises ERRCODE_UNDEFINED_OBJECT where there is no service map.
 */
extern int64 record_batch_take(record_batch *batch, const decode_format *format,
							   const char *payload, size_t length, record_refusal refuse,
							   void *context);

/* Whether the transaction should end: the batch has had to be stored, or is about to. */
extern bool record_batch_is_full(const record_batch *batch);

/* Whether nothing is there to be stored. */
extern bool record_batch_is_empty(const record_batch *batch);

/* Write what is in the batch, in the caller's transaction, and empty it.  Needs SPI. */
extern void record_batch_store(record_batch *batch);

/* Forget what is in the batch. */
extern void record_batch_clear(record_batch *batch);

#endif /* TOPOLOGY_INGEST_RECORD_BATCH_H */
