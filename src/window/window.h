/*
 * window.h
 *		Upkeep of the tables of windows, for the worker.
 */
#ifndef TOPOLOGY_WINDOW_H
#define TOPOLOGY_WINDOW_H

/*
 * Run topo.maintain_windows(): partitions ahead, edges that fade, windows older
 * than their retention.  Call inside a transaction; needs no snapshot and no
 * SPI connection.  Raises what the SQL function raises; that somebody holds a
 * lock is no error, the next round does what was left.  Cheap when there is
 * nothing to do: call it about every ten seconds.
 */
extern void window_maintain(void);

#endif /* TOPOLOGY_WINDOW_H */
