/*
 * span_sql.h
 *		What the files of pairing share of SPI.  For this folder only.
 */
#ifndef TOPOLOGY_RESOLVE_SPAN_SQL_H
#define TOPOLOGY_RESOLVE_SPAN_SQL_H

#include "postgres.h"

#include "executor/spi.h"

/* The columns of topo.span_wait, whose order the queries keep to. */
enum
{
	WAIT_SEEN,
	WAIT_ROLE,
	WAIT_TRACE,
	WAIT_SPAN,
	WAIT_PARENT,
	WAIT_OWNER,
	WAIT_APP,
	WAIT_PEER_TYPE,
	WAIT_PEER,
	WAIT_ENDPOINT,
	WAIT_ENTRY,
	WAIT_FAILED,
	WAIT_CALLS,
	WAIT_STARTED,
	WAIT_DURATION,
	WAIT_COLUMNS
};

/* Run a command; raises unless it gives what is expected, such as SPI_OK_DELETE. */
extern void span_sql_execute(const char *command, int count, Oid *types, Datum *arguments,
							 int expected);

/*
 * Hand each row of a query to take, some at a time; what that allocates is gone
 * afterwards.
 */
extern void span_sql_each_row(const char *query, int count, Oid *types, Datum *arguments,
							  void (*take)(void *context, const SPITupleTable *table, uint64 row),
							  void *context);

/* A column, from 0, of a row; false: it is NULL. */
extern bool span_sql_get(const SPITupleTable *table, uint64 row, int column, Datum *value);

/* The same of a column that is not NULL. */
extern Datum span_sql_column(const SPITupleTable *table, uint64 row, int column);
extern int64 span_sql_bigint(const SPITupleTable *table, uint64 row, int column);

/* The numbers of an array of bigint without nulls; they live as long as the datum. */
extern const int64 *span_sql_numbers(Datum datum, int *count);

/* The order of two numbers, for qsort() and bsearch(). */
extern int span_sql_compare(const void *left, const void *right);

#endif /* TOPOLOGY_RESOLVE_SPAN_SQL_H */
