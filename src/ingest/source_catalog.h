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

#include "nodes/pg_list.h"

/* A source; texts are in the memory context that it was loaded into. */
typedef struct source_row
{
	int32 id;
	char *name;
	char *kind;
	char *format;
	char *pin_dir; /* of ebpf; NULL: the setting's */
	char *region;  /* NULL: none; UTF-8 */
	char *scope;   /* NULL: the default one; UTF-8 */
	char *netns;   /* of ebpf: the network namespaces to take, and to leave; NULL: none named */
	char *except_netns;
} source_row;

/* A key and a value, as text. */
typedef struct source_option
{
	char *name;
	char *value;
} source_option;

/* How far a source has come in one partition of its log. */
typedef struct source_position
{
	int32 partition;
	char *log; /* which log next_offset counts in */
	int64 next_offset;
	int64 last_offset; /* of the last record that was taken; -1: none */
	uint64 last_fingerprint;
	int64 log_end; /* as far as is known; -1: not known */
} source_position;

/* What one batch adds to a position. */
typedef struct source_progress
{
	int64 expected_offset; /* what the tables must have, or another worker took over */
	int64 next_offset;
	int64 last_offset; /* of the last record that was taken; -1: none */
	uint64 last_fingerprint;
	int64 log_end; /* where the log ends as far as is known; -1: not known */
	int64 records;
	int64 dead_letters;
	int64 dropped_in_log; /* all that this log has lost so far */
	int64 gone;           /* records, at least, that were freed unread */
} source_progress;

/* The enabled source of that id, in the current memory context, or NULL. */
extern source_row *source_load(int32 id);

/* A source's options as a List of source_option, in the current memory context. */
extern List *source_load_options(int32 id);

/*
 * Become the one worker of a source: from now on the positions take the word of
 * this epoch only, which is returned with the List of source_position.
 */
extern int64 source_take_over(int32 id, List **positions);

/* Begin to count in a log; what the partition had counted in another is kept. */
extern void source_begin_log(int32 id, int32 partition, int64 epoch, const char *log,
							 int64 next_offset);

/* There is no such partition any more: nothing waits there.  What it had counted is kept. */
extern void source_end_log(int32 id, int32 partition);

/*
 * Write a position.  Raises ERRCODE_T_R_SERIALIZATION_FAILURE where another
 * worker has taken the source over.
 */
extern void source_store_progress(int32 id, int32 partition, int64 epoch,
								  const source_progress *progress);

/*
 * The most bytes of a dead letter, and of its key, that are kept.  No format takes
 * a longer message.
 */
#define SOURCE_LETTER_BYTES ((size_t) 16 * 1024 * 1024)

/* Write a record that cannot be used, cut where it is too long; key NULL: it has none. */
extern void source_store_dead_letter(const char *source, int32 partition, int64 offset,
									 const void *key, size_t key_length, const void *payload,
									 size_t length, const char *reason);

/* The rules in force that name workloads, one a line, UTF-8, in the current context. */
extern char *source_identity_rules(void);

#endif /* TOPOLOGY_INGEST_SOURCE_CATALOG_H */
