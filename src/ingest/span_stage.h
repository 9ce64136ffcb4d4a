/*
 * span_stage.h
 *		The spans of a batch in memory, and what can be decided among them.
 *
 * Nothing here knows the tables; span_batch.c writes what is left.
 */
#ifndef TOPOLOGY_INGEST_SPAN_STAGE_H
#define TOPOLOGY_INGEST_SPAN_STAGE_H

#include "postgres.h"

#include "flow/flow_arena.h"
#include "flow/flow_texts.h"
#include "flow/span.h"

/* A span; equal texts are one pointer, owned by the stage. */
typedef struct staged_span
{
	uint8_t trace_id[16];
	uint64 trace[2]; /* the same as numbers, which sort alike */
	uint64 span;     /* its id as a number, the first byte the highest */
	uint64 parent;   /* of its parent; 0: none */
	int64 start_ns;
	int64 duration_ns; /* -1: not known */
	int64 calls;       /* that it stands for */
	flow_text service;
	flow_text cluster;
	flow_text endpoint;
	flow_text peer;
	uint8_t peer_kind;
	uint8_t kind;
	bool failed;

	/* Settled by span_stage_settle. */
	const struct staged_span *caller; /* its parent, which is here and of another service */
	bool own_parent;                  /* its parent is there, and of its own service */
	bool answered;                    /* a span that it called is there */

	/* For who writes the span: the nodes that it is of. */
	int32 app;
	int32 owner;
} staged_span;

typedef struct span_stage
{
	flow_allocator allocator;
	flow_arena arena;
	flow_hash_secret secret;
	flow_texts texts;
	staged_span **blocks;
	size_t block_room;
	size_t count;
	int64 unattributed; /* spans that name no service, which are not kept */
	int64 repeated;     /* spans that span_stage_settle() found twice */
} span_stage;

/* An empty stage in the current context. */
extern void span_stage_init(span_stage *stage);

extern void span_stage_add(span_stage *stage, const span_record *record);

/* The index-th span, in order of arrival. */
extern staged_span *span_stage_at(const span_stage *stage, size_t index);

/* Forget the spans after the first count of them, or all there is. */
extern void span_stage_truncate(span_stage *stage, size_t count);
extern void span_stage_clear(span_stage *stage);

/* Memory held, and needed to settle, in bytes. */
extern size_t span_stage_bytes(const span_stage *stage);

/*
 * The spans by trace and id, each once, in an array of the current context, with
 * what is settled among them.
 */
extern staged_span **span_stage_settle(span_stage *stage, size_t *count);

/* Whether the operation was entered from outside its process: by a call or a message. */
extern bool span_is_entry(const staged_span *span);

/* Whether the span waits for what it called, or for who called it. */
extern bool span_awaits_callee(const staged_span *span);
extern bool span_awaits_caller(const staged_span *span);

#endif /* TOPOLOGY_INGEST_SPAN_STAGE_H */
