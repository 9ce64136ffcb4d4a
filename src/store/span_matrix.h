/*
 * span_matrix.h
 *		How a batch that was not paired yet has its waits: span_news.waits.
 *
 * A matrix of bigint, a row for each wait.  Traces and texts are numbers of the
 * batch's own arrays, from 1.
 */
#ifndef TOPOLOGY_STORE_SPAN_MATRIX_H
#define TOPOLOGY_STORE_SPAN_MATRIX_H

enum
{
	SPAN_MATRIX_TRACE,
	SPAN_MATRIX_SPAN,
	SPAN_MATRIX_PARENT, /* 0: none */
	SPAN_MATRIX_CALLER, /* the node of the parent, where the batch has it; else 0 */
	SPAN_MATRIX_OWNER,
	SPAN_MATRIX_APP,
	SPAN_MATRIX_PEER,     /* a text; 0: none */
	SPAN_MATRIX_ENDPOINT, /* a text; 0: none */
	SPAN_MATRIX_MARKS,    /* SPAN_MARK_... */
	SPAN_MATRIX_CALLS,
	SPAN_MATRIX_STARTED,  /* a timestamptz's number */
	SPAN_MATRIX_DURATION, /* nanoseconds; -1: not known */
	SPAN_MATRIX_COLUMNS
};

#define SPAN_MARK_CALLER      1 /* waits for what it called; else for who called it */
#define SPAN_MARK_ENTRY       2
#define SPAN_MARK_FAILED      4
#define SPAN_MARK_PEER_IS_APP 8

#endif /* TOPOLOGY_STORE_SPAN_MATRIX_H */
