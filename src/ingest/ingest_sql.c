/*
 * ingest_sql.c
 *		topo.ingest(): the decoders, called from SQL.
 *
 * All or nothing: a record that cannot be used is an error that names its line
 * and field, and the statement stores nothing.  Memory is bounded by the
 * payload and topology.batch_memory.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "decode/flow_json.h"
#include "ingest/flow_batch.h"

PG_FUNCTION_INFO_V1(topology_ingest);

/* What the owners of addresses that were learned from SQL are put down to. */
#define INGEST_SOURCE "ingest"

/*
 * The field of a text that no node can have, or NULL.  The control characters
 * are those that topo.node refuses.
 */
static const char *
unusable_text(const flow_record *record)
{
	const struct
	{
		const char *field;
		flow_text text;
	} texts[] = {{"local.app", record->app},
				 {"local.cluster", record->cluster},
				 {"scope", record->scope},
				 {"region", record->region}};

	for (int i = 0; i < lengthof(texts); i++)
		for (size_t at = 0; at < texts[i].text.length; at++)
		{
			unsigned char byte = texts[i].text.data[at];

			if (byte < 0x20 || byte == 0x7f)
				return texts[i].field;
		}
	return NULL;
}

static bool
take_record(void *context, const flow_record *record, decode_error *error)
{
	flow_batch *batch = context;
	const char *refusal = flow_batch_refusal(batch, record);
	const char *unusable = unusable_text(record);

	if (unusable)
	{
		decode_error_set(error, unusable, "must not have control characters");
		return false;
	}
	if (refusal)
	{
		decode_error_set(error, "start", "%s", refusal);
		return false;
	}
	if (!flow_batch_add(batch, record))
	{
		flow_batch_store(batch, INGEST_SOURCE);
		if (!flow_batch_add(batch, record))
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
							errdetail("A flow record could not be merged into its window.")));
	}
	return true;
}

static void
report_refusal(const decode_error *error)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid flow record in line " INT64_FORMAT, error->line),
			 error->field[0]
				 ? errdetail("Field \"%s\" %s.", error->field, error->message)
				 : errdetail_internal("%c%s.", pg_toupper(error->message[0]), error->message + 1),
			 errhint("The record's format is described in the README; records older than the "
					 "windows that are kept need topo.set_graph('network', '{\"retention\": "
					 "\"infinite\"}').")));
}

static int64
ingest_flow(flow_batch *batch, const char *payload, size_t length)
{
	decode_error error = {0};
	int64 count = decode_flow_json(payload, length, take_record, batch, &error);

	if (count < 0)
		report_refusal(&error);
	if (!flow_batch_is_empty(batch))
		flow_batch_store(batch, INGEST_SOURCE);
	return count;
}

Datum
topology_ingest(PG_FUNCTION_ARGS)
{
	char *format = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bytea *payload = PG_GETARG_BYTEA_PP(1);
	flow_batch *batch;
	int64 count;

	if (strcmp(format, "flow") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown format \"%s\"", format),
				 errhint("The format is \"flow\": JSON, one record a line.")));
	SPI_connect();
	batch = flow_batch_create(CurrentMemoryContext);
	flow_batch_begin(batch);
	count = ingest_flow(batch, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload));
	flow_batch_destroy(batch);
	SPI_finish();
	PG_RETURN_INT64(count);
}
