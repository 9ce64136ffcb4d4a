/*
 * hops.c
 *		Chained steps: a search whose every depth has settings of its own.
 */
#include "postgres.h"

#include "traverse/hops.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/numeric.h"

#define HOPS_MAX 64

#define HOP_SETTINGS                                                                               \
	"A step may have \"direction\", \"edge_types\", \"node_filter\", \"edge_limit\" and "          \
	"\"edge_order\"; what it does not name is as the other arguments say."

/* One key of a step, with its value. */
typedef struct hop_setting
{
	const char *key;
	JsonbValue *value;
} hop_setting;

static void
refuse_value(const char *key, const char *wanted)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("hops cannot take that as \"%s\"", key), errhint("Give %s.", wanted)));
}

static char *
string_of(const JsonbValue *value, const char *key, const char *wanted)
{
	if (value->type != jbvString)
		refuse_value(key, wanted);
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static void
read_edge_types(edge_scope *scope, const JsonbValue *value)
{
	static const char wanted[] = "an array of names of edge types";
	JsonbIterator *iterator;
	JsonbValue name;
	Datum *names;
	int count = 0;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerSize(value->val.binary.data) == 0)
		refuse_value("edge_types", wanted);
	names = palloc(JsonContainerSize(value->val.binary.data) * sizeof(Datum));
	iterator = JsonbIteratorInit(value->val.binary.data);
	(void) JsonbIteratorNext(&iterator, &name, true);
	while (JsonbIteratorNext(&iterator, &name, true) == WJB_ELEM)
		names[count++] = CStringGetTextDatum(string_of(&name, "edge_types", wanted));
	request_follow_types(
		scope, PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT)));
}

static int32
read_edge_limit(const JsonbValue *value)
{
	static const char wanted[] = "a whole number, 0 or more";
	Datum number;
	bool whole;

	if (value->type != jbvNumeric || numeric_is_nan(value->val.numeric))
		refuse_value("edge_limit", wanted);
	number = NumericGetDatum(value->val.numeric);
	whole = DatumGetBool(DirectFunctionCall2(
		numeric_eq, number, DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0))));
	if (!whole ||
		DatumGetBool(DirectFunctionCall2(numeric_lt, number,
										 DirectFunctionCall1(int4_numeric, Int32GetDatum(0)))) ||
		DatumGetBool(DirectFunctionCall2(
			numeric_gt, number, DirectFunctionCall1(int4_numeric, Int32GetDatum(PG_INT32_MAX)))))
		refuse_value("edge_limit", wanted);
	return DatumGetInt32(DirectFunctionCall1(numeric_int4, number));
}

static void
read_setting(hop *step, const hop_setting *setting)
{
	const char *key = setting->key;
	JsonbValue *value = setting->value;

	if (strcmp(key, "direction") == 0)
		step->scope.direction = request_direction_named(string_of(value, key, "a string"));
	else if (strcmp(key, "edge_order") == 0)
		step->scope.order = request_edge_order_named(string_of(value, key, "a string"));
	else if (strcmp(key, "edge_types") == 0)
		read_edge_types(&step->scope, value);
	else if (strcmp(key, "edge_limit") == 0)
		step->scope.limit = read_edge_limit(value);
	else if (strcmp(key, "node_filter") == 0)
		step->filter = node_filter_create(JsonbValueToJsonb(value));
	else
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("hops knows no setting \"%s\"", key), errhint(HOP_SETTINGS)));
}

static void
read_step(hop *step, const JsonbValue *object)
{
	JsonbIterator *iterator;
	JsonbValue key;
	JsonbValue value;

	if (object->type != jbvBinary || !JsonContainerIsObject(object->val.binary.data))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a step of hops must be a JSON object"), errhint(HOP_SETTINGS)));
	iterator = JsonbIteratorInit(object->val.binary.data);
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		hop_setting setting = {.key = pnstrdup(key.val.string.val, key.val.string.len),
							   .value = &value};

		(void) JsonbIteratorNext(&iterator, &value, true);
		read_setting(step, &setting);
	}
}

static void
check_steps(const traverse_request *request, Jsonb *steps)
{
	if (!JB_ROOT_IS_ARRAY(steps) || JB_ROOT_IS_SCALAR(steps) || JB_ROOT_COUNT(steps) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("hops must be a JSON array of one step or more"),
						errhint("For example [{\"direction\": \"out\"}, {\"direction\": \"in\", "
								"\"edge_limit\": 10}].")));
	if (JB_ROOT_COUNT(steps) > HOPS_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("hops has more than %d steps", HOPS_MAX),
						errhint("Where steps are alike, leave hops out and give max_depth.")));
	if (request->max_depth >= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("hops and max_depth cannot be given together"),
						errhint("The number of steps is the depth.")));
}

void
hops_read(traverse_request *request, Jsonb *steps)
{
	JsonbIterator *iterator;
	JsonbValue element;

	check_steps(request, steps);
	request->hops = palloc(JB_ROOT_COUNT(steps) * sizeof(hop));
	iterator = JsonbIteratorInit(&steps->root);
	(void) JsonbIteratorNext(&iterator, &element, true);
	while (JsonbIteratorNext(&iterator, &element, true) == WJB_ELEM)
	{
		hop *step = &request->hops[request->hop_count++];

		*step = (hop){.scope = request->scope, .filter = request->filter};
		read_step(step, &element);
	}
	request->max_depth = request->hop_count;
}

/* Whether two steps follow the same edges. */
static bool
follow_alike(const edge_scope *a, const edge_scope *b)
{
	return a->direction == b->direction && a->limit == b->limit && a->order == b->order &&
		   a->typed == b->typed && (!a->typed || datumIsEqual(a->types, b->types, false, -1));
}

/* The source for a step: that of a step before it, if it is the same, since to open it may be to
 * read a range of time. */
static edge_source *
open_source(const traverse_request *request, const traverse_step *steps, int step)
{
	for (int before = 0; before < step; before++)
		if (follow_alike(&request->hops[before].scope, &request->hops[step].scope))
			return steps[before].source;
	return edge_source_open_lazily(&request->hops[step].scope);
}

traverse_step *
hops_open(const traverse_request *request)
{
	traverse_step *steps = palloc(request->hop_count * sizeof(traverse_step));

	for (int i = 0; i < request->hop_count; i++)
		steps[i] = (traverse_step){
			.source = open_source(request, steps, i),
			.filter = request->hops[i].filter,
		};
	return steps;
}
