/*
 * edge_spill.h
 *		Merged edges in temporary files, in order of their ends.
 */
#ifndef TOPOLOGY_WINDOW_EDGE_SPILL_H
#define TOPOLOGY_WINDOW_EDGE_SPILL_H

#include "window/edge_table.h"

typedef struct edge_spill edge_spill;

/* In CurrentMemoryContext; work_mem before it is written to files. */
extern edge_spill *edge_spill_create(void);

/* Write an edge, which may come more than once. */
extern void edge_spill_write(edge_spill *spill, const merged_edge *edge);

/* All are written: reading begins. */
extern void edge_spill_sort(edge_spill *spill);

/*
 * The next one, by source and target; false: there is none.  What it points to is
 * allocated in CurrentMemoryContext.
 */
extern bool edge_spill_read(edge_spill *spill, merged_edge *edge);

extern void edge_spill_end(edge_spill *spill);

#endif /* TOPOLOGY_WINDOW_EDGE_SPILL_H */
