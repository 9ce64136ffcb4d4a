/*
 * window.h
 *		Upkeep of the tables of windows, for the worker.
 *
 * Each of these does what the SQL function does that it is named after, in the
 * caller's transaction, and needs SPI and a snapshot.  They raise what that
 * raises; that somebody holds a lock is no error, the next call does what was
 * left.
 */
#ifndef TOPOLOGY_WINDOW_H
#define TOPOLOGY_WINDOW_H

#include "postgres.h"

/*
 * topo.keep_up(): what must not wait, such as partitions ahead and edges that
 * fade.  Cheap where there is nothing to do: call it about every ten seconds.
 */
extern void window_keep_up(void);

/*
 * topo.merge_next_minute(), topo.roll_up_next(), topo.adapt_next() and
 * topo.expire_next(): one minute, bucket, graph or partition.  False: there is nothing
 * left to do.
 */
extern bool window_merge_minute(void);
extern bool window_roll_up(void);
extern bool window_adapt(void);
extern bool window_expire(void);

#endif /* TOPOLOGY_WINDOW_H */
