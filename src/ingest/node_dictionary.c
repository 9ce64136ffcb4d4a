/*
 * node_dictionary.c
 *		The nodes that a batch names, made where there are none, by number.
 *
 * A hash table over (type, text, parent), compared by address.  Its memory is
 * that of the context it was made in; some 100 bytes a name.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "ingest/node_dictionary.h"
#include "store/rows.h"

#define FIRST_ROOM 64

/* The columns of topo.node_name. */
enum
{
	NAME_TYPE,
	NAME_NAME,
	NAME_PARENT,
	NAME_COLUMNS
};

typedef struct node_key
{
	const char *type;
	const char *text;
	int64 parent; /* as wide as the rest: no padding to compare */
} node_key;

typedef struct node_entry
{
	node_key key;
	int32 number;
} node_entry;

typedef struct node_name
{
	const char *type;
	flow_text name;
	int32 parent;
} node_name;

struct node_dictionary
{
	MemoryContext context;
	HTAB *numbers;
	node_name *names;
	int32 count;
	int32 room;
};

node_dictionary *
node_dictionary_create(void)
{
	node_dictionary *dictionary = palloc0(sizeof(*dictionary));
	HASHCTL control = {
		.keysize = sizeof(node_key), .entrysize = sizeof(node_entry), .hcxt = CurrentMemoryContext};

	dictionary->context = CurrentMemoryContext;
	dictionary->numbers = hash_create("topology nodes of a batch", 256, &control,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dictionary->room = FIRST_ROOM;
	dictionary->names = palloc(sizeof(node_name) * dictionary->room);
	return dictionary;
}

static int32
append_name(node_dictionary *dictionary, node_name name)
{
	if (dictionary->count == dictionary->room)
	{
		dictionary->room *= 2;
		dictionary->names = repalloc_huge(dictionary->names, sizeof(node_name) * dictionary->room);
	}
	dictionary->names[dictionary->count] = name;
	return dictionary->count++;
}

/* The entry of a name; one that is new has the number NODE_NONE. */
static node_entry *
find_entry(node_dictionary *dictionary, const char *type, flow_text text, int32 parent)
{
	node_key key = {.type = type, .text = text.data, .parent = parent};
	bool found;
	node_entry *entry = hash_search(dictionary->numbers, &key, HASH_ENTER, &found);

	if (!found)
		entry->number = NODE_NONE;
	return entry;
}

int32
node_dictionary_add(node_dictionary *dictionary, const char *type, flow_text name, int32 parent)
{
	node_entry *entry;

	if (name.data == NULL)
		return NODE_NONE;
	entry = find_entry(dictionary, type, name, parent);
	if (entry->number == NODE_NONE)
		entry->number = append_name(dictionary, (node_name){type, name, parent});
	return entry->number;
}

int32
node_dictionary_workload(node_dictionary *dictionary, flow_text app, flow_text cluster)
{
	int32 parent = node_dictionary_add(dictionary, "app", app, NODE_NONE);
	int32 finest = node_dictionary_add(dictionary, "cluster", cluster, parent);

	return finest == NODE_NONE ? parent : finest;
}

int32
node_dictionary_endpoint(node_dictionary *dictionary, int32 app, flow_text endpoint)
{
	node_entry *entry;

	if (endpoint.data == NULL || app == NODE_NONE)
		return NODE_NONE;
	entry = find_entry(dictionary, "endpoint", endpoint, app);
	if (entry->number == NODE_NONE)
	{
		flow_text server = dictionary->names[app].name;
		char *name = MemoryContextAlloc(dictionary->context, server.length + endpoint.length + 2);
		int length = sprintf(name, "%.*s/%.*s", (int) server.length, server.data,
							 (int) endpoint.length, endpoint.data);

		entry->number = append_name(
			dictionary, (node_name){"endpoint", (flow_text){name, (uint32_t) length}, app});
	}
	return entry->number;
}

static Datum
names_datum(const node_dictionary *dictionary, Oid *type)
{
	row_array rows;

	row_array_begin(&rows, "node_name", NAME_COLUMNS);
	for (int32 i = 0; i < dictionary->count; i++)
	{
		const node_name *name = &dictionary->names[i];
		Datum values[NAME_COLUMNS];
		bool nulls[NAME_COLUMNS] = {false};

		values[NAME_TYPE] = CStringGetTextDatum(name->type);
		values[NAME_NAME] = text_datum(name->name);
		/* SQL counts from 1 */
		values[NAME_PARENT] = Int32GetDatum(name->parent + 1);
		nulls[NAME_PARENT] = name->parent == NODE_NONE;
		row_array_add(&rows, values, nulls);
	}
	*type = rows.array_type;
	return row_array_finish(&rows);
}

int64 *
node_dictionary_resolve(node_dictionary *dictionary)
{
	int64 *ids = palloc(sizeof(int64) * Max(dictionary->count, 1));
	Oid types[1];
	Datum arguments[1];
	bool isnull;
	ArrayType *result;

	if (dictionary->count == 0)
		return ids;
	arguments[0] = names_datum(dictionary, &types[0]);
	if (SPI_execute_with_args("SELECT topo.make_nodes($1)", 1, types, arguments, NULL, false, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not make nodes");
	result =
		DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if (ArrayGetNItems(ARR_NDIM(result), ARR_DIMS(result)) != dictionary->count ||
		ARR_HASNULL(result))
		elog(ERROR, "unexpected result of topo.make_nodes()");
	memcpy(ids, ARR_DATA_PTR(result), sizeof(int64) * dictionary->count);
	SPI_freetuptable(SPI_tuptable);
	return ids;
}

const char *
node_type_of_peer(span_peer kind)
{
	return kind == SPAN_PEER_APP ? "app" : "external";
}
