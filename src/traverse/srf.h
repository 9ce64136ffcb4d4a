/*
 * srf.h
 *		What the set-returning functions of traversal share.
 */
#ifndef TOPOLOGY_TRAVERSE_SRF_H
#define TOPOLOGY_TRAVERSE_SRF_H

#include "fmgr.h"
#include "traverse/expand.h"

/* Sets of graphs as text[]; set scope, leave the rest zero. */
typedef struct graph_names
{
	const edge_scope *scope;
	uint64 graphs; /* the last that was asked for, and its array */
	ArrayType *array;
} graph_names;

/* The names of a set of graphs, in the order of the scope; valid until the next call. */
extern Datum graph_names_array(graph_names *names, uint64 graphs);

#endif /* TOPOLOGY_TRAVERSE_SRF_H */
