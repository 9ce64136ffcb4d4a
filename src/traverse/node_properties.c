/*
 * node_properties.c
 *		What else is known of the nodes that are returned, where it is asked for.
 */
#include "postgres.h"

#include "traverse/node_properties.h"

#include "catalog/pg_type.h"
#include "store/query.h"
#include "utils/datum.h"
#include "utils/memutils.h"

struct node_properties
{
	Datum names;
	Datum values[QUERY_CHUNK];
	bool nulls[QUERY_CHUNK];
	MemoryContext memory; /* of the values */
};

static kept_query properties_query = {
	.text =
		"SELECT p.place, CASE WHEN '*' = ANY ($2) THEN o.known"
		" ELSE (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(o.known) e"
		" WHERE e.key = ANY ($2)) END"
		" FROM unnest($1) WITH ORDINALITY p (id, place) JOIN topo.node n ON n.id = p.id"
		" CROSS JOIN LATERAL (SELECT n.properties"
		" || jsonb_strip_nulls(jsonb_build_object('tier', n.tier, 'domain', n.domain))) o (known)",
	.arg_count = 2,
	.arg_types = {INT8ARRAYOID, TEXTARRAYOID},
};

node_properties *
node_properties_create(Datum names)
{
	node_properties *wanted = palloc(sizeof(node_properties));

	wanted->names = names;
	wanted->memory = AllocSetContextCreate(CurrentMemoryContext, "topology properties of nodes",
										   ALLOCSET_DEFAULT_SIZES);
	return wanted;
}

static void
take_properties(void *context, TupleTableSlot *slot)
{
	node_properties *wanted = context;
	int64 place = DatumGetInt64(slot->tts_values[0]) - 1;
	MemoryContext old = MemoryContextSwitchTo(wanted->memory);

	wanted->values[place] = datumCopy(slot->tts_values[1], false, -1);
	wanted->nulls[place] = false;
	MemoryContextSwitchTo(old);
}

void
node_properties_look_up(node_properties *wanted, const int64 *ids, size_t count)
{
	ArrayType *array = query_bigint_array(ids, count);
	query_args args = {.count = 2, .values = {PointerGetDatum(array), wanted->names}};

	Assert(count <= QUERY_CHUNK);
	MemoryContextReset(wanted->memory);
	memset(wanted->nulls, true, count);
	query_run_kept(&properties_query, &args, take_properties, wanted);
	pfree(array);
}

Datum
node_properties_at(const node_properties *wanted, size_t place, bool *isnull)
{
	*isnull = wanted->nulls[place];
	return *isnull ? (Datum) 0 : wanted->values[place];
}
