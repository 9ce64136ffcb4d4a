/*
 * rows.c
 *		Rows for SQL functions that take an array of a composite type.
 *
 * An array is handed over as one argument, and read there by unnest(): so a
 * batch is one statement, whatever its size.  Cost: a copy of each row into its
 * tuple, and one of that into the array.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "flow/utf8.h"
#include "store/rows.h"

#define FIRST_ROOM 256

StaticAssertDecl(sizeof(pg_uuid_t) == 16, "a uuid is 16 bytes");

void
row_array_begin(row_array *array, const char *type_name, int columns)
{
	Oid schema = get_namespace_oid("topo", false);

	array->type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(type_name),
								  ObjectIdGetDatum(schema));
	if (!OidIsValid(array->type))
		elog(ERROR, "type topo.%s does not exist", type_name);
	array->array_type = get_array_type(array->type);
	array->desc = lookup_rowtype_tupdesc_copy(array->type, -1);
	if (array->desc->natts != columns)
		elog(ERROR, "type topo.%s has %d columns", type_name, array->desc->natts);
	array->count = 0;
	array->room = FIRST_ROOM;
	array->rows = palloc(sizeof(Datum) * array->room);
}

void
row_array_add(row_array *array, Datum *values, bool *nulls)
{
	if (array->count == array->room)
	{
		array->room *= 2;
		array->rows = repalloc_huge(array->rows, sizeof(Datum) * array->room);
	}
	array->rows[array->count++] = HeapTupleGetDatum(heap_form_tuple(array->desc, values, nulls));
}

Datum
row_array_finish(row_array *array)
{
	return PointerGetDatum(
		construct_array(array->rows, array->count, array->type, -1, false, TYPALIGN_DOUBLE));
}

TimestampTz
timestamp_from_ns(int64 ns)
{
	const int64 epoch_us =
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * USECS_PER_SEC;
	int64 us = ns / 1000;

	if (ns % 1000 < 0)
		us--;
	return us - epoch_us;
}

/* One character of UTF-8; a question mark where the database's encoding lacks it. */
static void
append_character(StringInfo result, Oid conversion, const char *character, int length)
{
	unsigned char converted[32];

	if (OidIsValid(conversion) &&
		pg_do_encoding_conversion_buf(conversion, PG_UTF8, GetDatabaseEncoding(),
									  (unsigned char *) character, length, converted,
									  sizeof(converted), true) == length)
		appendStringInfoString(result, (char *) converted);
	else
		appendStringInfoChar(result, '?');
}

/* A text in the database's encoding: what a process calls itself must stop no batch. */
static text *
convert_text(flow_text from)
{
	Oid conversion = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	StringInfoData result;
	uint32 at = 0;

	initStringInfo(&result);
	while (at < from.length)
	{
		int length = Max(utf8_character_length(from.data + at, from.length - at), 1);

		if (length == 1)
			appendStringInfoChar(&result, from.data[at]);
		else
			append_character(&result, conversion, from.data + at, length);
		at += length;
	}
	return cstring_to_text_with_len(result.data, result.len);
}

Datum
text_datum(flow_text text)
{
	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return PointerGetDatum(cstring_to_text_with_len(text.data, text.length));
	return PointerGetDatum(convert_text(text));
}

void
set_text(Datum *values, bool *nulls, int column, flow_text text)
{
	nulls[column] = text.data == NULL;
	if (text.data)
		values[column] = text_datum(text);
}

/* An array of fixed-size elements, copied as they are. */
static ArrayType *
copy_array(Oid type, const void *elements, size_t size, int dimensions, const int *lengths)
{
	size_t data = size * ArrayGetNItems(dimensions, lengths);
	size_t header = ARR_OVERHEAD_NONULLS(dimensions);
	ArrayType *array;

	if (data == 0)
		return construct_empty_array(type);
	if (!AllocSizeIsValid(header + data))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("an array is too large")));
	array = palloc(header + data);
	memset(array, 0, header);
	SET_VARSIZE(array, header + data);
	array->ndim = dimensions;
	array->elemtype = type;
	for (int i = 0; i < dimensions; i++)
	{
		ARR_DIMS(array)[i] = lengths[i];
		ARR_LBOUND(array)[i] = 1;
	}
	memcpy(ARR_DATA_PTR(array), elements, data);
	return array;
}

Datum
bigint_array_datum(const int64 *values, int count)
{
	return PointerGetDatum(copy_array(INT8OID, values, sizeof(*values), 1, &count));
}

Datum
bigint_matrix_datum(const int64 *values, int rows, int columns)
{
	int lengths[] = {rows, columns};

	return PointerGetDatum(copy_array(INT8OID, values, sizeof(*values), 2, lengths));
}

Datum
uuid_array_datum(const uint8_t (*values)[16], int count)
{
	return PointerGetDatum(copy_array(UUIDOID, values, sizeof(*values), 1, &count));
}
