/*
 * expand.h
 *		The contract between the search and where edges come from.
 *
 * A traversal asks its edge source, once for each depth, for the edges at all
 * the nodes of the frontier.  A source knows nothing of depths or of nodes that
 * were seen already; the traversal knows nothing of tables, time or limits.
 * There are four sources:
 *
 *	expand_tables.c		the live adjacency, an index look-up per frontier
 *						and graph
 *	expand_ranked.c		the same with a limit per node, ranked
 *	expand_windows.c	the edges of a range of time, held in memory
 *	expand_view.c		the live adjacency from snapshots, or else one of those
 */
#ifndef TOPOLOGY_TRAVERSE_EXPAND_H
#define TOPOLOGY_TRAVERSE_EXPAND_H

#include "store/query.h"
#include "traverse/time_budget.h"

/* Graphs are bits of a 64-bit set, in the order of edge_scope.graphs. */
#define EDGE_MAX_GRAPHS 64

typedef enum edge_direction
{
	EDGE_OUT = 1,
	EDGE_IN = 2,
	EDGE_BOTH = EDGE_OUT | EDGE_IN
} edge_direction;

typedef enum edge_order
{
	EDGE_BUSIEST, /* most requests, then connections, then bytes */
	EDGE_LATEST,  /* seen last */
	EDGE_NAME     /* label of the neighbour */
} edge_order;

typedef struct edge_graph
{
	char *name;
	char *schema;
} edge_graph;

/* Which edges a traversal may follow. */
typedef struct edge_scope
{
	int graph_count; /* 1 to EDGE_MAX_GRAPHS */
	edge_graph *graphs;
	edge_direction direction;
	char level; /* 'a' or 'c', as in the column link.level */

	bool typed; /* only edges of these types, an integer[] */
	Datum types;

	bool timed; /* the windows that overlap during, a tstzrange; else live */
	Datum during;

	bool everywhere; /* all edges, not only those at a frontier; edge_query_text() only */

	int limit; /* edges followed from each node, or -1 */
	edge_order order;

	bool through_closed; /* closed nodes (closed_nodes.h) are gone on from too */

	time_budget *budget; /* or NULL; whoever is over it hands no more edges over */
} edge_scope;

/*
 * Takes one edge: near is a node of the frontier, far its neighbour, and graphs
 * the set of graphs that know the edge.  An edge may come several times, each
 * time with other graphs.
 */
typedef void (*edge_sink)(void *context, int64 near, int64 far, uint64 graphs);

typedef struct edge_source edge_source;
struct edge_source
{
	/*
	 * Hand every edge at a node of the frontier to sink, in any order.  The
	 * frontier holds no id twice and stays as it is during the call.  The sink
	 * may allocate, but must not call the source.
	 */
	void (*expand)(edge_source *source, const int64 *frontier, size_t count, edge_sink sink,
				   void *context);
};

/*
 * The source for a scope.  It and all that it holds live in
 * CurrentMemoryContext, it needs a connection to SPI as long as it is used, and
 * scope must live as long.
 */
extern edge_source *edge_source_open(const edge_scope *scope);

/* The same, from snapshots where they may be used; it costs nothing until it is first asked. */
extern edge_source *edge_source_open_lazily(const edge_scope *scope);

/* What edge_source_open() chooses from. */
extern edge_source *edge_source_open_tables(const edge_scope *scope);
extern edge_source *edge_source_open_ranked(const edge_scope *scope);
extern edge_source *edge_source_open_windows(const edge_scope *scope);

/*
 * A query for (near bigint, far bigint, graphs bigint): the live edges of a scope,
 * merged over graphs and types, and cut to the scope's limit.  Its arguments
 * are those of edge_query_args(), of which $1 is the frontier, which one that is
 * everywhere does not take.  The text is palloc'd.
 */
extern char *edge_query_text(const edge_scope *scope);

/* The arguments of that query; the frontier is for the caller to set. */
extern query_args edge_query_args(const edge_scope *scope);

#endif /* TOPOLOGY_TRAVERSE_EXPAND_H */
