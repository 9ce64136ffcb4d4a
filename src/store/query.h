/*
 * query.h
 *		Run a query from C and have each row handed over as it comes.
 *
 * All of these need a connection to SPI, and read with the snapshot of the
 * statement that called the function: own writes are seen, others' later
 * commits are not.  CurrentMemoryContext stays the caller's.
 */
#ifndef TOPOLOGY_STORE_QUERY_H
#define TOPOLOGY_STORE_QUERY_H

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
	const bool *stop; /* once it is set, no more rows are wanted; or NULL */
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

typedef enum query_lifetime
{
	QUERY_ONCE,       /* until SPI_finish(), planned for its arguments */
	QUERY_KEPT,       /* the session's, one plan for all arguments, with indexes */
	QUERY_KEPT_FITTED /* the session's, planned for its arguments each time it runs */
} query_lifetime;

extern SPIPlanPtr query_prepare(const char *text, int arg_count, const Oid *arg_types,
								query_lifetime lifetime);

/*
 * While this is held, the planner uses an index wherever there is one.  A plan
 * for all arguments may be made while a table is small, and outlive that: hold
 * this while it runs.  Returns what query_release_index() takes; an error
 * releases it too.
 */
extern int query_prefer_index(void);
extern void query_release_index(int level);

/* Run a plan; args->types must be those that it was prepared with. */
extern void query_run(SPIPlanPtr plan, const query_args *args, row_sink sink, void *context);

/* The same for a kept query, planned when it first runs; args->types is filled from it. */
extern void query_run_kept(kept_query *query, query_args *args, row_sink sink, void *context);

/* An array for "= ANY ($n)"; palloc'd. */
extern ArrayType *query_bigint_array(const int64 *values, size_t count);

#endif /* TOPOLOGY_STORE_QUERY_H */
