/*
 * span_pairing.h
 *		Spans that wait for the other side of their call, beside those that came.
 *
 * One pairing is of some batches, which are taken up together: their waits, and
 * those that older batches left for the same traces, are added; all spans of these
 * traces are shown to it once; then it says what became of each wait.
 * sql/42-pair.sql has the rules.  Nothing here reads or writes a table.
 */
#ifndef TOPOLOGY_RESOLVE_SPAN_PAIRING_H
#define TOPOLOGY_RESOLVE_SPAN_PAIRING_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/itemptr.h"

#include "flow/flow.h"
#include "flow/flow_hash.h"

/* Which side of a call waits: as in topo_trace.span_wait. */
#define SPAN_WAIT_CALLER 1
#define SPAN_WAIT_CALLEE 2

/* Texts are in the database's encoding, and the reader's. */
typedef struct span_wait
{
	int32 trace;         /* its number in the pairing */
	int64 part;          /* the batch that brought it; 0: it has waited in the table */
	ItemPointerData old; /* then, the row */
	TimestampTz seen;
	int64 span;
	int64 parent; /* 0: none */
	int64 caller; /* the node that called, where its batch knew it; else 0 */
	int64 owner;
	int64 app;
	const char *peer_type; /* NULL: it names no peer */
	flow_text peer;
	flow_text endpoint;
	int16 role;
	bool entry;
	bool failed;
	int64 calls;
	TimestampTz started;
	int64 duration_ns; /* -1: not known */

	/* What became of it, once the pairing is settled. */
	bool repeated; /* it came before: it counts for nothing */
	bool decided;  /* a callee: who called it is known, or will not be */
	bool internal; /* its own service did, so it is no call */
	bool answered; /* a caller: what it called is known */

	int32 next_of_span;   /* the next of the same trace and span, or -1 */
	int32 next_of_parent; /* the next that looks for the same parent, or -1 */
} span_wait;

/* A span that came, and that a wait looks for. */
typedef struct span_match
{
	int32 wait;
	bool failed;
	int64 owner;
} span_match;

typedef struct span_trace
{
	uint8 id[16];
	int64 first_part; /* the least and the greatest of its waits' */
	int64 last_part;
	int32 next; /* the next of the same hash, or -1 */
} span_trace;

/* Places of equal keys, chained through their owners' next. */
typedef struct span_chains
{
	int32 *heads; /* by hash; -1: none */
	uint32 mask;
} span_chains;

typedef struct span_pairing
{
	MemoryContext context;
	flow_hash_secret secret;
	span_trace *traces;
	int32 trace_count;
	int32 trace_room;
	span_chains by_trace;
	span_wait *waits;
	int32 wait_count;
	int32 wait_room;
	span_chains by_span;
	span_chains by_parent;
	span_match *matches;
	int32 match_count;
	int32 match_room;
} span_pairing;

/* The app of a node, or 0 if there is no such node. */
typedef int64 (*span_app_of)(void *context, int64 node);

/* An empty pairing in the current context, to which at most so many traces are added. */
extern span_pairing *span_pairing_create(int32 traces);

/* The number of a trace, which is added if it is new. */
extern int32 span_pairing_add_trace(span_pairing *pairing, const uint8 id[16]);

/* The number of a trace, or -1 if it is none of the pairing's. */
extern int32 span_pairing_find_trace(const span_pairing *pairing, const uint8 id[16]);

/* A new wait, all zero.  It stays where it is until the next is added. */
extern span_wait *span_pairing_add_wait(span_pairing *pairing);

/* All waits are there, and spans may be shown. */
extern void span_pairing_begin(span_pairing *pairing);

/*
 * Whether any wait may care for the spans that a trace has in a batch; 0: in one
 * that was taken up before.
 */
extern bool span_pairing_cares(const span_pairing *pairing, int32 trace, int64 part);

/* Show a span that a trace has in a batch, as above, and that is of a node. */
extern void span_pairing_show(span_pairing *pairing, int32 trace, int64 part, int64 span,
							  int64 owner, bool failed);

/* All spans were shown: fill in what became of the waits. */
extern void span_pairing_settle(span_pairing *pairing, span_app_of app_of, void *context);

#endif /* TOPOLOGY_RESOLVE_SPAN_PAIRING_H */
