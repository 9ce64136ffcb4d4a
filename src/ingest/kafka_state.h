/*
 * kafka_state.h
 *		The inside of a job that reads a topic.  For kafka_*.c only.
 */
#ifndef TOPOLOGY_INGEST_KAFKA_STATE_H
#define TOPOLOGY_INGEST_KAFKA_STATE_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "compat.h"
#include "decode/formats.h"
#include "ingest/job.h"
#include "ingest/kafka_options.h"
#include "ingest/record_batch.h"
#include "stream/consumer.h"

typedef struct kafka_partition
{
	int32 id;
	stream_position read;     /* where the consumer goes on, behind what is held */
	stream_position stored;   /* the same as of the last commit */
	int64 careful_until;      /* up to this offset records are taken with care */
	int64 log_end;            /* as far as is known; -1: not known */
	int64 stored_end;         /* the same as of the last commit */
	int64 end_mark;           /* what reached_end waits for; -1: nothing */
	int64 gone;               /* offsets jumped over, to be counted */
	source_progress progress; /* of the batch at hand */
	bool changed;             /* progress is to be written */
} kafka_partition;

typedef struct kafka_job
{
	source_job base;
	MemoryContext context;
	MemoryContext scratch; /* of one chunk */
	int32 source;
	char *name;
	const decode_format *format;
	kafka_options *options;
	char *log; /* the cluster and the topic */
	int64 epoch;
	stream_consumer *consumer;
	kafka_partition *partitions;
	int partition_count;
	stream_message *held; /* the chunk at hand */
	size_t held_count;
	size_t held_size; /* of the array */
	record_batch *batch;
	bool more;            /* the last polling ended at a limit, not at the end */
	stream_error failure; /* that needs more than time, met behind what is held; or no error */
	TimestampTz next_metadata;
	char trouble[640]; /* "": none */
} kafka_job;

/* How long a broker may take to answer; and one that did not answer just now. */
#define KAFKA_ANSWER_MS   5000
#define KAFKA_TROUBLED_MS 1000

/* kafka_job.c: raise an error of the stream. */
pg_noreturn extern void kafka_report(const stream_error *error);

/* kafka_partitions.c: the partition of that number, which has been assigned. */
extern kafka_partition *kafka_find_partition(kafka_job *job, int32 id);

/*
 * Ask where the log ends: of a partition that has to wait for its turn, no fetch
 * tells.
 */
extern void kafka_look_for_ends(kafka_job *job);

/* Have the consumer read every partition from where the job is. */
extern void kafka_assign(kafka_job *job);

/*
 * The first question to a broker: which cluster this is, and whether it lets us
 * in.  Takes the source over, and assigns its partitions.  Needs SPI.
 */
extern void kafka_join(kafka_job *job);

/*
 * Ask which partitions there are, and read those that are new.  False: no broker
 * tells, which trouble then says.  Not in a transaction.
 */
extern bool kafka_look_for_partitions(kafka_job *job);

/*
 * Records are missing behind a position.  Unless the source is told to go on, that
 * is for somebody to decide, and an error.
 */
extern void kafka_cross_gap(kafka_job *job, const stream_error *error);

/* kafka_chunk.c: whether what was read before, and could not be stored, is read again. */
extern bool kafka_is_careful(const kafka_job *job);

/*
 * Poll until a chunk is held, or there is nothing more for now: for some 50 ms
 * at the most, where the log is known to hold more.  Positions move with what is
 * polled.  An error that does not pass by itself ends the chunk, and is kept in
 * failure.
 */
extern void kafka_fill(kafka_job *job);

/* Show an error that may pass; raise any other. */
extern void kafka_bear(kafka_job *job, const stream_error *error);

/* Let go of the chunk. */
extern void kafka_release(kafka_job *job);

/* kafka_batch.c: the job's write, of what is held and what follows it. */
extern bool kafka_write(source_job *base);

/* Write how far the job is, in the caller's transaction. */
extern void kafka_store_positions(kafka_job *job);

/* Take note that what was written is in the tables. */
extern void kafka_note_stored(kafka_job *job);

#endif /* TOPOLOGY_INGEST_KAFKA_STATE_H */
