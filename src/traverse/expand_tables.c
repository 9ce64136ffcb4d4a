/*
 * expand_tables.c
 *		The live adjacency from the graphs' link tables.
 *
 * A frontier costs one look-up per graph and direction (in chunks of
 * QUERY_CHUNK ids): level and src lead the primary key, level and dst the
 * reverse index, and both hold all that is read, so it is an index-only scan
 * where the table is vacuumed.
 *
 * The plans are kept for the session, one for each graph, direction, width of
 * frontier, and whether types are asked for.  Those of a dropped graph stay until
 * the session ends: some kilobytes each.
 *
 * A narrow frontier is looked up with one plan for all, since planning would cost
 * more than looking.  A wide one is joined, with a plan made for its number of
 * ids and the table's size of the moment.  "= ANY" would be some 10 % faster where
 * the index is used; but where the plan was made when the table was small, or
 * where few nodes have most edges, that compares each row with each id.
 */
#include "postgres.h"

#include "traverse/expand.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* From this number of ids on a frontier is wide. */
#define WIDE_FRONTIER 256

typedef struct link_plan_key
{
	NameData schema;
	char direction;
	char typed;
	char wide;
} link_plan_key;

typedef struct link_plan
{
	link_plan_key key;
	SPIPlanPtr plan;
} link_plan;

typedef struct tables_source
{
	edge_source base;
	const edge_scope *scope;
} tables_source;

/* Where the rows of one look-up go, and the graph that they are of. */
typedef struct link_sink
{
	edge_sink sink;
	void *context;
	uint64 graph;
} link_sink;

static const Oid link_types[] = {CHAROID, INT8ARRAYOID, INT4ARRAYOID};

/* This session's plans, by link_plan_key. */
static HTAB *link_plans = NULL;

static void
take_link(void *context, TupleTableSlot *slot)
{
	link_sink *target = context;

	target->sink(target->context, DatumGetInt64(slot->tts_values[0]),
				 DatumGetInt64(slot->tts_values[1]), target->graph);
}

static SPIPlanPtr
prepare_link_plan(const link_plan_key *key)
{
	const char *near = key->direction == EDGE_OUT ? "src" : "dst";
	const char *far = key->direction == EDGE_OUT ? "dst" : "src";
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "SELECT l.%s, l.%s FROM ", near, far);
	if (key->wide)
		appendStringInfo(&text, "unnest($2) f (id) JOIN %s.link l ON l.level = $1 AND l.%s = f.id",
						 quote_identifier(NameStr(key->schema)), near);
	else
		appendStringInfo(&text, "%s.link l WHERE l.level = $1 AND l.%s = ANY ($2)",
						 quote_identifier(NameStr(key->schema)), near);

	/* type + 0: a second array in the index condition would multiply its descents */
	if (key->typed)
		appendStringInfoString(&text, " AND l.type + 0 = ANY ($3)");
	return query_prepare(text.data, key->typed ? 3 : 2, link_types,
						 key->wide ? QUERY_KEPT_FITTED : QUERY_KEPT);
}

static void
create_link_plans(void)
{
	HASHCTL control = {
		.keysize = sizeof(link_plan_key),
		.entrysize = sizeof(link_plan),
		.hcxt = TopMemoryContext,
	};

	link_plans =
		hash_create("topology link plans", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static SPIPlanPtr
find_link_plan(const char *schema, edge_direction direction, bool typed, bool wide)
{
	link_plan_key key;
	link_plan *entry;
	SPIPlanPtr plan;

	memset(&key, 0, sizeof(key));
	namestrcpy(&key.schema, schema);
	key.direction = (char) direction;
	key.typed = typed;
	key.wide = wide;

	if (link_plans == NULL)
		create_link_plans();
	entry = hash_search(link_plans, &key, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->plan;

	/* entered only when it is there: preparing may fail */
	plan = prepare_link_plan(&key);
	entry = hash_search(link_plans, &key, HASH_ENTER, NULL);
	entry->plan = plan;
	return plan;
}

static void
expand_graph(const edge_scope *scope, int graph, edge_direction direction, ArrayType *frontier,
			 edge_sink sink, void *context)
{
	bool wide = ARR_DIMS(frontier)[0] >= WIDE_FRONTIER;
	link_sink target = {.sink = sink, .context = context, .graph = UINT64CONST(1) << graph};
	query_args args = {
		.count = scope->typed ? 3 : 2,
		.values = {CharGetDatum(scope->level), PointerGetDatum(frontier), scope->types},
		.stop = scope->budget != NULL ? &scope->budget->over : NULL,
	};

	memcpy(args.types, link_types, sizeof(link_types));
	query_run(find_link_plan(scope->graphs[graph].schema, direction, scope->typed, wide), &args,
			  take_link, &target);
}

static void
expand_all_graphs(const edge_scope *scope, ArrayType *frontier, edge_sink sink, void *context)
{
	for (int graph = 0; graph < scope->graph_count && !time_is_over(scope->budget); graph++)
	{
		if (scope->direction & EDGE_OUT)
			expand_graph(scope, graph, EDGE_OUT, frontier, sink, context);
		if (scope->direction & EDGE_IN)
			expand_graph(scope, graph, EDGE_IN, frontier, sink, context);
	}
}

static void
expand_chunk(const edge_scope *scope, const int64 *ids, size_t count, edge_sink sink, void *context)
{
	ArrayType *frontier = query_bigint_array(ids, count);

	if (count < WIDE_FRONTIER)
	{
		int level = query_prefer_index();

		expand_all_graphs(scope, frontier, sink, context);
		query_release_index(level);
	}
	else
		expand_all_graphs(scope, frontier, sink, context);
	pfree(frontier);
}

static void
tables_expand(edge_source *source, const int64 *frontier, size_t count, edge_sink sink,
			  void *context)
{
	const edge_scope *scope = ((tables_source *) source)->scope;

	for (size_t begin = 0; begin < count && !time_is_over(scope->budget); begin += QUERY_CHUNK)
		expand_chunk(scope, frontier + begin, Min(QUERY_CHUNK, count - begin), sink, context);
}

edge_source *
edge_source_open_tables(const edge_scope *scope)
{
	tables_source *source = palloc0(sizeof(tables_source));

	source->base.expand = tables_expand;
	source->scope = scope;
	return &source->base;
}

edge_source *
edge_source_open(const edge_scope *scope)
{
	if (scope->timed)
		return edge_source_open_windows(scope);
	if (scope->limit >= 0)
		return edge_source_open_ranked(scope);
	return edge_source_open_tables(scope);
}
