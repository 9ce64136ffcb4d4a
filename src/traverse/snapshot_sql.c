/*
 * snapshot_sql.c
 *		What SQL sees of snapshots, and how it asks for one.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"

#include "compat.h"
#include "settings.h"
#include "traverse/snapshot_store.h"

PG_FUNCTION_INFO_V1(topology_snapshots);
PG_FUNCTION_INFO_V1(topology_take_snapshot);

enum
{
	STATE_LINK,
	STATE_VERSION,
	STATE_NODES,
	STATE_EDGES,
	STATE_BYTES,
	STATE_TAKEN_AT,
	STATE_BUILD_MS,
	STATE_READERS,
	STATE_USES,
	STATE_XMIN,
	STATE_ERROR,
	STATE_COLUMNS
};

static void
put_state(ReturnSetInfo *output, const snapshot_state *state)
{
	Datum values[STATE_COLUMNS];
	bool nulls[STATE_COLUMNS] = {false};

	values[STATE_LINK] = ObjectIdGetDatum(state->link);
	values[STATE_VERSION] = Int64GetDatum((int64) state->version);
	values[STATE_NODES] = Int64GetDatum((int64) state->nodes);
	values[STATE_EDGES] = Int64GetDatum((int64) state->edges);
	values[STATE_BYTES] = Int64GetDatum((int64) state->bytes);
	values[STATE_TAKEN_AT] = TimestampTzGetDatum(state->built_at);
	values[STATE_BUILD_MS] = Float8GetDatum(state->build_ms);
	values[STATE_READERS] = Int32GetDatum((int32) state->readers);
	values[STATE_USES] = Int64GetDatum((int64) state->uses);
	values[STATE_XMIN] = FullTransactionIdGetDatum(FullTransactionIdFromU64(state->xmin));
	values[STATE_ERROR] = CStringGetTextDatum(state->error);
	for (int i = STATE_VERSION; state->version == 0 && i < STATE_USES; i++)
		nulls[i] = true;
	nulls[STATE_XMIN] = state->version == 0;
	nulls[STATE_ERROR] = state->error[0] == '\0';
	tuplestore_putvalues(output->setResult, output->setDesc, values, nulls);
}

Datum
topology_snapshots(PG_FUNCTION_ARGS)
{
	int count;
	snapshot_state *states;

	InitMaterializedSRF(fcinfo, 0);
	states = snapshot_states(&count);
	for (int i = 0; i < count; i++)
		put_state((ReturnSetInfo *) fcinfo->resultinfo, &states[i]);
	PG_RETURN_NULL();
}

static void
check_can_take(void)
{
	if (RecoveryInProgress())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("this server is in recovery, where no snapshots are taken"),
						errhint("Traversal is answered from the tables here.")));
	if (!snapshot_store_exists())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("topology is not in shared_preload_libraries, so no snapshots are "
							   "taken"),
						errhint("Add it there and restart the server.")));
	if (topology_snapshot_memory == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("topology.snapshot_memory is 0, so no snapshots are taken")));
}

Datum
topology_take_snapshot(PG_FUNCTION_ARGS)
{
	Oid link = PG_GETARG_OID(0);
	TimestampTz deadline = DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()), PG_GETARG_DATUM(1)));
	snapshot_state state = {0};
	uint64 request;

	check_can_take();
	request = snapshot_request(link, true);
	if (request == 0)
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("there is no place for the snapshot of another graph")));
	if (!snapshot_await(link, request, deadline))
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED), errmsg("the snapshot was not taken in time"),
				 errhint("topo.snapshot_status tells how it is.")));
	if (!snapshot_state_of(link, &state) || state.version == 0 || state.error[0] != '\0')
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the snapshot could not be taken: %s", state.error)));
	PG_RETURN_INT64((int64) state.version);
}
