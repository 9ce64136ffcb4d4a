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

#include "compat.h"
#include "ingest/source_catalog.h"

static char *
row_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* The same for what becomes part of records, whose texts are UTF-8 in any database. */
static char *
row_utf8(uint64 row, int column)
{
	char *value = row_text(row, column);

	return value ? pg_server_to_any(value, strlen(value), PG_UTF8) : NULL;
}

static int64
row_bigint(uint64 row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

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

	execute("SELECT name, kind, format, options ->> 'pin_dir', options ->> 'region', "
			"  options ->> 'scope', options ->> 'netns', options ->> 'except_netns' "
			"FROM topo.source WHERE id = $1 AND enabled",
			1, types, arguments, NULL, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return NULL;
	row = palloc0(sizeof(*row));
	row->id = id;
	row->name = row_text(0, 1);
	row->kind = row_text(0, 2);
	row->format = row_text(0, 3);
	row->pin_dir = row_text(0, 4);
	row->region = row_utf8(0, 5);
	row->scope = row_utf8(0, 6);
	row->netns = row_text(0, 7);
	row->except_netns = row_text(0, 8);
	return row;
}

List *
source_load_options(int32 id)
{
	Oid types[1] = {INT4OID};
	Datum arguments[1] = {Int32GetDatum(id)};
	List *options = NIL;

	execute(
		"SELECT o.key, o.value FROM topo.source s, jsonb_each_text(s.options) o WHERE s.id = $1 "
		"UNION ALL SELECT o.name, o.value FROM topo.source_secret o WHERE o.source = $1",
		1, types, arguments, NULL, SPI_OK_SELECT);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		source_option *option = palloc(sizeof(*option));

		option->name = row_text(i, 1);
		option->value = row_text(i, 2);
		options = lappend(options, option);
	}
	return options;
}

int64
source_take_over(int32 id, List **positions)
{
	Oid types[1] = {INT4OID};
	Datum arguments[1] = {Int32GetDatum(id)};
	int64 epoch = 1;

	execute(
		"UPDATE topo.source_position p SET epoch = e.epoch + 1 "
		"FROM (SELECT max(epoch) AS epoch FROM topo.source_position WHERE source = $1) e "
		"WHERE p.source = $1 "
		"RETURNING p.epoch, p.partition, p.log, p.next_offset, p.last_offset, p.last_fingerprint, "
		"  coalesce(p.log_end, -1)",
		1, types, arguments, NULL, SPI_OK_UPDATE_RETURNING);
	*positions = NIL;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		source_position *position = palloc(sizeof(*position));

		epoch = row_bigint(i, 1);
		position->partition = (int32) row_bigint(i, 2);
		position->log = row_text(i, 3);
		position->next_offset = row_bigint(i, 4);
		position->last_offset = row_bigint(i, 5);
		position->last_fingerprint = (uint64) row_bigint(i, 6);
		position->log_end = row_bigint(i, 7);
		*positions = lappend(*positions, position);
	}
	return epoch;
}

void
source_begin_log(int32 id, int32 partition, int64 epoch, const char *log, int64 next_offset)
{
	Oid types[5] = {INT4OID, INT4OID, INT8OID, TEXTOID, INT8OID};
	Datum arguments[5];

	arguments[0] = Int32GetDatum(id);
	arguments[1] = Int32GetDatum(partition);
	arguments[2] = Int64GetDatum(epoch);
	arguments[3] = CStringGetTextDatum(log);
	arguments[4] = Int64GetDatum(next_offset);
	execute("INSERT INTO topo.source_position AS p (source, partition, epoch, log, next_offset) "
			"VALUES ($1, $2, $3, $4, $5) "
			"ON CONFLICT (source, partition) DO UPDATE SET "
			"  log = excluded.log, next_offset = excluded.next_offset, last_offset = -1, "
			"  last_fingerprint = 0, dropped_in_log = 0, log_end = NULL "
			"WHERE p.epoch = excluded.epoch",
			5, types, arguments, NULL, SPI_OK_INSERT);
	if (SPI_processed == 0)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("another worker has taken this source over")));
}

void
source_end_log(int32 id, int32 partition)
{
	Oid types[2] = {INT4OID, INT4OID};
	Datum arguments[2] = {Int32GetDatum(id), Int32GetDatum(partition)};

	execute("UPDATE topo.source_position SET log_end = NULL WHERE source = $1 AND partition = $2",
			2, types, arguments, NULL, SPI_OK_UPDATE);
}

void
source_store_progress(int32 id, int32 partition, int64 epoch, const source_progress *progress)
{
	Oid types[12] = {INT4OID, INT4OID, INT8OID, INT8OID, INT8OID, INT8OID,
					 INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID};
	Datum arguments[12];

	arguments[0] = Int32GetDatum(id);
	arguments[1] = Int32GetDatum(partition);
	arguments[2] = Int64GetDatum(epoch);
	arguments[3] = Int64GetDatum(progress->expected_offset);
	arguments[4] = Int64GetDatum(progress->next_offset);
	arguments[5] = Int64GetDatum(progress->last_offset);
	arguments[6] = Int64GetDatum((int64) progress->last_fingerprint);
	arguments[7] = Int64GetDatum(progress->log_end);
	arguments[8] = Int64GetDatum(progress->records);
	arguments[9] = Int64GetDatum(progress->dead_letters);
	arguments[10] = Int64GetDatum(progress->dropped_in_log);
	arguments[11] = Int64GetDatum(progress->gone);
	execute(
		"UPDATE topo.source_position p SET next_offset = $5, "
		"  last_offset = $6, last_fingerprint = $7, "
		"  log_end = nullif($8, -1), records = records + $9, dead_letters = dead_letters + $10, "
		"  dropped = dropped + $12 + $11 - dropped_in_log, dropped_in_log = $11, "
		"  last_record_at = CASE WHEN $9 > 0 THEN now() ELSE last_record_at END "
		"WHERE source = $1 AND partition = $2 AND epoch = $3 AND next_offset = $4",
		12, types, arguments, NULL, SPI_OK_UPDATE);
	if (SPI_processed == 0)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("another worker has taken this source over")));
}

static bytea *
bytes(const void *data, size_t length)
{
	bytea *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	if (length > 0)
		memcpy(VARDATA(result), data, length);
	return result;
}

static char *
say_cut(const char *reason, size_t length)
{
	return psprintf("%s (of its %zu bytes the first %zu are kept, so it cannot be replayed)",
					reason, length, SOURCE_LETTER_BYTES);
}

void
source_store_dead_letter(const char *source, int32 partition, int64 offset, const void *key,
						 size_t key_length, const void *payload, size_t length, const char *reason)
{
	Oid types[7] = {TEXTOID, INT4OID, INT8OID, BYTEAOID, BYTEAOID, TEXTOID, INT8OID};
	bool cut = length > SOURCE_LETTER_BYTES;
	char nulls[] = "       ";
	Datum arguments[7];

	arguments[0] = CStringGetTextDatum(source);
	arguments[1] = Int32GetDatum(partition);
	arguments[2] = Int64GetDatum(offset);
	arguments[3] = PointerGetDatum(bytes(key, key ? Min(key_length, SOURCE_LETTER_BYTES) : 0));
	if (!key)
		nulls[3] = 'n';
	arguments[4] = PointerGetDatum(bytes(payload, Min(length, SOURCE_LETTER_BYTES)));
	arguments[5] = CStringGetTextDatum(cut ? say_cut(reason, length) : reason);
	arguments[6] = Int64GetDatum((int64) length);
	if (!cut)
		nulls[6] = 'n';
	execute("INSERT INTO topo.dead_letter (source, partition, \"offset\", key, payload, reason, "
			"length) "
			"VALUES ($1, $2, $3, $4, $5, $6, $7)",
			7, types, arguments, nulls, SPI_OK_INSERT);
	pfree(DatumGetPointer(arguments[3]));
	pfree(DatumGetPointer(arguments[4]));
}

char *
source_identity_rules(void)
{
	execute("SELECT topo.identity_rules()", 0, NULL, NULL, NULL, SPI_OK_SELECT);
	return row_utf8(0, 1);
}
