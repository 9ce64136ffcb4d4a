/*
 * windows.h
 *		A table of windows and a record to put into it.
 */
#ifndef TOPOLOGY_UNIT_WINDOWS_H
#define TOPOLOGY_UNIT_WINDOWS_H

#include "unit.h"

#include "flow/flow_window.h"

#define WINDOW_NS INT64_C(10000000000)
#define NO_BOUND  SIZE_MAX

/* A record with every field set, in the window that begins at 3 * WINDOW_NS. */
extern flow_record sample_record(void);

/* A table of WINDOW_NS over malloc, to be destroyed. */
extern flow_window_table *new_table(size_t max_bytes);

#endif /* TOPOLOGY_UNIT_WINDOWS_H */
