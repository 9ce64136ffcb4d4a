/*
 * accepted.h
 *		Which times of records a graph accepts.
 */
#ifndef TOPOLOGY_INGEST_ACCEPTED_H
#define TOPOLOGY_INGEST_ACCEPTED_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct accepted_times
{
	TimestampTz oldest;
	TimestampTz newest;
} accepted_times;

/*
 * Read them from the database, as of this transaction.  Needs SPI.  Raises
 * ERRCODE_UNDEFINED_OBJECT where there is no such graph.
 */
extern accepted_times accepted_times_load(const char *graph);

/* Why a record of that time cannot be taken, or NULL when it can; a static text. */
extern const char *accepted_times_refusal(const accepted_times *times, int64 start_ns,
										  int64 end_ns);

#endif /* TOPOLOGY_INGEST_ACCEPTED_H */
