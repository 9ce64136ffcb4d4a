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
 * This file has the job's life; kafka_partitions.c knows where each partition is
 * read from, kafka_chunk.c polls, and kafka_batch.c writes.
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

/* What was met behind the last chunk, now that all before it is in the tables. */
static void
settle_failure(kafka_job *job)
{
	stream_error failure = job->failure;

	job->failure.kind = STREAM_NO_ERROR;
	if (failure.kind == STREAM_OFFSET_GONE || failure.kind == STREAM_TOPIC_RECREATED)
		kafka_cross_gap(job, &failure);
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

/*
 * After each look the last records are compared, which has to come to an end: but
 * one partition that nobody answers for does not keep the job from looking.
 */
static bool
is_time_to_look(const kafka_job *job)
{
	TimestampTz now = GetCurrentTimestamp();

	return now >= job->next_metadata &&
		   (stream_consumer_is_certain(job->consumer) ||
			now >= TimestampTzPlusMilliseconds(job->next_metadata, KAFKA_ANSWER_MS));
}

static void
kafka_gather(source_job *base, bool now)
{
	kafka_job *job = (kafka_job *) base;

	if (is_time_to_look(job) && kafka_look_for_partitions(job))
		kafka_look_for_ends(job);
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

	kafka_note_stored(job);
	kafka_release(job);
}

/* An end before what was read is that of another topic, which is noticed soon. */
static bool
set_marks(kafka_job *job, const stream_position *ends)
{
	for (int i = 0; i < job->partition_count; i++)
	{
		if (ends[i].next_offset < job->partitions[i].stored.next_offset)
			return false;
		job->partitions[i].end_mark = ends[i].next_offset;
	}
	return true;
}

static bool
kafka_mark_end(source_job *base)
{
	kafka_job *job = (kafka_job *) base;
	stream_position *ends;
	stream_error error = {0};
	bool known;

	/* what is in partitions that nobody has read from yet is in the log too */
	if (!stream_consumer_is_certain(job->consumer) || !kafka_look_for_partitions(job))
		return false;
	ends = palloc0(sizeof(*ends) * Max(job->partition_count, 1));
	for (int i = 0; i < job->partition_count; i++)
		ends[i].partition = job->partitions[i].id;
	known = stream_consumer_offsets(job->consumer, STREAM_LATEST, ends, job->partition_count,
									KAFKA_ANSWER_MS, &error);
	if (!known)
		kafka_bear(job, &error);
	known = known && set_marks(job, ends);
	pfree(ends);
	return known;
}

static bool
kafka_reached_end(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	for (int i = 0; i < job->partition_count; i++)
		if (job->partitions[i].stored.next_offset < job->partitions[i].end_mark)
			return false;
	return job->partition_count > 0 && stream_consumer_is_certain(job->consumer);
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
		kafka_join(job);
	}
	PG_CATCH();
	{
		kafka_close(&job->base);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return &job->base;
}
