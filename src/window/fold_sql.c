/*
 * fold_sql.c
 *		The aggregate topo.fold(): windows, packed or not, merged into packs.
 *
 * Rows come in order of source: each is a window, or a pack with its least source.  So
 * what lies before a row's source can be packed (store/pack_fold.h).
 *
 * Memory: all is in the aggregate's context, and goes with it.  Windows that are not
 * packed yet take up to work_mem; where one source has more edges than fit, they are
 * written to temporary files, by edge and endpoint, and merged when they are read, which
 * takes work_mem once more.  The packs of one bucket come out together, and must stay
 * below a gigabyte (some 30 million edges); they take that twice.
 *
 * Cost: some 60 ns a window that is packed, 400 ns one that is not.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "store/pack_error.h"
#include "store/rows.h"
#include "store/traffic.h"
#include "window/fold_spill.h"

PG_FUNCTION_INFO_V1(topology_fold_transition);
PG_FUNCTION_INFO_V1(topology_fold_final);

/* The arguments of topo.fold() after its state. */
enum
{
	ARG_BEGIN = 1,
	ARG_FINISH,
	ARG_SRC,
	ARG_DST,
	ARG_TYPE,
	ARG_ENDPOINT,
	ARG_VIA,
	ARG_CONFIDENCE,
	ARG_APP_CONFIDENCE,
	ARG_FIRST_SEEN,
	ARG_LAST_SEEN,
	ARG_TRAFFIC,
	ARG_PACK
};

#define PACKED_COLUMNS 5

typedef struct fold_state
{
	MemoryContext memory;
	pack_fold *fold;
	fold_spill *spill; /* NULL: all is in memory */
	int64 src;         /* of the last row */
	row_array packs;
} fold_state;

static bool
keep_pack(void *context, pack_writer *writer, const pack_bounds *bounds)
{
	fold_state *state = context;
	MemoryContext old = MemoryContextSwitchTo(state->memory);
	bytea *pack = palloc(VARHDRSZ + pack_writer_size(writer));
	Datum values[PACKED_COLUMNS] = {Int64GetDatum(bounds->src), Int64GetDatum(bounds->last_src),
									TimestampTzGetDatum(bounds->first_seen),
									TimestampTzGetDatum(bounds->last_seen), PointerGetDatum(pack)};
	bool nulls[PACKED_COLUMNS] = {false};

	SET_VARSIZE(pack, VARHDRSZ + pack_writer_finish(writer, (uint8_t *) VARDATA(pack)));
	row_array_add(&state->packs, values, nulls);
	pfree(pack);
	MemoryContextSwitchTo(old);
	return true;
}

/* The state is about to go: so do temporary files. */
static void
end_spill(Datum argument)
{
	fold_state *state = (fold_state *) DatumGetPointer(argument);

	if (state->spill != NULL)
		fold_spill_end(state->spill);
	state->spill = NULL;
}

static fold_state *
make_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	fold_state *state = palloc0(sizeof(*state));
	TimestampTz begin = PG_GETARG_TIMESTAMPTZ(ARG_BEGIN);

	state->memory = context;
	state->fold = pack_fold_make(begin, PG_GETARG_TIMESTAMPTZ(ARG_FINISH) - begin,
								 traffic_allocator(context), keep_pack, state);
	state->src = PG_INT64_MIN;
	row_array_begin(&state->packs, "packed", PACKED_COLUMNS);
	AggRegisterCallback(fcinfo, end_spill, PointerGetDatum(state));
	MemoryContextSwitchTo(old);
	return state;
}

static pack_window
window_argument(FunctionCallInfo fcinfo)
{
	pack_window window = {.src = PG_GETARG_INT64(ARG_SRC),
						  .dst = PG_GETARG_INT64(ARG_DST),
						  .type = PG_GETARG_INT32(ARG_TYPE),
						  .has_endpoint = !PG_ARGISNULL(ARG_ENDPOINT),
						  .via_count = -1,
						  .confidence = PG_GETARG_FLOAT4(ARG_CONFIDENCE),
						  .first_seen = PG_GETARG_TIMESTAMPTZ(ARG_FIRST_SEEN),
						  .last_seen = PG_GETARG_TIMESTAMPTZ(ARG_LAST_SEEN)};

	window.endpoint = window.has_endpoint ? PG_GETARG_INT64(ARG_ENDPOINT) : 0;
	window.app_confidence =
		PG_ARGISNULL(ARG_APP_CONFIDENCE) ? window.confidence : PG_GETARG_FLOAT4(ARG_APP_CONFIDENCE);
	return window;
}

/* The nodes of the way, where there is one. */
static const int64 *
via_argument(FunctionCallInfo fcinfo, int32 *count)
{
	ArrayType *array;

	if (PG_ARGISNULL(ARG_VIA))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(ARG_VIA);
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a way must not contain nulls")));
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return (const int64 *) ARR_DATA_PTR(array);
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	for (int i = ARG_BEGIN; i < ARG_PACK; i++)
	{
		if (!PG_ARGISNULL(i) || i == ARG_ENDPOINT || i == ARG_VIA || i == ARG_APP_CONFIDENCE)
			continue;
		if (PG_ARGISNULL(ARG_PACK) || i < ARG_DST)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("a window that is packed must be complete"),
							errhint("Only endpoint, via and app_confidence may be NULL.")));
	}
}

static void
add_pack(FunctionCallInfo fcinfo, fold_state *state)
{
	const bytea *pack = PG_GETARG_BYTEA_PP(ARG_PACK);
	pack_problem problem = pack_fold_add_pack(state->fold, (const uint8_t *) VARDATA_ANY(pack),
											  VARSIZE_ANY_EXHDR(pack));

	pack_refuse_damage(problem.problem, problem.subject);
}

static void
add_window(FunctionCallInfo fcinfo, fold_state *state)
{
	pack_window window = window_argument(fcinfo);
	const int64 *via = via_argument(fcinfo, &window.via_count);
	traffic_value traffic;
	pack_problem problem;

	traffic_deform(traffic_argument(fcinfo, ARG_TRAFFIC), &traffic);
	problem = pack_fold_add_window(state->fold, &window, via, &traffic);
	pack_refuse_damage(problem.problem, problem.subject);
}

static void
drain_spill(fold_state *state)
{
	fold_spill *spill = state->spill;

	state->spill = NULL;
	fold_spill_drain(spill, state->fold);
}

/* No source before this one comes any more. */
static void
pass_source(fold_state *state, int64 src)
{
	if (src < state->src)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("windows to be folded must come in order of their source"),
						errhint("Say ORDER BY src within the aggregate's arguments.")));
	state->src = src;
	if (state->spill != NULL && fold_spill_last_src(state->spill) < src)
		drain_spill(state);
	if (state->spill == NULL)
		(void) pack_fold_pass_source(state->fold, src);
}

static void
check_memory(fold_state *state)
{
	MemoryContext old;

	if (pack_fold_memory(state->fold) <= (Size) work_mem * 1024)
		return;
	old = MemoryContextSwitchTo(state->memory);
	if (state->spill == NULL)
		state->spill = fold_spill_create();
	fold_spill_write(state->spill, state->fold);
	MemoryContextSwitchTo(old);
}

Datum
topology_fold_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	fold_state *state = PG_ARGISNULL(0) ? NULL : (fold_state *) PG_GETARG_POINTER(0);

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	check_arguments(fcinfo);
	if (state == NULL)
		state = make_state(fcinfo, context);
	pass_source(state, PG_GETARG_INT64(ARG_SRC));
	if (PG_ARGISNULL(ARG_PACK))
		add_window(fcinfo, state);
	else
		add_pack(fcinfo, state);
	check_memory(state);
	PG_RETURN_POINTER(state);
}

Datum
topology_fold_final(PG_FUNCTION_ARGS)
{
	fold_state *state = PG_ARGISNULL(0) ? NULL : (fold_state *) PG_GETARG_POINTER(0);

	if (state == NULL)
		PG_RETURN_NULL();
	if (state->spill != NULL)
		drain_spill(state);
	(void) pack_fold_finish(state->fold);
	PG_RETURN_DATUM(row_array_finish(&state->packs));
}
