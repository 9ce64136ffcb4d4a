/*
 * snapshot_upkeep.c
 *		When a snapshot is taken anew, and which changes are needed no more.
 *
 * The first is taken when somebody traverses the graph.  It is replaced when its
 * delta has grown past a share of its edges, or is old; but a graph is read at
 * most for one part in DUTY of the time, whatever is asked.  Who insists does not
 * wait for that.
 *
 * A change may be deleted when the newest snapshot has it: a reader that took an
 * older one has an older snapshot of its own as well, to which the deletion is
 * invisible.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "settings.h"
#include "traverse/link_delta.h"
#include "traverse/snapshot_store.h"
#include "traverse/snapshot_upkeep.h"

#define DELTA_AGE_MS  (10 * 60 * 1000) /* a delta older than that is worth another snapshot */
#define DUTY          10               /* a build is followed by so many times its time of rest */
#define REST_MS       1000             /* and this at the least */
#define FAILURE_MS    60000            /* after one that failed */
#define DELTA_COUNTED 20000            /* changes beyond that are not counted */

static const char GRAPHS_QUERY[] =
	"SELECT c.oid FROM topo.graph g JOIN pg_namespace n ON n.nspname = g.schema_name"
	" JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'link' AND c.relkind = 'r'";

/* $1: the graphs that have a snapshot, $2: the transactions before which each has all */
static const char TRIM_COMMAND[] =
	"DELETE FROM topo.link_change c"
	" USING (SELECT g.graph, coalesce(k.xmin, pg_snapshot_xmin(pg_current_snapshot())) AS xmin"
	"		 FROM (SELECT DISTINCT graph FROM topo.link_change) g"
	"			  LEFT JOIN unnest($1, $2) k (graph, xmin) ON k.graph = g.graph) t"
	" WHERE c.graph = t.graph AND c.xid < t.xmin";

static const char COUNT_QUERY[] =
	"SELECT count(*) FROM (SELECT FROM topo.link_change WHERE graph = $1 LIMIT " CppAsString2(
		DELTA_COUNTED) ") c";

static void
run(const char *query, int count, Oid *types, Datum *values, int expected)
{
	int result =
		SPI_execute_with_args(query, count, types, values, NULL, expected == SPI_OK_SELECT, 0);

	if (result != expected)
		elog(ERROR, "could not run \"%s\": %s", query, SPI_result_code_string(result));
}

static bool
is_listed(Oid link)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;

		if (DatumGetObjectId(
				SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)) == link)
			return true;
	}
	return false;
}

static void
forget_missing_graphs(const snapshot_state *states, int count)
{
	run(GRAPHS_QUERY, 0, NULL, NULL, SPI_OK_SELECT);
	for (int i = 0; i < count; i++)
		if (!is_listed(states[i].link))
			snapshot_forget(states[i].link);
}

/* Names are in every snapshot: a change of one is needed until all have it. */
static void
trim_changes(const snapshot_state *states, int count)
{
	Datum *graphs = palloc((count + 1) * sizeof(Datum));
	Datum *xmins = palloc((count + 1) * sizeof(Datum));
	Oid types[2] = {OIDARRAYOID, get_array_type(XID8OID)};
	Datum values[2];
	uint64 oldest = 0;
	int taken = 0;

	for (int i = 0; i < count; i++)
	{
		if (states[i].version == 0)
			continue;
		if (oldest == 0 || states[i].xmin < oldest)
			oldest = states[i].xmin;
		graphs[taken] = ObjectIdGetDatum(states[i].link);
		xmins[taken++] = FullTransactionIdGetDatum(FullTransactionIdFromU64(states[i].xmin));
	}
	if (taken > 0)
	{
		graphs[taken] = ObjectIdGetDatum(LINK_DELTA_NAMES);
		xmins[taken++] = FullTransactionIdGetDatum(FullTransactionIdFromU64(oldest));
	}
	values[0] =
		PointerGetDatum(construct_array(graphs, taken, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	values[1] = PointerGetDatum(
		construct_array(xmins, taken, XID8OID, sizeof(uint64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	run(TRIM_COMMAND, 2, types, values, SPI_OK_DELETE);
}

static void
count_changes(const snapshot_state *state)
{
	Oid types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(state->link)};
	bool isnull;

	run(COUNT_QUERY, 1, types, values, SPI_OK_SELECT);
	snapshot_note_delta(state->link,
						(uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
															 SPI_tuptable->tupdesc, 1, &isnull)));
}

void
snapshot_keep_up(void)
{
	int count;
	snapshot_state *states = snapshot_states(&count);

	forget_missing_graphs(states, count);
	states = snapshot_states(&count);
	trim_changes(states, count);
	for (int i = 0; i < count; i++)
		if (states[i].version != 0)
			count_changes(&states[i]);
}

static bool
is_wanted(const snapshot_state *state, TimestampTz now)
{
	if (state->version == 0)
		return state->requested > state->answered;
	return state->requested > state->answered || state->delta > SNAPSHOT_LONG_DELTA(state->edges) ||
		   (state->delta > 0 && TimestampDifferenceExceeds(state->built_at, now, DELTA_AGE_MS));
}

/* When the snapshot of a graph may be taken: at once, or after a rest. */
static TimestampTz
earliest_start(const snapshot_state *state, TimestampTz now)
{
	double rest_ms = Max(REST_MS, DUTY * state->build_ms);

	if (state->attempted_at == 0 || state->insisted > state->answered)
		return now;
	if (state->error[0] != '\0')
		rest_ms = FAILURE_MS;
	return TimestampTzPlusMilliseconds(state->attempted_at, (int64) rest_ms);
}

Oid
snapshot_next_due(uint64 *request, TimestampTz *later)
{
	TimestampTz now = GetCurrentTimestamp();
	int count;
	snapshot_state *states = snapshot_states(&count);

	*later = 0;
	for (int i = 0; topology_snapshot_memory > 0 && i < count; i++)
	{
		TimestampTz start = earliest_start(&states[i], now);

		if (!is_wanted(&states[i], now))
			continue;
		if (start <= now)
		{
			*request = states[i].requested;
			return states[i].link;
		}
		if (*later == 0 || start < *later)
			*later = start;
	}
	return InvalidOid;
}
