/*
 * source_catalog.c
 *		Sources, positions and dead letters, through SPI.
 *
 * Results are copied into the context that was current at the call, before
 * SPI's own memory goes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "ingest/source_catalog.h"

/* SPI_getvalue of the first row, or NULL. */
static char *
first_row_text(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

/* The same for what becomes part of records, whose texts are UTF-8 in any database. */
static char *
first_row_utf8(int column)
{
	char *value = first_row_text(column);

	return value ? pg_server_to_any(value, strlen(value), PG_UTF8) : NULL;
}

static int64
first_row_bigint(int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static void
execute(const char *command, int count, Oid *types, Datum *arguments, const char *nulls,
		int expected)
{
	int result = SPI_execute_with_args(command, count, types, arguments, nulls, false, 0);

	if (result != expected)
		elog(ERROR, "unexpected result of \"%s\": %s", command, SPI_result_code_string(result));
}

source_row *
source_load(int32 id)
{
	Oid types[1] = {INT4OID};
	Datum arguments[1] = {Int32GetDatum(id)};
	source_row *row;

	execute("SELECT name, kind, options ->> 'pin_dir', options ->> 'region', options ->> 'scope' "
			"FROM topo.source WHERE id = $1 AND enabled",
			1, types, arguments, NULL, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return NULL;
	row = palloc0(sizeof(*row));
	row->id = id;
	row->name = first_row_text(1);
	row->kind = first_row_text(2);
	row->pin_dir = first_row_text(3);
	row->region = first_row_utf8(4);
	row->scope = first_row_utf8(5);
	return row;
}

source_position *
source_load_position(int32 id, int32 partition)
{
	Oid types[2] = {INT4OID, INT4OID};
	Datum arguments[2] = {Int32GetDatum(id), Int32GetDatum(partition)};
	source_position *position;

	execute(
		"SELECT log, next_offset FROM topo.source_position WHERE source = $1 AND partition = $2", 2,
		types, arguments, NULL, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return NULL;
	position = palloc0(sizeof(*position));
	position->log = first_row_text(1);
	position->next_offset = first_row_bigint(2);
	return position;
}

void
source_store_progress(int32 id, int32 partition, const source_progress *progress)
{
	Oid types[8] = {INT4OID, INT4OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID};
	Datum arguments[8];

	arguments[0] = Int32GetDatum(id);
	arguments[1] = Int32GetDatum(partition);
	arguments[2] = CStringGetTextDatum(progress->log);
	arguments[3] = Int64GetDatum(progress->next_offset);
	arguments[4] = Int64GetDatum(progress->records);
	arguments[5] = Int64GetDatum(progress->dead_letters);
	arguments[6] = Int64GetDatum(progress->dropped_in_log);
	arguments[7] = Int64GetDatum(progress->gone);
	execute("INSERT INTO topo.source_position AS p (source, partition, log, next_offset, records, "
			"  dead_letters, dropped, dropped_in_log, last_record_at) "
			"VALUES ($1, $2, $3, $4, $5, $6, $7 + $8, $7, CASE WHEN $5 > 0 THEN now() END) "
			"ON CONFLICT (source, partition) DO UPDATE SET "
			"  log = excluded.log, next_offset = excluded.next_offset, "
			"  records = p.records + excluded.records, "
			"  dead_letters = p.dead_letters + excluded.dead_letters, "
			"  dropped = p.dropped + $8 + excluded.dropped_in_log "
			"    - CASE WHEN p.log = excluded.log THEN p.dropped_in_log ELSE 0 END, "
			"  dropped_in_log = excluded.dropped_in_log, "
			"  last_record_at = coalesce(excluded.last_record_at, p.last_record_at)",
			8, types, arguments, NULL, SPI_OK_INSERT);
}

void
source_store_dead_letter(const char *source, int32 partition, int64 offset, const void *payload,
						 size_t length, const char *reason)
{
	Oid types[5] = {TEXTOID, INT4OID, INT8OID, BYTEAOID, TEXTOID};
	bytea *bytes = palloc(VARHDRSZ + length);
	Datum arguments[5];

	SET_VARSIZE(bytes, VARHDRSZ + length);
	memcpy(VARDATA(bytes), payload, length);
	arguments[0] = CStringGetTextDatum(source);
	arguments[1] = Int32GetDatum(partition);
	arguments[2] = Int64GetDatum(offset);
	arguments[3] = PointerGetDatum(bytes);
	arguments[4] = CStringGetTextDatum(reason);
	execute("INSERT INTO topo.dead_letter (source, partition, \"offset\", payload, reason) "
			"VALUES ($1, $2, $3, $4, $5)",
			5, types, arguments, NULL, SPI_OK_INSERT);
}

char *
source_identity_rules(void)
{
	execute("SELECT topo.identity_rules()", 0, NULL, NULL, NULL, SPI_OK_SELECT);
	return first_row_utf8(1);
}
