/*
 * node_names.c
 *		Nodes from the way they are written, and back.
 *
 * The rule is that of topo.node_key() and topo.node_label(): an app is written
 * as its name, any other node, and an app with a colon in its name, as
 * type:name.  It is here again since calling those for each of a million nodes
 * would cost more than finding them.
 */
#include "postgres.h"

#include "compat.h"
#include "store/ascending.h"
#include "traverse/node_names.h"
#include "traverse/memory_limit.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

static kept_query ids_query = {
	.text = "SELECT k.position, n.id, n.type = 'cluster'"
			" FROM ROWS FROM (unnest($1), unnest($2)) WITH ORDINALITY AS k (type, name, position)"
			" JOIN topo.node n ON n.type = k.type AND n.name = k.name",
	.arg_count = 2,
	.arg_types = {TEXTARRAYOID, TEXTARRAYOID},
};

static kept_query names_query = {
	.text = "SELECT id, type, name FROM topo.node WHERE id = ANY ($1)",
	.arg_count = 1,
	.arg_types = {INT8ARRAYOID},
};

static kept_query missing_query = {
	.text = "SELECT topo.existing_node($1)",
	.arg_count = 1,
	.arg_types = {TEXTOID},
};

/* Ids that were found, 0 where there is none yet. */
typedef struct found_ids
{
	int64 *ids;
	bool *given;
	bool any_cluster;
} found_ids;

static void
ignore_row(void *context, TupleTableSlot *slot)
{
}

static void
take_id(void *context, TupleTableSlot *slot)
{
	found_ids *found = context;
	int64 position = DatumGetInt64(slot->tts_values[0]) - 1;

	found->ids[position] = DatumGetInt64(slot->tts_values[1]);
	found->given[position] = true;
	found->any_cluster |= DatumGetBool(slot->tts_values[2]);
}

static Datum
text_array(Datum *texts, size_t count)
{
	return PointerGetDatum(construct_array(texts, (int) count, TEXTOID, -1, false, TYPALIGN_INT));
}

static query_args
node_keys(char **labels, size_t count)
{
	Datum *types = palloc(count * sizeof(Datum));
	Datum *names = palloc(count * sizeof(Datum));
	query_args args = {.count = 2};

	for (size_t i = 0; i < count; i++)
	{
		const char *colon = strchr(labels[i], ':');
		bool typed = colon != NULL && colon > labels[i];

		types[i] = typed ? PointerGetDatum(cstring_to_text_with_len(labels[i], colon - labels[i]))
						 : CStringGetTextDatum("app");
		names[i] = CStringGetTextDatum(typed ? colon + 1 : labels[i]);
	}
	args.values[0] = text_array(types, count);
	args.values[1] = text_array(names, count);
	return args;
}

static void
raise_missing(const char *label)
{
	query_args args = {.count = 1, .values = {CStringGetTextDatum(label)}};

	query_run_kept(&missing_query, &args, ignore_row, NULL);
	elog(ERROR, "node \"%s\" came into being meanwhile", label);
}

int64 *
node_ids(char **labels, size_t count, bool *any_cluster)
{
	found_ids found = {
		.ids = palloc0(count * sizeof(int64)),
		.given = palloc0(count * sizeof(bool)),
	};
	query_args args = node_keys(labels, count);

	query_run_kept(&ids_query, &args, take_id, &found);
	for (size_t i = 0; i < count; i++)
		if (!found.given[i])
			raise_missing(labels[i]);
	if (any_cluster != NULL)
		*any_cluster = found.any_cluster;
	return found.ids;
}

text *
node_label_make(const text *type, const text *name)
{
	static const char app[] = "app";
	const char *name_data = VARDATA_ANY(name);
	Size name_size = VARSIZE_ANY_EXHDR(name);
	Size type_size = VARSIZE_ANY_EXHDR(type);
	bool bare = type_size == strlen(app) && memcmp(VARDATA_ANY(type), app, type_size) == 0 &&
				memchr(name_data, ':', name_size) == NULL;
	Size prefix = bare ? 0 : type_size + 1;
	text *label = palloc(VARHDRSZ + prefix + name_size);

	SET_VARSIZE(label, VARHDRSZ + prefix + name_size);
	if (!bare)
	{
		memcpy(VARDATA(label), VARDATA_ANY(type), type_size);
		VARDATA(label)[type_size] = ':';
	}
	memcpy(VARDATA(label) + prefix, name_data, name_size);
	return label;
}

/* Where names go, and the ids that are to be looked up next. */
typedef struct naming
{
	const traversal *result;
	MemoryContext memory;
	int64 ids[QUERY_CHUNK];
	size_t count;
	text *type; /* the last that was seen: nodes share few */
} naming;

static text *
share_type(naming *names, const text *type)
{
	Size size = VARSIZE_ANY_EXHDR(type);

	if (names->type == NULL || VARSIZE_ANY_EXHDR(names->type) != size ||
		memcmp(VARDATA_ANY(names->type), VARDATA_ANY(type), size) != 0)
		names->type = cstring_to_text_with_len(VARDATA_ANY(type), (int) size);
	return names->type;
}

static void
take_name(void *context, TupleTableSlot *slot)
{
	naming *names = context;
	traverse_node *node = traverse_find(names->result, DatumGetInt64(slot->tts_values[0]));
	text *type = DatumGetTextPP(slot->tts_values[1]);
	MemoryContext old = MemoryContextSwitchTo(names->memory);
	node_name *name = palloc(sizeof(node_name));

	name->type = share_type(names, type);
	name->label = node_label_make(type, DatumGetTextPP(slot->tts_values[2]));
	node->named = name;
	MemoryContextSwitchTo(old);
}

static void
find_chunk(naming *names)
{
	ArrayType *chunk = query_bigint_array(names->ids, names->count);
	query_args args = {.count = 1, .values = {PointerGetDatum(chunk)}};

	query_run_kept(&names_query, &args, take_name, names);
	names->count = 0;
	pfree(chunk);
	memory_check(names->memory);
}

static void
add_id(void *context, traverse_node *node)
{
	naming *names = context;

	names->ids[names->count++] = node->id;
	if (names->count == QUERY_CHUNK)
		find_chunk(names);
}

static naming *
begin_naming(const traversal *result)
{
	naming *names = palloc0(sizeof(naming));

	names->result = result;
	names->memory = CurrentMemoryContext;
	return names;
}

static void
finish_naming(naming *names)
{
	if (names->count > 0)
		find_chunk(names);
	pfree(names);
}

void
node_names_find(const traversal *result, int32 least_depth)
{
	naming *names = begin_naming(result);

	traverse_each(result, least_depth, add_id, names);
	finish_naming(names);
}

void
node_names_find_some(const traversal *result, traverse_node **nodes, size_t count)
{
	naming *names = begin_naming(result);

	for (size_t i = 0; i < count; i++)
		add_id(names, nodes[i]);
	finish_naming(names);
}

/* Where names go that are looked up by ids. */
typedef struct look_up
{
	const int64 *ids;
	size_t count;
	node_name **names;
	MemoryContext memory;
} look_up;

static void
take_looked_up(void *context, TupleTableSlot *slot)
{
	look_up *wanted = context;
	int64 id = DatumGetInt64(slot->tts_values[0]);
	text *type = DatumGetTextPP(slot->tts_values[1]);
	MemoryContext old = MemoryContextSwitchTo(wanted->memory);
	node_name *name = palloc(sizeof(node_name));

	name->type = cstring_to_text_with_len(VARDATA_ANY(type), (int) VARSIZE_ANY_EXHDR(type));
	name->label = node_label_make(type, DatumGetTextPP(slot->tts_values[2]));
	wanted->names[ascending_below(wanted->ids, wanted->count, id)] = name;
	MemoryContextSwitchTo(old);
}

void
node_names_look_up(const int64 *ids, size_t count, node_name **names)
{
	look_up wanted = {.ids = ids, .count = count, .names = names, .memory = CurrentMemoryContext};

	memset(names, 0, count * sizeof(node_name *));
	for (size_t begin = 0; begin < count; begin += QUERY_CHUNK)
	{
		ArrayType *chunk = query_bigint_array(ids + begin, Min(QUERY_CHUNK, count - begin));
		query_args args = {.count = 1, .values = {PointerGetDatum(chunk)}};

		query_run_kept(&names_query, &args, take_looked_up, &wanted);
		pfree(chunk);
	}
}

int
node_label_compare(const text *a, const text *b)
{
	Size a_size = VARSIZE_ANY_EXHDR(a);
	Size b_size = VARSIZE_ANY_EXHDR(b);
	int order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(a_size, b_size));

	if (order != 0)
		return order;
	return (a_size > b_size) - (a_size < b_size);
}
