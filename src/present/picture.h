/*
 * picture.h
 *		What a picture of the map shows: nodes and edges, ready to be written
 *		in any picture language.
 */
#ifndef TOPOLOGY_PICTURE_H
#define TOPOLOGY_PICTURE_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"

/* A picture of more edges than this cannot be read, and is refused. */
#define PICTURE_MAX_EDGES 2000

typedef struct picture_node
{
	const char *label; /* as SQL writes the node */
	const char *type;
} picture_node;

typedef struct picture_edge
{
	int source; /* index into nodes */
	int target;
	int64 connections;
	int64 failed; /* attempts to connect */
	int64 requests;
	int64 errors;
	int64 bytes;     /* both directions */
	const char *via; /* intermediaries between the two, or NULL */
	bool certain;    /* confidence 1, or not known to be less */
} picture_edge;

/*
 * Nodes are ordered by label and edges by the labels of their ends, in byte
 * order, so that the same map always gives the same text.
 */
typedef struct picture
{
	int node_count;
	picture_node *nodes;
	int edge_count;
	picture_edge *edges;
	int start; /* index of the node it was asked to start from, or -1 */
} picture;

/*
 * The picture that a call of mermaid() or dot() asks for; both have the
 * parameters start, direction, max_depth, during, graphs and level.  With a
 * start: what topo.traverse() reaches from it, and every edge among that, for
 * a missing arrow would read as "does not call".  Without: all of
 * topo.edges().
 *
 * All is allocated in the current memory context.  Raises what those functions
 * raise; program_limit_exceeded for more than PICTURE_MAX_EDGES edges;
 * invalid_parameter_value for a max_depth without a start or a direction that
 * is none.  Costs what edges() costs; a start does not make that cheaper.
 */
extern picture *picture_load(FunctionCallInfo fcinfo);

/*
 * Append a short reading of an edge: requests and errors where there are any,
 * else connections and failed attempts, else bytes; "1.2k req, 3 err".  Nothing
 * without traffic.
 */
extern void picture_append_reading(StringInfo out, const picture_edge *edge);

#endif /* TOPOLOGY_PICTURE_H */
