/*
 * pair.c
 *		Runs the pairing of spans and the resolution of calls through SPI.
 *
 * As with flows (resolve.c), a transaction with one snapshot for all its
 * statements is refused: it would not see what another session took up before.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "resolve/pair.h"

bool
pair_pending(bool wait)
{
	Oid types[1] = {BOOLOID};
	Datum arguments[1] = {BoolGetDatum(wait)};
	bool isnull;
	bool paired;

	if (IsolationUsesXactSnapshot())
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("spans cannot be paired in a transaction of isolation level "
							   "REPEATABLE READ or SERIALIZABLE"),
						errhint("Call it in a transaction of isolation level READ COMMITTED.")));
	/* both are done, whatever the first says */
	if (SPI_execute_with_args("SELECT bool_and(done) FROM (VALUES (topo.pair_pending($1)), "
							  "(topo.resolve_calls($1))) tasks (done)",
							  1, types, arguments, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not pair spans");
	paired = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return paired;
}
