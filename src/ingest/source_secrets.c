/*
 * source_secrets.c
 *		Keeps the secrets among a source's options out of sight.
 *
 * They are in a table that only its owner sees rows of; here is which options
 * they are, and how the statement that brings one is kept from being shown.
 */
#include "postgres.h"

#include "fmgr.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"

#include "ingest/kafka_options.h"
#include "stream/stream.h"

PG_FUNCTION_INFO_V1(topology_is_secret_option);
PG_FUNCTION_INFO_V1(topology_hide_statement);

#define HIDDEN_STATEMENT "<a statement with secrets of a source>"

Datum
topology_is_secret_option(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	size_t prefix = strlen(KAFKA_PASSED_ON);

	PG_RETURN_BOOL(strncmp(name, KAFKA_PASSED_ON, prefix) == 0 &&
				   stream_setting_is_secret(name + prefix));
}

/* The log takes the text of a statement that fails from debug_query_string. */
Datum
topology_hide_statement(PG_FUNCTION_ARGS)
{
	debug_query_string = HIDDEN_STATEMENT;
	pgstat_report_activity(STATE_RUNNING, HIDDEN_STATEMENT);
	PG_RETURN_VOID();
}
