/*
 * query.h
 *		Run a query from C and have each row handed over as it comes.
 *
 * All of these need a connection to SPI, and read with the snapshot of the
 * statement that called the function: own writes are seen, others' later
 * commits are not.
 */
#ifndef TOPOLOGY_TRAVERSE_QUERY_H
#define TOPOLOGY_TRAVERSE_QUERY_H

#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/array.h"

#define QUERY_MAX_ARGS 4

/* Ids a single look-up is given: it bounds the array, not what is found. */
#define QUERY_CHUNK 8192

/*
 * Takes one row: its columns are in slot->tts_values and tts_isnull.  What they
 * point to is gone when the sink returns, and so is CurrentMemoryContext.
 */
typedef void (*row_sink)(void *context, TupleTableSlot *slot);

typedef struct query_args
{
	int count;
	Oid types[QUERY_MAX_ARGS];
	Datum values[QUERY_MAX_ARGS];
	bool nulls[QUERY_MAX_ARGS];
} query_args;

/*
 * A query whose plan is kept as long as the session: text and arg_types are
 * given, plan is NULL until it first runs.
 */
typedef struct kept_query
{
	const char *text;
	int arg_count;
	Oid arg_types[QUERY_MAX_ARGS];
	SPIPlanPtr plan;
} kept_query;

/*
 * Plan a query.  Without keep the plan lives until SPI_finish(); with keep it
 * lives as long as the session, and is one for all values of its arguments.
 */
extern SPIPlanPtr query_prepare(const char *text, int arg_count, const Oid *arg_types, bool keep);

/* Run a plan; args->types must be those that it was prepared with. */
extern void query_run(SPIPlanPtr plan, const query_args *args, row_sink sink, void *context);

/* The same for a kept query, planned when it first runs; args->types is filled from it. */
extern void query_run_kept(kept_query *query, query_args *args, row_sink sink, void *context);

/* An array for "= ANY ($n)"; palloc'd. */
extern ArrayType *query_bigint_array(const int64 *values, size_t count);

#endif /* TOPOLOGY_TRAVERSE_QUERY_H */
