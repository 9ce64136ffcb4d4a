/*
 * tell.c
 *		Notices about the answer to a question, each once a statement.
 *
 * A question may read the windows of a range several times, in functions that know
 * nothing of each other; whoever asks is to read once what is to be said of the range.
 * What has been told is remembered as hashes, of this session's current statement only.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(topology_tell);

/* What is told beyond these may be told twice. */
#define MOST_TOLD 64

static struct
{
	TimestampTz statement; /* when it began */
	int count;
	uint32 hashes[MOST_TOLD];
} told;

/* Whether the current statement has told this already; from now on it has. */
static bool
was_told(const char *message)
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();
	uint32 hash = hash_bytes((const unsigned char *) message, (int) strlen(message));

	if (told.statement != statement)
	{
		told.statement = statement;
		told.count = 0;
	}
	for (int i = 0; i < told.count; i++)
		if (told.hashes[i] == hash)
			return true;
	if (told.count < MOST_TOLD)
		told.hashes[told.count++] = hash;
	return false;
}

Datum
topology_tell(PG_FUNCTION_ARGS)
{
	char *message = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (!was_told(message))
		ereport(NOTICE,
				(errmsg("%s", message),
				 PG_ARGISNULL(1) ? 0 : errdetail("%s", TextDatumGetCString(PG_GETARG_DATUM(1)))));
	PG_RETURN_VOID();
}
