/*
 * series_windows.h
 *		The windows of a graph, as traffic of a series.
 *
 * What answers is for topo.window_conditions() to say.  Windows are read by queries of the
 * caller's rights and snapshot.  What the packs of one minute (or hour, or day) come to
 * is remembered (memo_store.h), known by those packs and the nodes asked for: so when it
 * is asked again, for whatever steps, only what was packed since is read, besides the
 * windows that are in rows of their own.
 *
 * Needs SPI.  A pack takes some 10 us to fetch, and 50 ns for each of its windows; its
 * row takes some 200 ns where it need not be fetched.
 */
#ifndef TOPOLOGY_WINDOW_SERIES_WINDOWS_H
#define TOPOLOGY_WINDOW_SERIES_WINDOWS_H

#include "postgres.h"

#include "window/series.h"

/* Add the windows of a graph. */
extern void series_read(series *s, const char *graph);

#endif /* TOPOLOGY_WINDOW_SERIES_WINDOWS_H */
