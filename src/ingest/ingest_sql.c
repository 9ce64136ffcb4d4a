/*
 * ingest_sql.c
 *		topo.ingest(): the decoders, called from SQL; and the same for dead letters.
 *
 * All or nothing: a record that cannot be used is an error that names its line
 * and field, and the statement stores nothing.  Memory is bounded by the
 * payload and topology.batch_memory.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "compat.h"
#include "ingest/record_batch.h"

PG_FUNCTION_INFO_V1(topology_ingest);
PG_FUNCTION_INFO_V1(topology_ingest_again);
PG_FUNCTION_INFO_V1(topology_check_format);

/* What the owners of addresses that were learned from SQL are put down to. */
#define INGEST_SOURCE "ingest"

static const char *
graph_of(const decode_format *format)
{
	switch (format->kind)
	{
		case DECODE_FLOWS:
			return "network";
		case DECODE_CALLS:
			return "ipc";
		case DECODE_SPANS:
			return "trace";
	}
	elog(ERROR, "unknown kind %d of a format", (int) format->kind);
}

static void
raise_refusal(void *context, const char *data, size_t length, const decode_error *error)
{
	const decode_format *format = context;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 error->line > 0
				 ? errmsg("invalid %s record in line " INT64_FORMAT, format->name, error->line)
				 : errmsg("invalid %s message", format->name),
			 error->field[0]
				 ? errdetail("Field \"%s\" %s.", error->field, error->message)
				 : errdetail_internal("%c%s.", pg_toupper(error->message[0]), error->message + 1),
			 errhint("The format is described in the README; records older than the windows that "
					 "are kept need topo.set_graph('%s', '{\"retention\": \"infinite\"}').",
					 graph_of(format))));
}

static void
report_unknown_format(const char *format)
{
	StringInfoData formats;

	initStringInfo(&formats);
	for (size_t i = 0; i < decode_format_count(); i++)
		appendStringInfo(&formats, "%s%s", i > 0 ? ", " : "", decode_format_at(i)->name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown format \"%s\"", format),
			 errhint("Formats are %s; the README describes them.", formats.data)));
}

static const decode_format *
known_format(const char *name)
{
	const decode_format *format = decode_format_find(name);

	if (!format)
		report_unknown_format(name);
	return format;
}

Datum
topology_check_format(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_TEXT_P(cstring_to_text(graph_of(known_format(name))));
}

/* Whom records are put down to, and what they get that do not say theirs; NULL: nothing. */
typedef struct ingest_origin
{
	const char *source;
	const char *region;
	const char *scope;
} ingest_origin;

static int64
ingest(const ingest_origin *origin, const decode_format *format, bytea *payload)
{
	record_batch *batch;
	int64 count;

	SPI_connect();
	batch = record_batch_create(CurrentMemoryContext, origin->source);
	record_batch_set_defaults(batch, origin->region, origin->scope);
	record_batch_begin(batch);
	count = record_batch_take(batch, format, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload),
							  raise_refusal, (void *) format);
	record_batch_store(batch);
	record_batch_destroy(batch);
	SPI_finish();
	return count;
}

Datum
topology_ingest(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ingest_origin origin = {.source = INGEST_SOURCE};

	PG_RETURN_INT64(ingest(&origin, known_format(name), PG_GETARG_BYTEA_PP(1)));
}

/* An argument in UTF-8, as records are, or NULL. */
static char *
utf8_argument(FunctionCallInfo fcinfo, int number)
{
	char *value;

	if (PG_ARGISNULL(number))
		return NULL;
	value = text_to_cstring(PG_GETARG_TEXT_PP(number));
	return pg_server_to_any(value, strlen(value), PG_UTF8);
}

Datum
topology_ingest_again(PG_FUNCTION_ARGS)
{
	ingest_origin origin;
	char *format;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	origin.source = text_to_cstring(PG_GETARG_TEXT_PP(0));
	format = text_to_cstring(PG_GETARG_TEXT_PP(1));
	origin.region = utf8_argument(fcinfo, 3);
	origin.scope = utf8_argument(fcinfo, 4);
	PG_RETURN_INT64(ingest(&origin, known_format(format), PG_GETARG_BYTEA_PP(2)));
}
