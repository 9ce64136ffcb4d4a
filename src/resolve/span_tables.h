/*
 * span_tables.h
 *		What pairing reads from the tables of the graph "trace", and writes there.
 *
 * All need SPI, and the advisory lock of pairing.  Memory is of the current context
 * at the call.
 */
#ifndef TOPOLOGY_RESOLVE_SPAN_TABLES_H
#define TOPOLOGY_RESOLVE_SPAN_TABLES_H

#include "postgres.h"

#include "resolve/span_news.h"
#include "resolve/span_pairing.h"

/* Add the waits that older batches left for the traces of the pairing. */
extern void span_tables_add_old_waits(span_pairing *pairing);

/*
 * Show the pairing all spans of its traces that have been taken up, those of before
 * cutoff excepted.
 */
extern void span_tables_show_parts(const span_news *news, TimestampTz cutoff);

/* Fill in what became of the waits. */
extern void span_tables_settle(span_pairing *pairing);

/* Drop what is done of the old waits, and keep what is not of the new ones. */
extern void span_tables_keep(const span_pairing *pairing);

/* What is added to topo_trace.span_count. */
typedef struct span_outcome
{
	int64 paired;
	int64 assumed;
	int64 repeated;
	int64 unattributed;
} span_outcome;

extern void span_tables_count(const span_outcome *outcome);

#endif /* TOPOLOGY_RESOLVE_SPAN_TABLES_H */
