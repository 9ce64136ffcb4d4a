/*
 * span_waits.h
 *		The spans of a batch that wait for the other side of their call, as they are
 *		written: a matrix of numbers (store/span_matrix.h).
 *
 * All memory is of the context that the waits were made in.
 */
#ifndef TOPOLOGY_INGEST_SPAN_WAITS_H
#define TOPOLOGY_INGEST_SPAN_WAITS_H

#include "postgres.h"

#include "ingest/span_stage.h"

typedef struct span_waits span_waits;

extern span_waits *span_waits_create(void);

/* What is added next is of this trace; id has to live as long as the waits. */
extern void span_waits_begin_trace(span_waits *waits, const uint8_t id[16]);

/* Add what a span waits for, if anything; ids are those of nodes by number. */
extern void span_waits_add(span_waits *waits, const staged_span *span, const int64 *ids);

/* The traces, the matrix and the texts, as arrays. */
extern Datum span_waits_traces(const span_waits *waits);
extern Datum span_waits_matrix(const span_waits *waits);
extern Datum span_waits_texts(const span_waits *waits);

#endif /* TOPOLOGY_INGEST_SPAN_WAITS_H */
