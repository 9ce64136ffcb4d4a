/*
 * accepted.c
 *		Which times of records a graph accepts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ingest/accepted.h"
#include "store/rows.h"

accepted_times
accepted_times_load(const char *graph)
{
	Oid types[1] = {TEXTOID};
	Datum arguments[1] = {CStringGetTextDatum(graph)};
	accepted_times times;
	bool isnull;

	if (SPI_execute_with_args("SELECT oldest, newest FROM topo.accepted_times($1)", 1, types,
							  arguments, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read which times are accepted");
	times.oldest = DatumGetTimestampTz(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	times.newest = DatumGetTimestampTz(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return times;
}

const char *
accepted_times_refusal(const accepted_times *times, int64 start_ns, int64 end_ns)
{
	if (timestamp_from_ns(start_ns) < times->oldest)
		return "is older than what the graph keeps";
	if (timestamp_from_ns(end_ns) > times->newest)
		return "is more than an hour ahead of this server's clock";
	return NULL;
}
