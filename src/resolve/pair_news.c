/*
 * pair_news.c
 *		topo.pair_news(): the next batches of spans, beside all that came before.
 *
 * The rules are those of sql/42-pair.sql.  Memory: a third of topology.batch_memory
 * of waits as they are stored, which are twice as large while they are at hand, and
 * those that wait in the table for the same traces.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "resolve/span_calls.h"
#include "resolve/span_tables.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(topology_pair_news);

/* Add up what became of the waits, and find the calls. */
static span_outcome
find_calls(const span_news *news, span_calls *calls)
{
	span_outcome outcome = {.repeated = news->repeated, .unattributed = news->unattributed};

	for (int32 i = 0; i < news->pairing->wait_count; i++)
	{
		const span_wait *wait = &news->pairing->waits[i];

		outcome.repeated += wait->repeated;
		if (!wait->decided || wait->repeated || wait->role != SPAN_WAIT_CALLEE)
			continue;
		outcome.assumed += wait->caller == 0;
		outcome.paired += wait->caller != 0 && !wait->internal;
		if (!wait->internal)
			span_calls_add(calls, wait);
	}
	return outcome;
}

/* Take up the next batches; how many there were.  The calls are of the current context. */
static int
take_up(TimestampTz cutoff, Datum *calls, bool *no_calls)
{
	MemoryContext result = CurrentMemoryContext;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "topology pairing", ALLOCSET_DEFAULT_SIZES);
	span_outcome outcome;
	span_calls *found;
	span_news news;

	MemoryContextSwitchTo(context);
	span_news_take(&news, (int64) topology_batch_memory * 1024 / 3);
	if (news.count > 0)
	{
		span_tables_add_old_waits(news.pairing);
		span_pairing_begin(news.pairing);
		span_tables_show_parts(&news, cutoff);
		span_tables_settle(news.pairing);
		found = span_calls_create();
		outcome = find_calls(&news, found);
		span_tables_keep(news.pairing);
		span_tables_count(&outcome);
		MemoryContextSwitchTo(result);
		*no_calls = !span_calls_datum(found, calls);
	}
	MemoryContextSwitchTo(result);
	MemoryContextDelete(context);
	return news.count;
}

Datum
topology_pair_news(PG_FUNCTION_ARGS)
{
	TimestampTz cutoff = PG_GETARG_TIMESTAMPTZ(0);
	Datum values[2];
	bool nulls[2] = {false, true};
	TupleDesc desc;
	HeapTupleHeader tuple;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	SPI_connect();
	values[0] = Int64GetDatum(take_up(cutoff, &values[1], &nulls[1]));
	tuple = SPI_returntuple(heap_form_tuple(desc, values, nulls), desc);
	SPI_finish();
	PG_RETURN_HEAPTUPLEHEADER(tuple);
}
