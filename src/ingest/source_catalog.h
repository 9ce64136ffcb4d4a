/*
 * source_catalog.h
 *		What the tables say of a source, and what a worker writes there.
 *
 * All need SPI and a transaction; positions and dead letters are written in the
 * transaction that writes the rows they belong to.
 */
#ifndef TOPOLOGY_INGEST_SOURCE_CATALOG_H
#define TOPOLOGY_INGEST_SOURCE_CATALOG_H

#include "postgres.h"

/* A source; texts are in the memory context that it was loaded into. */
typedef struct source_row
{
	int32 id;
	char *name;
	char *kind;
	char *pin_dir; /* NULL: the setting's */
	char *region;  /* NULL: none; UTF-8 */
	char *scope;   /* NULL: the default one; UTF-8 */
} source_row;

/* How far a source has come in one partition of its log. */
typedef struct source_position
{
	char *log; /* which log next_offset counts in */
	int64 next_offset;
} source_position;

/* What one batch adds to a position. */
typedef struct source_progress
{
	const char *log;
	int64 next_offset;
	int64 records;
	int64 dead_letters;
	int64 dropped_in_log; /* all that this log has lost so far */
	int64 gone;           /* records, at least, that were freed unread */
} source_progress;

/* The enabled source of that id, in the current memory context, or NULL. */
extern source_row *source_load(int32 id);

/* The position of a partition, or NULL where the source has none yet. */
extern source_position *source_load_position(int32 id, int32 partition);

/* Write a position; the first time, or when log is another one, it starts anew. */
extern void source_store_progress(int32 id, int32 partition, const source_progress *progress);

/* Write a record that cannot be used. */
extern void source_store_dead_letter(const char *source, int32 partition, int64 offset,
									 const void *payload, size_t length, const char *reason);

/* The rules in force that name workloads, one a line, UTF-8, in the current context. */
extern char *source_identity_rules(void);

#endif /* TOPOLOGY_INGEST_SOURCE_CATALOG_H */
