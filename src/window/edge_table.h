/*
 * edge_table.h
 *		Edges under merge: what was seen of each, in any order.
 *
 * An edge has lanes: traffic that is kept apart, such as that of graphs which count the
 * same calls, or of two ranges that are compared.
 *
 * Who merges windows into it had better take them in order of their source, of all
 * times at once: an edge that comes again soon is found without a look-up, and hardly
 * any edge is written out twice.
 *
 * Memory: some 250 bytes an edge, and 140 for each further lane, besides latency buckets;
 * in a context of the table's own, up to work_mem times hash_mem_multiplier.  Beyond
 * that the edges are written to temporary files, as they are, and merged when they are
 * read.
 */
#ifndef TOPOLOGY_WINDOW_EDGE_TABLE_H
#define TOPOLOGY_WINDOW_EDGE_TABLE_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "store/traffic.h"
#include "window/id_sets.h"

#define EDGE_LANES 2

/* The confidence of an edge that nothing is known of, and times that were not seen. */
#define EDGE_NO_CONFIDENCE (-1.0f)
#define EDGE_NOT_FIRST     DT_NOEND
#define EDGE_NOT_LAST      DT_NOBEGIN

/* What is known of an edge besides, as bits. */
#define EDGE_LIVE     0x1 /* it is linked */
#define EDGE_REQUESTS 0x2 /* metrics counted requests */
#define EDGE_TOLD     0x4 /* metrics or traces have it */

typedef struct edge_span
{
	TimestampTz first;
	TimestampTz last;
} edge_span;

typedef struct merged_edge
{
	int64 src;
	int64 dst;
	edge_span seen;    /* in windows */
	edge_span noted;   /* by who keeps the live map */
	float4 confidence; /* the greatest */
	id_set graphs;
	id_set ways;
	uint32 flags;
	uint32 endpoint_count;
	uint32 endpoint_room;
	int64 *endpoints;                 /* ascending */
	traffic_value *lanes[EDGE_LANES]; /* NULL: none */
} merged_edge;

typedef struct edge_table edge_table;

/* An empty table, in CurrentMemoryContext; sets has the sets that edges refer to. */
extern edge_table *edge_table_create(id_sets *sets);

/*
 * The edge between two nodes, which is made if there is none: then it is fresh, which an
 * edge that was written out becomes, too.  Valid until the next call.
 */
extern merged_edge *edge_table_edge(edge_table *table, int64 src, int64 dst, bool *fresh);

/* A lane of an edge, which is empty at first. */
extern traffic_value *edge_table_lane(edge_table *table, merged_edge *edge, int lane);

/* Note an endpoint; false: it was noted. */
extern bool edge_table_add_endpoint(edge_table *table, merged_edge *edge, int64 endpoint);

/* Add all of from, which may be of another table with the same sets. */
extern void edge_table_merge(edge_table *table, merged_edge *into, const merged_edge *from);

extern void edge_span_add(edge_span *span, TimestampTz first, TimestampTz last);

typedef void (*edge_visit)(void *context, merged_edge *edge);

/*
 * Hand over each edge once, in no order; visit must not touch the table.  Nothing can be
 * added afterwards.
 */
extern void edge_table_each(edge_table *table, edge_visit visit, void *context);

extern void edge_table_free(edge_table *table);

#endif /* TOPOLOGY_WINDOW_EDGE_TABLE_H */
