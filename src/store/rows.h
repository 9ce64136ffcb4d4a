/*
 * rows.h
 *		Rows for SQL functions that take an array of a composite type.
 *
 * A row_array and all that is put into it live in the memory context that was
 * current when it was begun, so a caller makes a context for a store and deletes
 * it afterwards.
 */
#ifndef TOPOLOGY_STORE_ROWS_H
#define TOPOLOGY_STORE_ROWS_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "utils/timestamp.h"

#include "flow/flow.h"

typedef struct row_array
{
	Oid type;       /* of a row */
	Oid array_type; /* of the result */
	TupleDesc desc;
	Datum *rows;
	int count;
	int room;
} row_array;

/* Begin an array of the composite type topo.type_name, which has so many columns. */
extern void row_array_begin(row_array *array, const char *type_name, int columns);

extern void row_array_add(row_array *array, Datum *values, bool *nulls);

/* The array, for an argument of array_type. */
extern Datum row_array_finish(row_array *array);

/* Unix nanoseconds to PostgreSQL's microseconds since 2000, rounded down; any int64 fits. */
extern TimestampTz timestamp_from_ns(int64 ns);

/* A text as a Datum, from UTF-8 to the database's encoding; what that lacks becomes a question
 * mark. */
extern Datum text_datum(flow_text text);

/* The same into a column; an absent text is NULL. */
extern void set_text(Datum *values, bool *nulls, int column, flow_text text);

/* Arrays of bigint, and of uuid from 16 bytes each, without nulls. */
extern Datum bigint_array_datum(const int64 *values, int count);
extern Datum bigint_matrix_datum(const int64 *values, int rows, int columns);
extern Datum uuid_array_datum(const uint8_t (*values)[16], int count);

#endif /* TOPOLOGY_STORE_ROWS_H */
