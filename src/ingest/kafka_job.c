/*
 * kafka_job.c
 *		A Kafka topic as a source: its partitions into the tables, exactly once.
 *
 * Offsets are kept in topo.source_position and nowhere else.  A batch is what
 * the consumer holds when a turn begins, up to topology.batch_memory; its records
 * and the offsets behind them are written in one transaction.  Each position
 * takes the word of one epoch only, so a worker that was thought dead and comes
 * back cannot write; its transaction fails, and it ends.
 *
 * A record that cannot be decoded is a dead letter in the same transaction.
 * Where SQL itself refuses a batch for its data, the batch is halved, in
 * subtransactions, until the records that it stumbles over are found; these are
 * dead letters too.
 *
 * What is lost without a record to bury (offsets that the broker has removed, a
 * topic made anew) stops the source, by default, and says so; the option
 * "on_gap" has it go on at the earliest or latest offset instead, and the offsets
 * jumped over are counted as dropped.
 *
 * Memory: the consumer's queue and the records held are bounded by
 * topology.batch_memory together, the batch by the same again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "decode/formats.h"
#include "ingest/job.h"
#include "ingest/kafka_options.h"
#include "ingest/record_batch.h"
#include "settings.h"
#include "stream/consumer.h"

/* Records of one transaction, at the most. */
#define KAFKA_BATCH_RECORDS 200000

/* How often new partitions are looked for, and how long a broker may take to answer. */
#define KAFKA_METADATA_INTERVAL_MS 10000
#define KAFKA_ANSWER_MS            5000

/* How long a turn waits for its batch to fill while the log is known to hold more. */
#define KAFKA_FILL_MS 50

typedef struct kafka_partition
{
	int32 id;
	stream_position read;     /* where the consumer goes on, behind what is held */
	int64 stored;             /* next_offset in the tables */
	int64 log_end;            /* as far as is known; -1: not known */
	int64 end_mark;           /* what reached_end waits for; -1: nothing */
	int64 gone;               /* offsets jumped over, to be counted */
	source_progress progress; /* of the batch at hand */
	bool changed;             /* progress is to be written */
} kafka_partition;

typedef struct kafka_job
{
	source_job base;
	MemoryContext context;
	int32 source;
	char *name;
	const decode_format *format;
	kafka_options *options;
	char *log; /* the cluster and the topic */
	int64 epoch;
	stream_consumer *consumer;
	kafka_partition *partitions;
	int partition_count;
	stream_message *held; /* the records of the batch at hand */
	size_t held_count;
	size_t held_size; /* of the array */
	record_batch *batch;
	bool more; /* the last gathering ended at a limit, not at the end */
	TimestampTz next_metadata;
	char trouble[640]; /* "": none */
} kafka_job;

static void
report_stream_error(const stream_error *error)
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

/* Show an error that may pass; raise any other. */
static void
bear(kafka_job *job, const stream_error *error)
{
	if (!stream_error_may_pass(error->kind))
		report_stream_error(error);
	if (strcmp(job->trouble, error->message) != 0)
		ereport(WARNING, (errmsg("source \"%s\": %s", job->name, error->message),
						  error->hint[0] ? errhint("%s", error->hint) : 0));
	strlcpy(job->trouble, error->message, sizeof(job->trouble));
}

static void
log_warnings(kafka_job *job)
{
	char line[512];

	while (stream_consumer_log(job->consumer, line, sizeof(line)))
		ereport(LOG, (errmsg("source \"%s\": %s", job->name, line)));
}

static kafka_partition *
find_partition(kafka_job *job, int32 id)
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

/* Have the consumer read every partition from where the job is. */
static void
assign(kafka_job *job)
{
	stream_position *positions = palloc(sizeof(*positions) * Max(job->partition_count, 1));
	stream_error error = {0};

	for (int i = 0; i < job->partition_count; i++)
		positions[i] = job->partitions[i].read;
	if (!stream_consumer_assign(job->consumer, positions, job->partition_count, &error))
		report_stream_error(&error);
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
		partition->stored = position->next_offset;
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
		report_stream_error(&error);
	for (int i = 0; i < unknown; i++)
	{
		kafka_partition *partition = add_partition(job, starts[i].partition);

		partition->read = starts[i];
		partition->stored = starts[i].next_offset;
		source_begin_log(job->source, partition->id, job->epoch, job->log, partition->stored);
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
	assign(job);
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
		bear(job, &error);
		return;
	}
	job->trouble[0] = '\0';
	if (metadata.partitions > job->partition_count)
		begin_new_partitions(job, metadata.partitions);
}

/* Take note of how far the consumer has come, over records and marks of transactions. */
static void
note_positions(kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
	{
		kafka_partition *partition = &job->partitions[i];

		partition->read = stream_consumer_position(job->consumer, partition->id);
		partition->changed |= partition->read.next_offset != partition->stored;
	}
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
		report_stream_error(error);
	note_positions(job);
	partition = find_partition(job, error->partition);
	before = partition->read.next_offset;
	if (!stream_consumer_offsets(job->consumer,
								 job->options->on_gap == KAFKA_GAP_LATEST ? STREAM_LATEST
																		  : STREAM_EARLIEST,
								 &partition->read, 1, KAFKA_ANSWER_MS, &failure))
		report_stream_error(&failure);
	ereport(WARNING, (errmsg("source \"%s\" goes on at offset " INT64_FORMAT " of partition %d",
							 job->name, partition->read.next_offset, partition->id),
					  errdetail("%s", error->message)));
	partition->gone += Max(partition->read.next_offset - before, 0);
	partition->changed = true;
	assign(job);
}

static void
hold_message(kafka_job *job, const stream_message *message)
{
	if (job->held_count == job->held_size)
	{
		job->held_size = Max(job->held_size * 2, 1024);
		job->held = job->held ? repalloc_huge(job->held, sizeof(stream_message) * job->held_size)
							  : MemoryContextAllocHuge(job->context,
													   sizeof(stream_message) * job->held_size);
	}
	job->held[job->held_count++] = *message;
}

/* False: nothing more for now. */
static bool
gather_one(kafka_job *job, int timeout_ms)
{
	stream_item item;

	switch (stream_consumer_poll(job->consumer, timeout_ms, &item))
	{
		case STREAM_MESSAGE:
			hold_message(job, &item.message);
			job->trouble[0] = '\0';
			return true;
		case STREAM_END:
			find_partition(job, item.partition)->log_end = item.offset;
			job->trouble[0] = '\0';
			return true;
		case STREAM_ERROR:
			if (item.error.kind == STREAM_OFFSET_GONE || item.error.kind == STREAM_TOPIC_RECREATED)
				cross_gap(job, &item.error);
			else
				bear(job, &item.error);
			return true;
		case STREAM_EMPTY:
			break;
	}
	return false;
}

static void
note_watermarks(kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
	{
		int64 end = stream_consumer_high_watermark(job->consumer, job->partitions[i].id);

		if (end > job->partitions[i].log_end)
			job->partitions[i].log_end = end;
	}
}

static int64
kafka_lag(source_job *base)
{
	kafka_job *job = (kafka_job *) base;
	int64 lag = 0;

	for (int i = 0; i < job->partition_count; i++)
		lag += Max(job->partitions[i].log_end - job->partitions[i].stored, 0);
	return lag;
}

static bool
is_full(kafka_job *job)
{
	return job->held_count >= KAFKA_BATCH_RECORDS ||
		   stream_consumer_held(job->consumer) >= (size_t) topology_batch_memory * 1024 / 2;
}

static void
kafka_gather(source_job *base, bool now)
{
	kafka_job *job = (kafka_job *) base;
	TimestampTz begin = GetCurrentTimestamp();

	if (now || begin >= job->next_metadata)
		look_for_partitions(job);
	log_warnings(job);
	while (!is_full(job))
	{
		bool waits =
			job->more && !TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), KAFKA_FILL_MS);

		CHECK_FOR_INTERRUPTS();
		if (!gather_one(job, waits ? KAFKA_FILL_MS / 5 : 0) && !waits)
			break;
	}
	note_positions(job);
	note_watermarks(job);
	job->more = is_full(job) || kafka_lag(base) > (int64) job->held_count;
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

/* The record at hand, for what it has to say when it is refused. */
typedef struct kafka_letter
{
	kafka_job *job;
	const stream_message *message;
} kafka_letter;

static void
bury(kafka_job *job, const stream_message *message, const void *data, size_t length,
	 const char *reason)
{
	source_store_dead_letter(job->name, message->partition, message->offset, message->key,
							 message->key_length, data, length, reason);
	find_partition(job, message->partition)->progress.dead_letters++;
}

static void
refuse(void *context, const char *data, size_t length, const decode_error *error)
{
	kafka_letter *letter = context;
	char *reason = error->field[0] ? psprintf("field \"%s\" %s", error->field, error->message)
								   : pstrdup(error->message);

	bury(letter->job, letter->message, data, length, reason);
}

static void
take_message(kafka_job *job, const stream_message *message)
{
	kafka_letter letter = {job, message};

	/* a tombstone deletes what a key stands for, and a flow is nothing that is kept by key */
	if (!message->payload)
		return;
	find_partition(job, message->partition)->progress.records += record_batch_take(
		job->batch, job->format, message->payload, message->payload_length, refuse, &letter);
}

static void
take_messages(kafka_job *job, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		take_message(job, &job->held[i]);
	}
	if (!record_batch_is_empty(job->batch))
		record_batch_store(job->batch);
}

/* Whether an error is about the data of a batch, and not about the server. */
static bool
is_about_data(int sqlerrcode)
{
	int category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION ||
		   category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		   category == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

/* Take records in a subtransaction; NULL, or the error that the data met. */
static ErrorData *
try_messages(kafka_job *job, size_t first, size_t count)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		take_messages(job, first, count);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (!is_about_data(error->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		record_batch_clear(job->batch);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

static void
count_progress(kafka_job *job, bool restore, source_progress *saved)
{
	for (int i = 0; i < job->partition_count; i++)
		if (restore)
			job->partitions[i].progress = saved[i];
		else
			saved[i] = job->partitions[i].progress;
}

/* Halve what fails until the records that are at fault are alone. */
static void
take_or_bury(kafka_job *job, size_t first, size_t count)
{
	source_progress *saved = palloc(sizeof(*saved) * job->partition_count);
	ErrorData *error;

	count_progress(job, false, saved);
	error = try_messages(job, first, count);
	if (error)
	{
		const stream_message *message = &job->held[first];

		count_progress(job, true, saved);
		if (count == 1)
			bury(job, message, message->payload, message->payload_length, error->message);
		else
		{
			take_or_bury(job, first, count / 2);
			take_or_bury(job, first + count / 2, count - count / 2);
		}
		FreeErrorData(error);
	}
	pfree(saved);
}

static void
store_positions(kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
	{
		kafka_partition *partition = &job->partitions[i];
		source_progress *progress = &partition->progress;

		if (!partition->changed)
			continue;
		progress->expected_offset = partition->stored;
		progress->next_offset = partition->read.next_offset;
		progress->last_offset = partition->read.last_offset;
		progress->last_fingerprint = partition->read.last_fingerprint;
		progress->log_end = partition->log_end;
		progress->gone = partition->gone;
		source_store_progress(job->source, partition->id, job->epoch, progress);
	}
}

static bool
kafka_write(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	for (int i = 0; i < job->partition_count; i++)
		memset(&job->partitions[i].progress, 0, sizeof(source_progress));
	if (job->held_count > 0)
	{
		record_batch_begin(job->batch);
		take_or_bury(job, 0, job->held_count);
	}
	store_positions(job);
	return job->more;
}

static void
kafka_committed(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	for (int i = 0; i < job->partition_count; i++)
	{
		job->partitions[i].stored = job->partitions[i].read.next_offset;
		job->partitions[i].gone = 0;
		job->partitions[i].changed = false;
	}
	job->held_count = 0;
	stream_consumer_release(job->consumer);
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
		bear(job, &error);
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
		if (job->partitions[i].stored < job->partitions[i].end_mark)
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
		report_stream_error(&error);
	job->log = MemoryContextStrdup(job->context,
								   psprintf("%s/%s", metadata.cluster_id, job->options->topic));
	take_over(job);
	if (metadata.partitions > job->partition_count)
		begin_partitions(job, metadata.partitions);
	assign(job);
}

source_job *
kafka_job_open(const source_row *source, MemoryContext context)
{
	MemoryContext previous = MemoryContextSwitchTo(context);
	kafka_job *job = palloc0(sizeof(*job));
	stream_error error = {0};

	job->base.routine = &kafka_routine;
	job->context = context;
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
		report_stream_error(&error);
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
