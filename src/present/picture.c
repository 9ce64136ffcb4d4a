/*
 * picture.c
 *		Loads nodes and edges for a picture, through SPI.
 *
 * Two queries at most: topo.traverse() for the nodes around a start, and
 * topo.edges() for the edges, already ordered and cut one beyond the limit.
 * Both run read-only, in the snapshot of the calling query.  What is kept is
 * copied into the caller's memory context; the rest goes with SPI.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "present/picture.h"

/* Parameters of mermaid() and dot(), and of the queries, in order. */
enum
{
	ARG_START,
	ARG_DIRECTION,
	ARG_MAX_DEPTH,
	ARG_DURING,
	ARG_GRAPHS,
	ARG_LEVEL,
	ARG_NODES, /* of the queries only: what was reached from the start */
	QUERY_ARGS
};

/* Columns of EDGE_QUERY. */
enum
{
	COLUMN_SOURCE = 1,
	COLUMN_TARGET,
	COLUMN_CONNECTIONS,
	COLUMN_REQUESTS,
	COLUMN_ERRORS,
	COLUMN_BYTES,
	COLUMN_VIA,
	COLUMN_CERTAIN,
	COLUMN_FAILED
};

/* So many connected nodes have more edges than a picture may have. */
#define MAX_NODES (PICTURE_MAX_EDGES + 2)

static const char *const REACHED_QUERY =
	"SELECT array_agg(r.node ORDER BY r.depth)"
	"  FROM topo.traverse(start => ARRAY[$1], direction => $2, max_depth => $3, during => $4,"
	"                     graphs => $5, level => $6, max_nodes => " CppAsString2(MAX_NODES) ") r";

static const char *const EDGE_QUERY =
	"SELECT e.source, e.target, e.connections, e.requests, e.errors,"
	"       least(e.bytes_sent::numeric + e.bytes_received, 9223372036854775807)::bigint,"
	"       array_to_string(e.via, ', '), coalesce(e.confidence, 1) >= 1, topo.failed(e.traffic)"
	"  FROM topo.edges($4, $5, $6) e"
	" WHERE $7 IS NULL"
	"    OR e.source IN (SELECT unnest($7)) AND e.target IN (SELECT unnest($7))"
	" ORDER BY e.source COLLATE \"C\", e.target COLLATE \"C\"";

typedef struct question
{
	Datum values[QUERY_ARGS];
	char nulls[QUERY_ARGS];
} question;

static void
ask_for(question *q, FunctionCallInfo fcinfo)
{
	for (int i = 0; i < ARG_NODES; i++)
	{
		q->values[i] = PG_GETARG_DATUM(i);
		q->nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	q->values[ARG_NODES] = (Datum) 0;
	q->nulls[ARG_NODES] = 'n';
}

/* traverse() checks these where there is a start. */
static void
check_whole_map(const question *q)
{
	char *direction;

	if (q->nulls[ARG_MAX_DEPTH] != 'n')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("max_depth needs a node to start from"),
						errhint("Name it in the parameter start.")));
	direction =
		q->nulls[ARG_DIRECTION] == 'n' ? NULL : TextDatumGetCString(q->values[ARG_DIRECTION]);
	if (direction == NULL || (strcmp(direction, "in") != 0 && strcmp(direction, "out") != 0 &&
							  strcmp(direction, "both") != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown direction %s", direction ? quote_literal_cstr(direction) : "NULL"),
				 errhint("Directions are 'out', 'in' and 'both'.")));
}

static void
refuse_large_picture(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("the map has more than %d edges: too many for a picture", PICTURE_MAX_EDGES),
			 errhint("Give a start and a max_depth, or query topo.edges().")));
}

static void
run(const char *query, const question *q)
{
	Oid types[QUERY_ARGS] = {TEXTOID,      TEXTOID, INT4OID,     TSTZRANGEOID,
							 TEXTARRAYOID, TEXTOID, TEXTARRAYOID};

	if (SPI_execute_with_args(query, QUERY_ARGS, types, (Datum *) q->values, q->nulls, true,
							  PICTURE_MAX_EDGES + 1) != SPI_OK_SELECT)
		elog(ERROR, "could not run: %s", query);
}

/* What is reached from the start becomes a parameter of the query for edges. */
static void
reach(question *q)
{
	bool isnull;

	run(REACHED_QUERY, q);
	q->values[ARG_NODES] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	q->nulls[ARG_NODES] = isnull ? 'n' : ' ';
	if (!isnull && ArrayGetNItems(ARR_NDIM(DatumGetArrayTypeP(q->values[ARG_NODES])),
								  ARR_DIMS(DatumGetArrayTypeP(q->values[ARG_NODES]))) >= MAX_NODES)
		refuse_large_picture();
}

static int
compare_labels(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int
compare_label_to_node(const void *label, const void *node)
{
	return strcmp(label, ((const picture_node *) node)->label);
}

/* As topo.node_key() has it. */
static const char *
type_of(const char *label)
{
	const char *colon = strchr(label, ':');

	return colon != NULL && colon != label ? pnstrdup(label, colon - label) : "app";
}

static int
find_node(const picture *map, const char *label)
{
	picture_node *found =
		bsearch(label, map->nodes, map->node_count, sizeof(picture_node), compare_label_to_node);

	Assert(found != NULL);
	return found - map->nodes;
}

/* Sorts labels in place; each becomes a node once. */
static void
set_nodes(picture *map, const char **labels, int count)
{
	map->nodes = palloc(sizeof(picture_node) * Max(count, 1));
	qsort(labels, count, sizeof(char *), compare_labels);
	for (int i = 0; i < count; i++)
	{
		if (i > 0 && strcmp(labels[i], labels[i - 1]) == 0)
			continue;
		map->nodes[map->node_count].label = labels[i];
		map->nodes[map->node_count].type = type_of(labels[i]);
		map->node_count++;
	}
}

static int64
column_int64(HeapTuple row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(row, SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static char *
column_text(HeapTuple row, int column, MemoryContext context)
{
	char *value = SPI_getvalue(row, SPI_tuptable->tupdesc, column);

	return value != NULL ? MemoryContextStrdup(context, value) : NULL;
}

static void
set_edge(picture_edge *edge, HeapTuple row, MemoryContext context)
{
	bool isnull;

	edge->connections = column_int64(row, COLUMN_CONNECTIONS);
	edge->requests = column_int64(row, COLUMN_REQUESTS);
	edge->errors = column_int64(row, COLUMN_ERRORS);
	edge->bytes = column_int64(row, COLUMN_BYTES);
	edge->via = column_text(row, COLUMN_VIA, context);
	edge->failed = column_int64(row, COLUMN_FAILED);
	edge->certain =
		DatumGetBool(SPI_getbinval(row, SPI_tuptable->tupdesc, COLUMN_CERTAIN, &isnull));
}

/* The labels of the nodes that were reached, the start first. */
static int
reached_labels(const question *q, const char **labels, MemoryContext context)
{
	Datum *items;
	int count;

	if (q->nulls[ARG_NODES] == 'n')
		return 0;
	deconstruct_array(DatumGetArrayTypeP(q->values[ARG_NODES]), TEXTOID, -1, false, TYPALIGN_INT,
					  &items, NULL, &count);
	for (int i = 0; i < count; i++)
		labels[i] = MemoryContextStrdup(context, TextDatumGetCString(items[i]));
	return count;
}

/* The rows of EDGE_QUERY, and the nodes reached, become the picture. */
static void
fill(picture *map, const question *q, MemoryContext context)
{
	SPITupleTable *rows = SPI_tuptable;
	const char **ends = palloc(sizeof(char *) * 2 * Max(map->edge_count, 1));
	const char **labels = palloc(sizeof(char *) * (2 * PICTURE_MAX_EDGES + MAX_NODES));
	int reached = reached_labels(q, labels, context);
	const char *start = reached > 0 ? labels[0] : NULL;
	MemoryContext spi_context;

	for (int i = 0; i < map->edge_count; i++)
	{
		set_edge(&map->edges[i], rows->vals[i], context);
		ends[2 * i] = column_text(rows->vals[i], COLUMN_SOURCE, context);
		ends[2 * i + 1] = column_text(rows->vals[i], COLUMN_TARGET, context);
	}
	memcpy(labels + reached, ends, sizeof(char *) * 2 * map->edge_count);
	spi_context = MemoryContextSwitchTo(context);
	set_nodes(map, labels, reached + 2 * map->edge_count);
	MemoryContextSwitchTo(spi_context);
	for (int i = 0; i < map->edge_count; i++)
	{
		map->edges[i].source = find_node(map, ends[2 * i]);
		map->edges[i].target = find_node(map, ends[2 * i + 1]);
	}
	map->start = start != NULL ? find_node(map, start) : -1;
}

picture *
picture_load(FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	picture *map = palloc0(sizeof(picture));
	question q;

	map->edges = palloc0(sizeof(picture_edge) * PICTURE_MAX_EDGES);
	ask_for(&q, fcinfo);
	SPI_connect();
	if (q.nulls[ARG_START] == 'n')
		check_whole_map(&q);
	else
		reach(&q);
	run(EDGE_QUERY, &q);
	if (SPI_processed > PICTURE_MAX_EDGES)
		refuse_large_picture();
	map->edge_count = SPI_processed;
	fill(map, &q, context);
	SPI_finish();
	return map;
}

/* Three digits and a letter: 1.23k. */
static void
append_number(StringInfo out, int64 number)
{
	static const char units[] = " kMGTPE";
	double value = number;
	int unit = 0;

	while (value >= 999.5)
	{
		value /= 1000;
		unit++;
	}
	appendStringInfo(out, "%.3g", value);
	if (unit > 0)
		appendStringInfoChar(out, units[unit]);
}

static void
append_connections(StringInfo out, const picture_edge *edge)
{
	if (edge->connections > 0)
	{
		append_number(out, edge->connections);
		appendStringInfoString(out, " conn");
	}
	if (edge->failed > 0)
	{
		if (edge->connections > 0)
			appendStringInfoString(out, ", ");
		append_number(out, edge->failed);
		appendStringInfoString(out, " failed");
	}
}

void
picture_append_reading(StringInfo out, const picture_edge *edge)
{
	if (edge->requests > 0)
	{
		append_number(out, edge->requests);
		appendStringInfoString(out, " req");
		if (edge->errors > 0)
		{
			appendStringInfoString(out, ", ");
			append_number(out, edge->errors);
			appendStringInfoString(out, " err");
		}
	}
	else if (edge->connections > 0 || edge->failed > 0)
		append_connections(out, edge);
	else if (edge->bytes > 0)
	{
		append_number(out, edge->bytes);
		appendStringInfoChar(out, 'B');
	}
}
