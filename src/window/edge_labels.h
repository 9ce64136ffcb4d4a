/*
 * edge_labels.h
 *		What edges of a merged map have in common, as values of SQL, each made once.
 */
#ifndef TOPOLOGY_WINDOW_EDGE_LABELS_H
#define TOPOLOGY_WINDOW_EDGE_LABELS_H

#include "window/window_merge.h"

typedef struct edge_labels edge_labels;

/* In CurrentMemoryContext; graphs has the names of the graphs, as text, by their numbers. */
extern edge_labels *edge_labels_create(const window_merge *merge, const Datum *graphs);

/* The names of some graphs as text[]. */
extern Datum edge_labels_graphs(edge_labels *labels, id_set graphs);

/* The intermediaries of some ways, as topo.via_labels() has them; false: none.  Needs SPI. */
extern bool edge_labels_via(edge_labels *labels, id_set ways, Datum *via);

#endif /* TOPOLOGY_WINDOW_EDGE_LABELS_H */
