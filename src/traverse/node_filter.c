/*
 * node_filter.c
 *		Which nodes a traversal goes through.
 *
 * The conditions become the WHERE clause of one query, planned once a
 * traversal; each depth costs one look-up by primary key of the nodes that it
 * found, in chunks of QUERY_CHUNK.
 */
#include "postgres.h"

#include "traverse/link_delta.h"
#include "traverse/node_filter.h"
#include "store/query.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/rls.h"

struct node_filter
{
	SPIPlanPtr plan;
};

static const Oid filter_types[] = {INT8ARRAYOID};

/* Nodes that pass, written over the ids that were asked for. */
typedef struct passing
{
	int64 *ids;
	size_t count;
} passing;

static void
refuse_value(const char *key, const char *wanted)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("node_filter cannot compare \"%s\" with that", key),
					errhint("Give %s, or a list of them of which any will do.", wanted)));
}

static void
append_tier(StringInfo text, const JsonbValue *value)
{
	if (value->type != jbvNumeric || numeric_is_nan(value->val.numeric))
		refuse_value("tier", "a number");
	appendStringInfo(text, "n.tier = %s", numeric_normalize(value->val.numeric));
}

static void
append_text(StringInfo text, const char *column, const JsonbValue *value)
{
	char *string;

	if (value->type != jbvString)
		refuse_value(column, "a string");
	string = pnstrdup(value->val.string.val, value->val.string.len);
	appendStringInfo(text, "n.%s = %s", column, quote_literal_cstr(string));
}

static void
append_property(StringInfo text, const char *key, JsonbValue *value)
{
	StringInfoData contained;
	Jsonb *json;

	if (value->type == jbvNull ||
		(value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data)))
		refuse_value(key, "a string, a number, true, false or an object");
	json = JsonbValueToJsonb(value);
	initStringInfo(&contained);
	appendStringInfoChar(&contained, '{');
	escape_json(&contained, key);
	appendStringInfoString(&contained, ": ");
	JsonbToCString(&contained, &json->root, VARSIZE(json));
	appendStringInfoChar(&contained, '}');
	appendStringInfo(text, "n.properties @> %s::jsonb", quote_literal_cstr(contained.data));
}

static void
append_comparison(StringInfo text, const char *key, JsonbValue *value)
{
	if (strcmp(key, "tier") == 0)
		append_tier(text, value);
	else if (strcmp(key, "domain") == 0 || strcmp(key, "type") == 0)
		append_text(text, key, value);
	else
		append_property(text, key, value);
}

static void
append_any_of(StringInfo text, const char *key, JsonbContainer *values)
{
	JsonbIterator *iterator = JsonbIteratorInit(values);
	JsonbValue value;
	const char *separator = "";

	if (JsonContainerSize(values) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("node_filter has no value to compare \"%s\" with", key),
						errhint("Leave the key out to let every node pass.")));
	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM)
	{
		appendStringInfoString(text, separator);
		append_comparison(text, key, &value);
		separator = " OR ";
	}
}

static void
append_condition(StringInfo text, const char *key, JsonbValue *value)
{
	appendStringInfoString(text, " AND (");
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		append_any_of(text, key, value->val.binary.data);
	else
		append_comparison(text, key, value);
	appendStringInfoChar(text, ')');
}

node_filter *
node_filter_create(Jsonb *conditions)
{
	node_filter *filter = palloc(sizeof(node_filter));
	JsonbIterator *iterator = JsonbIteratorInit(&conditions->root);
	JsonbValue key;
	JsonbValue value;
	StringInfoData text;

	if (!JB_ROOT_IS_OBJECT(conditions))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("node_filter must be a JSON object"),
						errhint("For example {\"type\": \"app\", \"tier\": [0, 1]}.")));
	initStringInfo(&text);
	appendStringInfoString(&text, "SELECT n.id FROM topo.node n WHERE n.id = ANY ($1)");
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		append_condition(&text, pnstrdup(key.val.string.val, key.val.string.len), &value);
	}
	filter->plan = query_prepare(text.data, 1, filter_types, QUERY_ONCE);
	return filter;
}

node_filter *
node_filter_of_visible(void)
{
	node_filter *filter;

	if (check_enable_rls(link_delta_relation("topo", "node"), InvalidOid, true) != RLS_ENABLED)
		return NULL;
	filter = palloc(sizeof(node_filter));
	filter->plan = query_prepare("SELECT n.id FROM topo.node n WHERE n.id = ANY ($1)", 1,
								 filter_types, QUERY_ONCE);
	return filter;
}

static void
take_passing(void *context, TupleTableSlot *slot)
{
	passing *nodes = context;

	nodes->ids[nodes->count++] = DatumGetInt64(slot->tts_values[0]);
}

size_t
node_filter_apply(node_filter *filter, int64 *ids, size_t count)
{
	passing nodes = {.ids = ids, .count = 0};

	for (size_t begin = 0; begin < count; begin += QUERY_CHUNK)
	{
		/* a copy, since those that pass are written to the front of ids */
		ArrayType *chunk = query_bigint_array(ids + begin, Min(QUERY_CHUNK, count - begin));
		query_args args = {.count = 1, .types = {INT8ARRAYOID}, .values = {PointerGetDatum(chunk)}};

		query_run(filter->plan, &args, take_passing, &nodes);
		pfree(chunk);
	}
	return nodes.count;
}
