/*
 * topology.c
 *		Entry point of the extension: its settings, and the start of its workers.
 *
 * Loaded by shared_preload_libraries it reserves shared memory, hooks utility
 * commands and registers the launcher; loaded later, on the first call of one
 * of its functions, it only defines the settings, and no worker runs.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "settings.h"
#include "traverse/snapshot_store.h"
#include "traverse/stream_scan.h"
#include "memo/memo_store.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

int topology_max_sources = 16;
int topology_flush_interval = 1000;
int topology_snapshot_interval = 2000;
int topology_metadata_interval = 10000;
int topology_batch_memory = 64 * 1024;
int topology_span_horizon = 600;
int topology_resolve_memory = 256 * 1024;
int topology_max_address_nodes = 10000;
int topology_max_apportioned_edges = 10000;
int topology_restart_delay_max = 60;
int topology_maintenance_interval = 10000;
int topology_rollup_delay = 60;
int topology_partition_size = 1024 * 1024;
int topology_memo_memory = 64 * 1024;
int topology_dense_minute = 5000;
double topology_clock_offset = 0;
int topology_snapshot_memory = 1024 * 1024;
bool topology_use_memos = true;
bool topology_use_snapshot = true;
char *topology_pin_dir = NULL;

extern PGDLLEXPORT void _PG_init(void);

static void
define_worker_settings(void)
{
	DefineCustomIntVariable(
		"topology.max_sources",
		"Sets how many sources can run at once in this server, and in how many databases "
		"windows are kept up.",
		"Each source has a background worker, and so has each database with graphs; "
		"max_worker_processes must allow for them, for the launcher, and for one more "
		"that looks at a database.",
		&topology_max_sources, 16, 1, 1024, PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("topology.restart_delay_max",
							"Sets the longest wait before a failed worker is started again.",
							"The first wait is a second; it doubles with each failure in a row.",
							&topology_restart_delay_max, 60, 1, 3600, PGC_SIGHUP, GUC_UNIT_S, NULL,
							NULL, NULL);
	DefineCustomIntVariable(
		"topology.maintenance_interval", "Sets the time between two rounds of maintenance.",
		"In each, edges fade, hours and days are rolled up, and old windows go; 0: in none.",
		&topology_maintenance_interval, 10000, 0, 3600000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL,
		NULL);
}

/* What is reserved when the server starts. */
static void
define_memory_settings(void)
{
	DefineCustomIntVariable(
		"topology.memo_memory",
		"Sets the shared memory for windows that were merged once, to be used again.",
		"0: nothing is remembered.  The answers are the same without.", &topology_memo_memory,
		64 * 1024, 0, MAX_KILOBYTES, PGC_POSTMASTER, GUC_UNIT_KB, NULL, NULL, NULL);
}

static void
define_ingest_settings(void)
{
	DefineCustomIntVariable(
		"topology.flush_interval", "Sets the time between two batches of a source.",
		"Traffic is in the map this long after it was captured, at the most.",
		&topology_flush_interval, 1000, 10, 60000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"topology.metadata_interval",
		"Sets the time between two looks at the partitions of a topic.",
		"Partitions that are added to a topic are read from their beginning when they are found.",
		&topology_metadata_interval, 10000, 100, 600000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"topology.batch_memory", "Sets the memory that a batch of one source may take.",
		"A batch that reaches it is written before its time.", &topology_batch_memory, 64 * 1024,
		256, 1024 * 1024, PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("topology.span_horizon",
							"Sets how long a span waits for the other side of its call.",
							"Spans are kept for that long after they came.", &topology_span_horizon,
							600, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
define_resolve_settings(void)
{
	DefineCustomIntVariable(
		"topology.resolve_memory", "Sets the memory that the resolution of flows may take.",
		"What does not fit goes to temporary files; hops through intermediaries that would need "
		"more to be joined stay hops.",
		&topology_resolve_memory, 256 * 1024, 16 * 1024, MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB,
		NULL, NULL, NULL);
	DefineCustomIntVariable(
		"topology.max_address_nodes",
		"Sets how many nodes may stand for private addresses that nobody is known to hold.",
		"All further ones are the node address:overflow.", &topology_max_address_nodes, 10000, 0,
		INT_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("topology.max_apportioned_edges",
							"Sets how many edges one listener of an intermediary may become in a "
							"window.",
							"Where callers times callees are more, its hops stay what they are.",
							&topology_max_apportioned_edges, 10000, 1, INT_MAX, PGC_SUSET, 0, NULL,
							NULL, NULL);
}

static void
define_window_settings(void)
{
	DefineCustomIntVariable("topology.rollup_delay",
							"Sets how long no records must have come for an hour or a day before "
							"it is rolled up.",
							"Until then its minutes are read.", &topology_rollup_delay, 60, 0,
							86400, PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("topology.partition_size",
							"Sets how large a partition of windows is to become at the most.",
							"The next ones are made narrower, or wider, accordingly.",
							&topology_partition_size, 1024 * 1024, 64, MAX_KILOBYTES, PGC_SUSET,
							GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"topology.dense_minute",
		"Sets how many windows of edges a minute must come to for windows of ten minutes besides.",
		"They come where the minutes of the last three hours do on average, and go where those of "
		"no hour of a day come to a quarter; 0: they neither come nor go.",
		&topology_dense_minute, 5000, 0, INT_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable(
		"topology.clock_offset",
		"Sets how far the clock that windows are kept by is ahead of the server's.",
		"For tests: edges fade, and windows expire, as if it were then.", &topology_clock_offset, 0,
		-1e10, 1e10, PGC_SUSET, GUC_UNIT_S | GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
}

static void
define_traverse_settings(void)
{
	DefineCustomIntVariable(
		"topology.snapshot_memory",
		"Sets the shared memory that the snapshots of all graphs may take together.",
		"What does not fit is answered from the tables; 0: no snapshots are taken.",
		&topology_snapshot_memory, 1024 * 1024, 0, MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB, NULL,
		NULL, NULL);
	DefineCustomBoolVariable("topology.use_memos",
							 "Whether ranges are answered from what was merged before.",
							 "The answers are the same without.", &topology_use_memos, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("topology.use_snapshot",
							 "Whether traversal is answered from snapshots in shared memory.",
							 "The answers are the same without.", &topology_use_snapshot, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);
}

static void
define_capture_settings(void)
{
	DefineCustomIntVariable(
		"topology.snapshot_interval",
		"Sets the time between two looks at the open connections of this host.",
		"A connection that stays open is in the map after this time; a look costs "
		"about a microsecond a socket.",
		&topology_snapshot_interval, 2000, 100, 600000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomStringVariable("topology.pin_dir",
							   "Sets where topology-agent pin has put the capture's BPF objects.",
							   "A source's option pin_dir overrides it.", &topology_pin_dir,
							   "/sys/fs/bpf/topology", PGC_SIGHUP, 0, NULL, NULL, NULL);
}

void
_PG_init(void)
{
	define_ingest_settings();
	define_resolve_settings();
	define_window_settings();
	define_traverse_settings();
	define_capture_settings();
	if (process_shared_preload_libraries_in_progress)
	{
		define_worker_settings();
		define_memory_settings();
	}
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved("topology");
#else
	EmitWarningsOnPlaceholders("topology");
#endif
	if (process_shared_preload_libraries_in_progress)
	{
		snapshot_store_init();
		memo_store_init();
		stream_scan_init();
		worker_init();
	}
}
