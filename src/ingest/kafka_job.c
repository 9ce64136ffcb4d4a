/*
 * kafka_job.c
 *		A Kafka topic as a source: its partitions into the tables, exactly once.
 *
 * Offsets are kept in topo.source_position and nowhere else.  A batch is what
 * can be merged in memory, up to topology.batch_memory, or in a second; its records
 * and the offsets behind them are written in one transaction.  Each position
 * takes the word of one epoch only, so a worker that was thought dead and comes
 * back cannot write; its transaction fails, and it ends.
 *
 * What is lost without a record to bury (offsets that the broker has removed, a
 * topic made anew) stops the source, by default, and says so; the option
 * "on_gap" has it go on at the earliest or latest offset instead, and the offsets
 * jumped over are counted as dropped.
 *
 * This file has the job's life and its partitions; kafka_chunk.c polls, and
 * kafka_batch.c writes.
 *
 * Memory: librdkafka's queue takes up to half of topology.batch_memory, the chunk
 * at hand up to a quarter, and the batch up to the whole.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ingest/kafka_state.h"
#include "settings.h"

/* How often new partitions are looked for, and how long a broker may take to answer. */
#define KAFKA_METADATA_INTERVAL_MS 10000
#define KAFKA_ANSWER_MS            5000

void
kafka_report(const stream_error *error)
{
	int code = ERRCODE_CONNECTION_FAILURE;

	switch (error->kind)
	{
		case STREAM_BAD_SETTING:
			code = ERRCODE_INVALID_PARAMETER_VALUE;
			break;
		case STREAM_OUT_OF_MEMORY:
			code = ERRCODE_OUT_OF_MEMORY;
			break;
		case STREAM_AUTHENTICATION:
		case STREAM_AUTHORIZATION:
		case STREAM_TLS:
			code = ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
			break;
		case STREAM_OFFSET_GONE:
		case STREAM_TOPIC_RECREATED:
		case STREAM_BAD_MESSAGE:
			code = ERRCODE_DATA_EXCEPTION;
			break;
		default:
			break;
	}
	ereport(ERROR, (errcode(code), errmsg("%s", error->message),
					error->hint[0] ? errhint("%s", error->hint) : 0));
}

static void
log_warnings(kafka_job *job)
{
	char line[512];

	while (stream_consumer_log(job->consumer, line, sizeof(line)))
		ereport(LOG, (errmsg("source \"%s\": %s", job->name, line)));
}

kafka_partition *
kafka_find_partition(kafka_job *job, int32 id)
{
	for (int i = 0; i < job->partition_count; i++)
		if (job->partitions[i].id == id)
			return &job->partitions[i];
	elog(ERROR, "partition %d of source \"%s\" was not assigned", id, job->name);
}

static kafka_partition *
add_partition(kafka_job *job, int32 id)
{
	kafka_partition *partition;

	job->partitions =
		job->partitions
			? repalloc(job->partitions, sizeof(kafka_partition) * (job->partition_count + 1))
			: MemoryContextAlloc(job->context, sizeof(kafka_partition));
	partition = &job->partitions[job->partition_count++];
	memset(partition, 0, sizeof(*partition));
	partition->id = id;
	partition->read.partition = id;
	partition->read.last_offset = -1;
	partition->log_end = -1;
	partition->end_mark = -1;
	return partition;
}

void
kafka_assign(kafka_job *job)
{
	stream_position *positions = palloc(sizeof(*positions) * Max(job->partition_count, 1));
	stream_error error = {0};

	for (int i = 0; i < job->partition_count; i++)
		positions[i] = job->partitions[i].read;
	if (!stream_consumer_assign(job->consumer, positions, job->partition_count, &error))
		kafka_report(&error);
	pfree(positions);
}

/* Positions of another cluster or topic say nothing of this one. */
static void
check_log(kafka_job *job, const source_position *position)
{
	if (strcmp(position->log, job->log) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("source \"%s\" has read from another cluster or topic", job->name),
						errdetail("It was \"%s\", and is \"%s\" now.", position->log, job->log),
						errhint("Drop the source and add it again to begin anew.")));
}

/* Take up the partitions that the tables know. */
static void
take_over(kafka_job *job)
{
	List *positions;
	ListCell *cell;

	job->epoch = source_take_over(job->source, &positions);
	foreach (cell, positions)
	{
		source_position *position = lfirst(cell);
		kafka_partition *partition;

		check_log(job, position);
		partition = add_partition(job, position->partition);
		partition->read.next_offset = position->next_offset;
		partition->read.last_offset = position->last_offset;
		partition->read.last_fingerprint = position->last_fingerprint;
		partition->stored = partition->read;
	}
}

/*
 * Begin with partitions that the tables do not know yet.  The option "start" is
 * about those that are there when the source is made; what comes later is read
 * from its beginning, or what was written before it was found would be lost.
 */
static void
begin_partitions(kafka_job *job, int count)
{
	bool first = job->partition_count == 0;
	stream_edge edge = first && job->options->start_latest ? STREAM_LATEST : STREAM_EARLIEST;
	stream_position *starts = palloc0(sizeof(*starts) * count);
	stream_error error = {0};
	int unknown = 0;

	for (int id = 0; id < count; id++)
	{
		bool known = false;

		for (int i = 0; i < job->partition_count && !known; i++)
			known = job->partitions[i].id == id;
		if (!known)
			starts[unknown++].partition = id;
	}
	if (!stream_consumer_offsets(job->consumer, edge, starts, unknown, KAFKA_ANSWER_MS, &error))
		kafka_report(&error);
	for (int i = 0; i < unknown; i++)
	{
		kafka_partition *partition = add_partition(job, starts[i].partition);

		partition->read = starts[i];
		partition->stored = starts[i];
		source_begin_log(job->source, partition->id, job->epoch, job->log,
						 partition->stored.next_offset);
	}
	pfree(starts);
}

/* In a transaction of its own: a worker's turn gathers outside of one. */
static void
begin_new_partitions(kafka_job *job, int count)
{
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	begin_partitions(job, count);
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
	kafka_assign(job);
}

static void
look_for_partitions(kafka_job *job)
{
	stream_metadata metadata = {0};
	stream_error error = {0};

	job->next_metadata =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), KAFKA_METADATA_INTERVAL_MS);
	if (!stream_consumer_metadata(job->consumer, KAFKA_ANSWER_MS, &metadata, &error))
	{
		kafka_bear(job, &error);
		return;
	}
	job->trouble[0] = '\0';
	if (metadata.partitions > job->partition_count)
		begin_new_partitions(job, metadata.partitions);
}

/*
 * Records are missing behind a position.  Unless the source is told to go on,
 * that is for somebody to decide.
 */
static void
cross_gap(kafka_job *job, const stream_error *error)
{
	kafka_partition *partition;
	stream_error failure = {0};
	int64 before;

	if (job->options->on_gap == KAFKA_GAP_STOP || error->partition < 0)
		kafka_report(error);
	partition = kafka_find_partition(job, error->partition);
	before = partition->read.next_offset;
	if (!stream_consumer_offsets(job->consumer,
								 job->options->on_gap == KAFKA_GAP_LATEST ? STREAM_LATEST
																		  : STREAM_EARLIEST,
								 &partition->read, 1, KAFKA_ANSWER_MS, &failure))
		kafka_report(&failure);
	ereport(WARNING, (errmsg("source \"%s\" goes on at offset " INT64_FORMAT " of partition %d",
							 job->name, partition->read.next_offset, partition->id),
					  errdetail("%s", error->message)));
	partition->gone += Max(partition->read.next_offset - before, 0);
	partition->changed = true;
	kafka_assign(job);
}

/* What was met behind the last chunk, now that all before it is in the tables. */
static void
settle_failure(kafka_job *job)
{
	stream_error failure = job->failure;

	job->failure.kind = STREAM_NO_ERROR;
	if (failure.kind == STREAM_OFFSET_GONE || failure.kind == STREAM_TOPIC_RECREATED)
		cross_gap(job, &failure);
	else if (failure.kind != STREAM_NO_ERROR)
		kafka_report(&failure);
}

static int64
kafka_lag(source_job *base)
{
	kafka_job *job = (kafka_job *) base;
	int64 lag = 0;

	for (int i = 0; i < job->partition_count; i++)
		lag += Max(job->partitions[i].log_end - job->partitions[i].stored.next_offset, 0);
	return lag;
}

static bool
kafka_has_news(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	for (int i = 0; i < job->partition_count; i++)
		if (job->partitions[i].changed)
			return true;
	return false;
}

static void
kafka_gather(source_job *base, bool now)
{
	kafka_job *job = (kafka_job *) base;

	if (now || GetCurrentTimestamp() >= job->next_metadata)
		look_for_partitions(job);
	log_warnings(job);
	settle_failure(job);
	kafka_fill(job);
	/* nothing is held that has to be written before */
	if (!kafka_has_news(base))
		settle_failure(job);
}

static void
kafka_committed(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	for (int i = 0; i < job->partition_count; i++)
	{
		job->partitions[i].stored = job->partitions[i].read;
		job->partitions[i].gone = 0;
		job->partitions[i].changed = false;
	}
	kafka_release(job);
}

static void
kafka_mark_end(source_job *base)
{
	kafka_job *job = (kafka_job *) base;
	stream_position *ends = palloc0(sizeof(*ends) * Max(job->partition_count, 1));
	stream_error error = {0};

	for (int i = 0; i < job->partition_count; i++)
		ends[i].partition = job->partitions[i].id;
	if (stream_consumer_offsets(job->consumer, STREAM_LATEST, ends, job->partition_count,
								KAFKA_ANSWER_MS, &error))
		for (int i = 0; i < job->partition_count; i++)
			job->partitions[i].end_mark = ends[i].next_offset;
	else
	{
		kafka_bear(job, &error);
		for (int i = 0; i < job->partition_count; i++)
			job->partitions[i].end_mark = PG_INT64_MAX;
	}
	pfree(ends);
}

static bool
kafka_reached_end(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	for (int i = 0; i < job->partition_count; i++)
		if (job->partitions[i].stored.next_offset < job->partitions[i].end_mark)
			return false;
	return job->partition_count > 0;
}

static const char *
kafka_trouble(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	return job->trouble[0] ? job->trouble : NULL;
}

/* A trickle waits for the next turn; a backlog does not. */
static int
kafka_wait_fd(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	return job->more ? stream_consumer_wait_fd(job->consumer) : -1;
}

static void
kafka_clear_wakeup(source_job *base)
{
}

static void
kafka_close(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	stream_consumer_close(job->consumer);
	job->consumer = NULL;
}

static const source_job_routine kafka_routine = {
	.close = kafka_close,
	.gather = kafka_gather,
	.has_news = kafka_has_news,
	.write = kafka_write,
	.committed = kafka_committed,
	.mark_end = kafka_mark_end,
	.reached_end = kafka_reached_end,
	.lag = kafka_lag,
	.trouble = kafka_trouble,
	.wait_fd = kafka_wait_fd,
	.clear_wakeup = kafka_clear_wakeup,
};

/* The first answer of a broker: which cluster this is, and that it lets us in. */
static void
join_cluster(kafka_job *job)
{
	stream_metadata metadata = {0};
	stream_error error = {0};

	if (!stream_consumer_metadata(job->consumer, KAFKA_ANSWER_MS, &metadata, &error))
		kafka_report(&error);
	job->log = MemoryContextStrdup(job->context,
								   psprintf("%s/%s", metadata.cluster_id, job->options->topic));
	take_over(job);
	if (metadata.partitions > job->partition_count)
		begin_partitions(job, metadata.partitions);
	kafka_assign(job);
}

source_job *
kafka_job_open(const source_row *source, MemoryContext context)
{
	MemoryContext previous = MemoryContextSwitchTo(context);
	kafka_job *job = palloc0(sizeof(*job));
	stream_error error = {0};

	job->base.routine = &kafka_routine;
	job->context = context;
	job->scratch = AllocSetContextCreate(context, "topology kafka chunk", ALLOCSET_DEFAULT_SIZES);
	job->source = source->id;
	job->name = pstrdup(source->name);
	job->format = decode_format_find(source->format);
	job->options = kafka_options_load(source->id);
	if (!job->format)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown format \"%s\"", source->format)));
	job->batch = record_batch_create(context, source->name);
	record_batch_set_defaults(job->batch, source->region, source->scope);
	job->consumer = stream_consumer_open(&job->options->consumer, &error);
	if (!job->consumer)
		kafka_report(&error);
	MemoryContextSwitchTo(previous);

	PG_TRY();
	{
		join_cluster(job);
	}
	PG_CATCH();
	{
		kafka_close(&job->base);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return &job->base;
}
