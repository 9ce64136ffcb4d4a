/*
 * query.c
 *		Run a query from C and have each row handed over as it comes.
 *
 * Rows go from the executor's slot to the sink without being copied into an
 * SPI tuple table, so that what a look-up finds is never held as a whole.
 *
 * Kept plans are this session's, in the cache memory of SPI; the plan cache
 * makes them anew when what they depend on changes.
 */
#include "postgres.h"

#include "store/query.h"

#include "catalog/pg_type.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/guc.h"

/* A DestReceiver that hands rows to a sink. */
typedef struct sink_receiver
{
	DestReceiver base;
	row_sink sink;
	void *context;
	const bool *stop;
} sink_receiver;

static bool
sink_receive(TupleTableSlot *slot, DestReceiver *self)
{
	sink_receiver *receiver = (sink_receiver *) self;

	slot_getallattrs(slot);
	receiver->sink(receiver->context, slot);
	return receiver->stop == NULL || !*receiver->stop;
}

static void
sink_startup(DestReceiver *self, int operation, TupleDesc type)
{
}

static void
sink_nothing(DestReceiver *self)
{
}

SPIPlanPtr
query_prepare(const char *text, int arg_count, const Oid *arg_types, query_lifetime lifetime)
{
	int options = lifetime == QUERY_KEPT ? CURSOR_OPT_GENERIC_PLAN : CURSOR_OPT_CUSTOM_PLAN;
	MemoryContext callers = CurrentMemoryContext; /* SPI changes to its own */
	SPIPlanPtr plan = SPI_prepare_cursor(text, arg_count, unconstify(Oid *, arg_types), options);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", text, SPI_result_code_string(SPI_result));
	if (lifetime != QUERY_ONCE)
		SPI_keepplan(plan);
	MemoryContextSwitchTo(callers);
	return plan;
}

static ParamListInfo
make_params(const query_args *args)
{
	ParamListInfo params = makeParamList(args->count);

	for (int i = 0; i < args->count; i++)
	{
		params->params[i].value = args->values[i];
		params->params[i].isnull = args->nulls[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = args->types[i];
	}
	return params;
}

void
query_run(SPIPlanPtr plan, const query_args *args, row_sink sink, void *context)
{
	sink_receiver receiver = {
		.base = {.receiveSlot = sink_receive,
				 .rStartup = sink_startup,
				 .rShutdown = sink_nothing,
				 .rDestroy = sink_nothing,
				 /* any kind but those that SPI treats in a way of their own */
				 .mydest = DestTuplestore},
		.sink = sink,
		.context = context,
		.stop = args->stop,
	};
	SPIExecuteOptions options = {
		.params = args->count > 0 ? make_params(args) : NULL,
		.read_only = true,
		.dest = &receiver.base,
	};
	MemoryContext callers = CurrentMemoryContext; /* SPI changes to its own */
	int result = SPI_execute_plan_extended(plan, &options);

	MemoryContextSwitchTo(callers);
	if (result < 0)
		elog(ERROR, "could not run a query: %s", SPI_result_code_string(result));
	if (options.params != NULL)
		pfree(options.params);
}

int
query_prefer_index(void)
{
	int level = NewGUCNestLevel();

	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	return level;
}

void
query_release_index(int level)
{
	AtEOXact_GUC(true, level);
}

void
query_run_kept(kept_query *query, query_args *args, row_sink sink, void *context)
{
	int level = query_prefer_index();

	Assert(args->count == query->arg_count);
	if (query->plan == NULL)
		query->plan = query_prepare(query->text, query->arg_count, query->arg_types, QUERY_KEPT);
	memcpy(args->types, query->arg_types, sizeof(args->types));
	query_run(query->plan, args, sink, context);
	query_release_index(level);
}

ArrayType *
query_bigint_array(const int64 *values, size_t count)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + count * sizeof(int64);
	ArrayType *array = palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = (int) count;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), values, count * sizeof(int64));
	return array;
}
