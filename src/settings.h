/*
 * settings.h
 *		The settings (GUCs) of the extension; topology.c defines them.
 */
#ifndef TOPOLOGY_SETTINGS_H
#define TOPOLOGY_SETTINGS_H

extern int topology_max_sources;       /* sources that can run at once in the server */
extern int topology_flush_interval;    /* ms between two batches of a source */
extern int topology_snapshot_interval; /* ms between two looks at open connections */
extern int topology_metadata_interval; /* ms between two looks at the partitions of a topic */
extern int topology_batch_memory;      /* kB that a batch may take in memory */
extern int topology_span_horizon;      /* s that a span waits for the other side of its call */
extern int topology_resolve_memory;    /* kB that the resolution of flows may take in memory */
extern int topology_max_address_nodes; /* nodes that stand for addresses nobody is known to hold */
extern int topology_max_apportioned_edges; /* edges of one listener and window */
extern int topology_restart_delay_max;    /* s, the longest wait before a failed worker's restart */
extern int topology_maintenance_interval; /* ms between two rounds of maintenance; 0: none */
extern int topology_partition_size;       /* kB of a partition of windows, at the most */
extern int topology_dense_minute;         /* windows of a minute beside which ten minutes pay */
extern int topology_rollup_delay;    /* s that an hour or a day is quiet before it is rolled up */
extern int topology_memo_memory;     /* kB for windows that were merged once; 0: none */
extern double topology_clock_offset; /* s that the clock of windows is ahead of the server's */
extern int topology_snapshot_memory; /* kB that the snapshots of all graphs may take together */
extern bool topology_use_memos;      /* whether ranges are answered from memos */
extern bool topology_use_snapshot;   /* whether questions are answered from snapshots */
extern char *topology_pin_dir;       /* where topology-agent pin has put its objects */

#endif /* TOPOLOGY_SETTINGS_H */
