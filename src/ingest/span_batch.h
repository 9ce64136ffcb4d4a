/*
 * span_batch.h
 *		A batch of spans on its way to the trace layer.
 *
 * Spans are staged in memory.  When they are written, those whose caller is
 * found to be their own service are done; the others wait in the tables for the
 * other side of their call, which sql/42-pair.sql finds.
 */
#ifndef TOPOLOGY_INGEST_SPAN_BATCH_H
#define TOPOLOGY_INGEST_SPAN_BATCH_H

#include "postgres.h"

#include "flow/span.h"

typedef struct span_batch span_batch;

/* An empty batch of about max_bytes, in a context under parent. */
extern span_batch *span_batch_create(MemoryContext parent, size_t max_bytes);

extern void span_batch_destroy(span_batch *batch);

/*
 * Stage a span; its texts are copied.  Always takes it: whoever stages the spans
 * of a message asks span_batch_is_full() between messages.
 */
extern void span_batch_add(span_batch *batch, const span_record *record);

extern bool span_batch_is_empty(const span_batch *batch);

/* Where the batch is, and to go back there: to forget what was added since. */
typedef struct span_batch_mark
{
	size_t count;
	int64 unattributed;
} span_batch_mark;

extern span_batch_mark span_batch_get_mark(const span_batch *batch);
extern void span_batch_truncate(span_batch *batch, span_batch_mark mark);

/* Whether the batch has reached its bound. */
extern bool span_batch_is_full(const span_batch *batch);

/*
 * Write the batch into the graph "trace", and empty it.  Needs SPI.  Raises
 * ERRCODE_UNDEFINED_OBJECT where there is no service map.
 */
extern void span_batch_store(span_batch *batch);

/* Forget what is in the batch. */
extern void span_batch_clear(span_batch *batch);

#endif /* TOPOLOGY_INGEST_SPAN_BATCH_H */
