/*
 * window.c
 *		Upkeep of the tables of windows, for the worker.
 *
 * The work is done in SQL, by the functions of sql/58-maintain.sql and those
 * that it names; this is the way to them.  All memory belongs to the SPI
 * connection and goes with it.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "window/window.h"

/* The answer of a query for one value that is a boolean, or void. */
static bool
ask(const char *query)
{
	bool isnull;
	bool answer;

	if (SPI_execute(query, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not run: %s", query);
	answer = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return answer;
}

void
window_keep_up(void)
{
	(void) ask("SELECT topo.keep_up()");
}

bool
window_merge_minute(void)
{
	return ask("SELECT topo.merge_next_minute()");
}

bool
window_roll_up(void)
{
	return ask("SELECT topo.roll_up_next()");
}

bool
window_adapt(void)
{
	return ask("SELECT topo.adapt_next()");
}

bool
window_expire(void)
{
	return ask("SELECT topo.expire_next()");
}
