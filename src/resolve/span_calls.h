/*
 * span_calls.h
 *		The calls that pairing finds, by edge and minute.
 */
#ifndef TOPOLOGY_RESOLVE_SPAN_CALLS_H
#define TOPOLOGY_RESOLVE_SPAN_CALLS_H

#include "postgres.h"

#include "resolve/span_pairing.h"

typedef struct span_calls span_calls;

/* No calls yet; all memory is of the current context. */
extern span_calls *span_calls_create(void);

/*
 * Add the call that a callee tells of, which is decided and not internal.  Its texts
 * have to live as long as the calls.
 */
extern void span_calls_add(span_calls *calls, const span_wait *callee);

/* An array of topo.span_call in the current context.  False: there are no calls. */
extern bool span_calls_datum(const span_calls *calls, Datum *array);

#endif /* TOPOLOGY_RESOLVE_SPAN_CALLS_H */
