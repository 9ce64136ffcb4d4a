/*
 * request.c
 *		The arguments that the functions of traversal share.
 *
 * A call costs one look-up for the start nodes, one for the graphs and, where
 * types are named, one for those; their plans are kept for the session.
 */
#include "postgres.h"

#include "traverse/request.h"
#include "traverse/node_names.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static kept_query graphs_query = {
	.text = "SELECT g.name, g.schema_name FROM topo.graph g"
			" WHERE CASE WHEN $1 IS NOT NULL THEN g.name = ANY ($1)"
			" WHEN EXISTS (SELECT FROM topo.graph s WHERE s.name IN ('network', 'ipc', 'trace'))"
			" THEN g.name IN ('network', 'ipc', 'trace') ELSE true END"
			" ORDER BY g.name COLLATE \"C\"",
	.arg_count = 1,
	.arg_types = {TEXTARRAYOID},
};

static kept_query missing_graph_query = {
	.text = "SELECT topo.existing_graph(g) FROM unnest($1) g",
	.arg_count = 1,
	.arg_types = {TEXTARRAYOID},
};

static kept_query types_query = {
	.text = "SELECT w.name, t.id FROM unnest($1) w (name)"
			" LEFT JOIN topo.edge_type t ON t.name = w.name",
	.arg_count = 1,
	.arg_types = {TEXTARRAYOID},
};

static kept_query during_query = {
	.text = "SELECT topo.check_during($1)",
	.arg_count = 1,
	.arg_types = {TSTZRANGEOID},
};

void
request_init(traverse_request *request)
{
	memset(request, 0, sizeof(*request));
	request->scope.direction = EDGE_OUT;
	request->scope.level = 'a';
	request->scope.limit = -1;
	request->scope.budget = &request->budget;
	request->budget.deadline = DT_NOEND;
	request->max_depth = -1;
}

/* The strings of a text[] argument that must have some, none NULL. */
static char **
get_names(FunctionCallInfo fcinfo, int index, const char *name, int *count)
{
	Datum *values;
	bool *nulls;
	char **names;

	if (PG_ARGISNULL(index))
		*count = 0;
	else
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(index), TEXTOID, -1, false, TYPALIGN_INT, &values,
						  &nulls, count);
	if (*count == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is empty", name),
						errhint("Name at least one, for example %s => ARRAY['...'].", name)));
	names = palloc(*count * sizeof(char *));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s holds a NULL", name),
					 errhint("Leave it out, for example with array_remove(..., NULL).")));
		names[i] = TextDatumGetCString(values[i]);
	}
	return names;
}

void
request_start(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	int count;
	char **labels = get_names(fcinfo, index, "start", &count);

	request->start = node_ids(labels, count, &request->start_clusters);
	request->start_count = count;
}

int64
request_node(traverse_request *request, FunctionCallInfo fcinfo, int index, const char *name)
{
	char *label;
	bool cluster;
	int64 *id;

	if (PG_ARGISNULL(index))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is NULL", name),
						errhint("Name a node, such as checkout or cluster:checkout-v12.")));
	label = text_to_cstring(PG_GETARG_TEXT_PP(index));
	id = node_ids(&label, 1, &cluster);
	request->start_clusters |= cluster;
	return *id;
}

/* The place of a word among those that an argument may be, which NULL ends. */
static int
find_word(const char *word, const char *name, const char *const *words, const char *hint)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s cannot be \"%s\"", name, word), errhint("%s", hint)));
	return -1;
}

static char *
get_word(FunctionCallInfo fcinfo, int index, const char *name, const char *hint)
{
	if (PG_ARGISNULL(index))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is NULL", name),
						errhint("%s", hint)));
	return text_to_cstring(PG_GETARG_TEXT_PP(index));
}

static const char DIRECTION_HINT[] =
	"It is \"out\" (what a node calls), \"in\" (who calls it) or \"both\".";

edge_direction
request_direction_named(const char *word)
{
	static const char *const words[] = {"out", "in", "both", NULL};
	static const edge_direction directions[] = {EDGE_OUT, EDGE_IN, EDGE_BOTH};

	return directions[find_word(word, "direction", words, DIRECTION_HINT)];
}

void
request_direction(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	request->scope.direction =
		request_direction_named(get_word(fcinfo, index, "direction", DIRECTION_HINT));
}

static const char ORDER_HINT[] = "It is \"busiest\", \"latest\" or \"name\".";

edge_order
request_edge_order_named(const char *word)
{
	static const char *const words[] = {"busiest", "latest", "name", NULL};
	static const edge_order orders[] = {EDGE_BUSIEST, EDGE_LATEST, EDGE_NAME};

	return orders[find_word(word, "edge_order", words, ORDER_HINT)];
}

void
request_edge_order(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	request->scope.order =
		request_edge_order_named(get_word(fcinfo, index, "edge_order", ORDER_HINT));
}

void
request_level(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	static const char *const words[] = {"app", "cluster", NULL};
	static const char levels[] = {'a', 'c'};
	static const char hint[] = "It is \"app\" or \"cluster\"; NULL follows the start nodes.";

	if (PG_ARGISNULL(index))
		request->scope.level = request->start_clusters ? 'c' : 'a';
	else
		request->scope.level =
			levels[find_word(get_word(fcinfo, index, "level", hint), "level", words, hint)];
}

void
request_time_limit(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	static const Interval none = {0};

	if (PG_ARGISNULL(index))
		return;
	if (DatumGetBool(
			DirectFunctionCall2(interval_le, PG_GETARG_DATUM(index), IntervalPGetDatum(&none))))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("time_limit must be more than nothing"),
						errhint("Give a time such as '500 ms', or NULL for no limit.")));
	request->budget.deadline = DatumGetTimestampTz(
		DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()),
							PG_GETARG_DATUM(index)));
}

void
request_properties(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	int count;

	if (PG_ARGISNULL(index))
		return;
	(void) get_names(fcinfo, index, "with_properties", &count);
	request->properties = node_properties_create(PG_GETARG_DATUM(index));
}

bool
request_flag(FunctionCallInfo fcinfo, int index)
{
	return !PG_ARGISNULL(index) && PG_GETARG_BOOL(index);
}

int32
request_count(FunctionCallInfo fcinfo, int index, const char *name)
{
	int32 count;

	if (PG_ARGISNULL(index))
		return -1;
	count = PG_GETARG_INT32(index);
	if (count < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s cannot be negative: %d", name, count),
						errhint("Give 0 or more, or NULL for no limit.")));
	return count;
}

static void
ignore_row(void *context, TupleTableSlot *slot)
{
}

/* Where the graphs that were found go. */
typedef struct graph_sink
{
	edge_scope *scope;
	MemoryContext memory;
} graph_sink;

static void
take_graph(void *context, TupleTableSlot *slot)
{
	graph_sink *sink = context;
	edge_scope *scope = sink->scope;
	MemoryContext old = MemoryContextSwitchTo(sink->memory);

	if (scope->graph_count == EDGE_MAX_GRAPHS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("more than %d graphs cannot be traversed at once", EDGE_MAX_GRAPHS),
						errhint("Name the graphs: graphs => ARRAY['...'].")));
	scope->graphs[scope->graph_count++] =
		(edge_graph){.name = TextDatumGetCString(slot->tts_values[0]),
					 .schema = pstrdup(NameStr(*DatumGetName(slot->tts_values[1])))};
	MemoryContextSwitchTo(old);
}

static bool
is_among(const edge_scope *scope, const char *name)
{
	for (int i = 0; i < scope->graph_count; i++)
		if (strcmp(scope->graphs[i].name, name) == 0)
			return true;
	return false;
}

void
request_graphs(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	edge_scope *scope = &request->scope;
	graph_sink sink = {.scope = scope, .memory = CurrentMemoryContext};
	query_args args = {.count = 1, .nulls = {PG_ARGISNULL(index)}};
	char **names = NULL;
	int count = 0;

	if (!PG_ARGISNULL(index))
	{
		names = get_names(fcinfo, index, "graphs", &count);
		args.values[0] = PG_GETARG_DATUM(index);
	}
	scope->graphs = palloc(EDGE_MAX_GRAPHS * sizeof(edge_graph));
	query_run_kept(&graphs_query, &args, take_graph, &sink);

	for (int i = 0; i < count; i++)
		if (!is_among(scope, names[i]))
			query_run_kept(&missing_graph_query, &args, ignore_row, NULL);
	if (scope->graph_count == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("this database has no graph"),
						errhint("Make the service map with topo.create_service_map(), or a graph "
								"with topo.create_graph().")));
}

void
request_during(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	edge_scope *scope = &request->scope;
	query_args args = {.count = 1};

	if (PG_ARGISNULL(index))
		return;
	args.values[0] = PG_GETARG_DATUM(index);
	query_run_kept(&during_query, &args, ignore_row, NULL);

	scope->timed = true;
	scope->during = PG_GETARG_DATUM(index);
}

/* Where the types that were found go. */
typedef struct type_sink
{
	Datum *ids;
	int count;
} type_sink;

static void
take_type(void *context, TupleTableSlot *slot)
{
	type_sink *types = context;

	if (slot->tts_isnull[1])
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("edge type \"%s\" does not exist",
							   TextDatumGetCString(slot->tts_values[0])),
						errhint("The table topo.edge_type lists them.")));
	types->ids[types->count++] = slot->tts_values[1];
}

void
request_follow_types(edge_scope *scope, Datum names)
{
	ArrayType *array = DatumGetArrayTypeP(names);
	query_args args = {.count = 1, .values = {names}};
	type_sink types = {
		.ids = palloc(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) * sizeof(Datum)),
	};

	query_run_kept(&types_query, &args, take_type, &types);
	scope->typed = true;
	scope->types = PointerGetDatum(
		construct_array(types.ids, types.count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

void
request_edge_types(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	int count;

	if (PG_ARGISNULL(index))
		return;
	(void) get_names(fcinfo, index, "edge_types", &count);
	request_follow_types(&request->scope, PG_GETARG_DATUM(index));
}

void
request_filter(traverse_request *request, FunctionCallInfo fcinfo, int index)
{
	if (!PG_ARGISNULL(index))
		request->filter = node_filter_create(PG_GETARG_JSONB_P(index));
}
