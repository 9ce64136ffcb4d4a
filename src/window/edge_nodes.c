/*
 * edge_nodes.c
 *		The nodes of merged edges.
 */
#include "postgres.h"

#include "window/edge_nodes.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "store/query.h"

static inline uint32
hash_id(int64 id)
{
	return murmurhash32((uint32) id ^ (uint32) ((uint64) id >> 32) * 0x9E3779B9u);
}

#define SH_PREFIX               node_table
#define SH_ELEMENT_TYPE         edge_node
#define SH_KEY_TYPE             int64
#define SH_KEY                  id
#define SH_HASH_KEY(table, key) hash_id(key)
#define SH_EQUAL(table, a, b)   ((a) == (b))
#define SH_SCOPE                static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct cluster
{
	int64 id;
	int64 app;
	char status; /* of the hash table */
} cluster;

#define SH_PREFIX               cluster_table
#define SH_ELEMENT_TYPE         cluster
#define SH_KEY_TYPE             int64
#define SH_KEY                  id
#define SH_HASH_KEY(table, key) hash_id(key)
#define SH_EQUAL(table, a, b)   ((a) == (b))
#define SH_SCOPE                static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct edge_nodes
{
	MemoryContext memory;
	node_table_hash *seen;
	cluster_table_hash *clusters; /* NULL where they stand for themselves */
};

/* Clusters that are not there stand for themselves, and are left out for want of a label. */
static const char CLUSTERS_QUERY[] =
	"SELECT n.id, n.parent FROM topo.node n WHERE n.type = 'cluster' AND n.parent IS NOT NULL";

static void
take_cluster(void *context, TupleTableSlot *slot)
{
	edge_nodes *nodes = context;
	bool found;
	cluster *taken =
		cluster_table_insert(nodes->clusters, DatumGetInt64(slot->tts_values[0]), &found);

	taken->app = DatumGetInt64(slot->tts_values[1]);
}

edge_nodes *
edge_nodes_create(bool apps)
{
	edge_nodes *nodes = palloc0(sizeof(*nodes));
	query_args none = {.count = 0};

	nodes->memory = CurrentMemoryContext;
	nodes->seen = node_table_create(nodes->memory, 1024, NULL);
	if (!apps)
		return nodes;
	nodes->clusters = cluster_table_create(nodes->memory, 1024, NULL);
	query_run(query_prepare(CLUSTERS_QUERY, 0, NULL, QUERY_ONCE), &none, take_cluster, nodes);
	return nodes;
}

int64
edge_nodes_stand_in(edge_nodes *nodes, int64 id)
{
	const cluster *found = nodes->clusters == NULL || nodes->clusters->members == 0
							   ? NULL
							   : cluster_table_lookup(nodes->clusters, id);

	return found == NULL ? id : found->app;
}

edge_node *
edge_nodes_note(edge_nodes *nodes, int64 id)
{
	bool found;
	edge_node *node = node_table_insert(nodes->seen, id, &found);

	if (!found)
	{
		node->label = NULL;
		node->caller_told = false;
		node->callee_told = false;
	}
	return node;
}

const edge_node *
edge_nodes_find(const edge_nodes *nodes, int64 id)
{
	return node_table_lookup(nodes->seen, id);
}

static const char LABELS_QUERY[] =
	"SELECT n.id, topo.node_label(n.type, n.name) FROM topo.node n WHERE n.id = ANY ($1)";

static const char GONE_QUERY[] =
	"SELECT g.id, pg_catalog.format('gone:%s', g.id) FROM topo.gone_nodes($1) g (id)";

static void
take_label(void *context, TupleTableSlot *slot)
{
	edge_nodes *nodes = context;
	edge_node *node = node_table_lookup(nodes->seen, DatumGetInt64(slot->tts_values[0]));
	MemoryContext old = MemoryContextSwitchTo(nodes->memory);

	node->label = DatumGetTextPCopy(slot->tts_values[1]);
	MemoryContextSwitchTo(old);
}

static void
load_some(edge_nodes *nodes, SPIPlanPtr plan, const int64 *ids, size_t count)
{
	query_args args = {.count = 1,
					   .types = {INT8ARRAYOID},
					   .values = {PointerGetDatum(query_bigint_array(ids, count))}};

	query_run(plan, &args, take_label, nodes);
	pfree(DatumGetPointer(args.values[0]));
}

/* Ask, with a query of (id, label), for the labels of all nodes that have none. */
static void
load_lacking(edge_nodes *nodes, const char *query)
{
	SPIPlanPtr plan = query_prepare(query, 1, (Oid[]){INT8ARRAYOID}, QUERY_ONCE);
	int64 *ids = palloc(QUERY_CHUNK * sizeof(int64));
	size_t count = 0;
	node_table_iterator iterator;
	const edge_node *node;

	node_table_start_iterate(nodes->seen, &iterator);
	while ((node = node_table_iterate(nodes->seen, &iterator)) != NULL)
	{
		if (node->label != NULL)
			continue;
		ids[count++] = node->id;
		if (count < QUERY_CHUNK)
			continue;
		load_some(nodes, plan, ids, count);
		count = 0;
	}
	if (count > 0)
		load_some(nodes, plan, ids, count);
	pfree(ids);
}

void
edge_nodes_load_labels(edge_nodes *nodes)
{
	load_lacking(nodes, LABELS_QUERY);
}

void
edge_nodes_label_gone(edge_nodes *nodes)
{
	load_lacking(nodes, GONE_QUERY);
}

int
edge_nodes_compare_labels(const text *left, const text *right)
{
	int llen = VARSIZE_ANY_EXHDR(left);
	int rlen = VARSIZE_ANY_EXHDR(right);
	int order = memcmp(VARDATA_ANY(left), VARDATA_ANY(right), Min(llen, rlen));

	return order != 0 ? order : (llen > rlen) - (llen < rlen);
}

static int
compare_texts(const void *a, const void *b)
{
	return edge_nodes_compare_labels(*(text *const *) a, *(text *const *) b);
}

bool
edge_nodes_labels(const edge_nodes *nodes, const int64 *ids, uint32 count, Datum *labels)
{
	text **texts = palloc(Max(count, 1) * sizeof(text *));
	int there = 0;

	for (uint32 i = 0; i < count; i++)
	{
		const edge_node *node = edge_nodes_find(nodes, ids[i]);

		if (node != NULL && node->label != NULL)
			texts[there++] = node->label;
	}
	if (there == 0)
		return false;
	qsort(texts, there, sizeof(text *), compare_texts);
	*labels =
		PointerGetDatum(construct_array((Datum *) texts, there, TEXTOID, -1, false, TYPALIGN_INT));
	return true;
}
