/*
 * resolve.c
 *		Runs resolution through SPI.
 *
 * A transaction with one snapshot for all its statements could not see what
 * another resolver committed while this one waited for it, and would count that
 * twice; so it is refused.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"

#include "resolve/resolve.h"

bool
resolve_pending(bool wait)
{
	bool isnull;
	bool resolved;

	if (IsolationUsesXactSnapshot())
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("flows cannot be resolved in a transaction of isolation level "
							   "REPEATABLE READ or SERIALIZABLE"),
						errhint("Call it in a transaction of isolation level READ COMMITTED.")));
	if (SPI_execute(wait ? "SELECT topo.resolve_pending(true)"
						 : "SELECT topo.resolve_pending(false)",
					false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not resolve flows");
	resolved =
		DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return resolved;
}

bool
resolve_detect(void)
{
	bool isnull;
	bool found;

	if (SPI_execute("SELECT topo.detect_next()", false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not look for intermediaries");
	found = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return found;
}

void
resolve_forget(void)
{
	if (SPI_execute("SELECT topo.forget_owners(), topo.forget_addresses()", false, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not forget owners of addresses");
	SPI_freetuptable(SPI_tuptable);
}
