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
extern int topology_restart_delay_max; /* s, the longest wait before a failed worker's restart */
extern char *topology_pin_dir;         /* where topology-agent pin has put its objects */

#endif /* TOPOLOGY_SETTINGS_H */
