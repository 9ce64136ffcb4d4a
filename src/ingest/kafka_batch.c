/*
 * kafka_batch.c
 *		Messages of a topic to rows: one batch, in the caller's transaction.
 *
 * Messages are decoded and merged as they are polled, as long as the log goes on
 * and there is room, but for seconds only; then all is stored, in a
 * subtransaction.
 *
 * A record that cannot be decoded is a dead letter in the same transaction.
 * Where SQL itself refuses the batch for its data, nothing of it is kept, and
 * what it was made of is read again from the last commit, with care: a chunk a
 * transaction, halved in subtransactions until the records that it stumbles over
 * are found; these are dead letters too.
 *
 * Memory: what decoding a chunk needs besides the batch is given back after it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "ingest/kafka_state.h"

/* How long a batch goes on, if there is room; the more, the fewer rows. */
#define KAFKA_BATCH_MS 1000

/* The same while the log holds more than the batch has taken. */
#define KAFKA_BACKLOG_BATCH_MS 5000

/* The record at hand, for what it has to say when it is refused. */
typedef struct kafka_letter
{
	kafka_job *job;
	const stream_message *message;
} kafka_letter;

/* Some of the messages that are held. */
typedef struct kafka_span
{
	size_t first;
	size_t count;
} kafka_span;

/* Takes messages, in a subtransaction. */
typedef void (*kafka_taker)(kafka_job *job, kafka_span span);

static void
bury(kafka_job *job, const stream_message *message, const void *data, size_t length,
	 const char *reason)
{
	source_store_dead_letter(job->name, message->partition, message->offset, message->key,
							 message->key_length, data, length, reason);
	kafka_find_partition(job, message->partition)->progress.dead_letters++;
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
	if (message->payload_length == 0)
	{
		bury(job, message, "", 0, "the message is empty");
		return;
	}
	kafka_find_partition(job, message->partition)->progress.records += record_batch_take(
		job->batch, job->format, message->payload, message->payload_length, refuse, &letter);
}

static void
take_messages(kafka_job *job, kafka_span span)
{
	MemoryContext previous;

	MemoryContextReset(job->scratch);
	previous = MemoryContextSwitchTo(job->scratch);
	for (size_t i = span.first; i < span.first + span.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		take_message(job, &job->held[i]);
	}
	MemoryContextSwitchTo(previous);
}

static void
store_batch(kafka_job *job)
{
	if (!record_batch_is_empty(job->batch))
		record_batch_store(job->batch);
}

static void
take_and_store(kafka_job *job, kafka_span span)
{
	take_messages(job, span);
	store_batch(job);
}

/* Whether more waits in the log than the batch has taken. */
static bool
has_backlog(const kafka_job *job)
{
	int64 taken = 0;
	int64 left = 0;

	for (int i = 0; i < job->partition_count; i++)
	{
		const kafka_partition *partition = &job->partitions[i];

		taken += partition->read.next_offset - partition->stored.next_offset;
		left += Max(partition->log_end - partition->read.next_offset, 0);
	}
	return left > taken;
}

static bool
goes_on(const kafka_job *job, TimestampTz begin)
{
	int limit = has_backlog(job) ? KAFKA_BACKLOG_BATCH_MS : KAFKA_BATCH_MS;

	return job->more && job->failure.kind == STREAM_NO_ERROR && !record_batch_is_full(job->batch) &&
		   !TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), limit);
}

/* Take what is held, and what follows it. */
static void
take_stream(kafka_job *job, kafka_span span)
{
	TimestampTz begin = GetCurrentTimestamp();

	while (span.count > 0)
	{
		take_messages(job, span);
		kafka_release(job);
		if (goes_on(job, begin))
			kafka_fill(job);
		span.count = job->held_count;
	}
	store_batch(job);
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

/* Take messages in a subtransaction; NULL, or the error that the data met. */
static ErrorData *
try_messages(kafka_job *job, kafka_taker take, kafka_span span)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		take(job, span);
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
take_or_bury(kafka_job *job, kafka_span span)
{
	source_progress *saved = palloc(sizeof(*saved) * job->partition_count);
	ErrorData *error;

	count_progress(job, false, saved);
	error = try_messages(job, take_and_store, span);
	if (error)
	{
		const stream_message *message = &job->held[span.first];
		size_t half = span.count / 2;

		count_progress(job, true, saved);
		if (span.count == 1)
			bury(job, message, message->payload, message->payload_length, error->message);
		else
		{
			take_or_bury(job, (kafka_span){span.first, half});
			take_or_bury(job, (kafka_span){span.first + half, span.count - half});
		}
		FreeErrorData(error);
	}
	pfree(saved);
}

static void
forget_progress(kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
		memset(&job->partitions[i].progress, 0, sizeof(source_progress));
}

/* Go back to the last commit; what was read since then is read with care. */
static void
go_back(kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
	{
		kafka_partition *partition = &job->partitions[i];

		partition->careful_until = partition->read.next_offset;
		partition->read = partition->stored;
		/* a gap will be met again */
		partition->gone = 0;
		partition->changed = false;
	}
	job->failure.kind = STREAM_NO_ERROR;
	job->more = true;
	forget_progress(job);
	kafka_release(job);
	kafka_assign(job);
}

static void
take_or_go_back(kafka_job *job)
{
	ErrorData *error = try_messages(job, take_stream, (kafka_span){0, job->held_count});

	if (!error)
		return;
	ereport(LOG, (errmsg("source \"%s\" reads a batch again that could not be stored", job->name),
				  errdetail("%s", error->message)));
	FreeErrorData(error);
	go_back(job);
}

void
kafka_store_positions(kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
	{
		kafka_partition *partition = &job->partitions[i];
		source_progress *progress = &partition->progress;

		if (!partition->changed)
			continue;
		progress->expected_offset = partition->stored.next_offset;
		progress->next_offset = partition->read.next_offset;
		progress->last_offset = partition->read.last_offset;
		progress->last_fingerprint = partition->read.last_fingerprint;
		progress->log_end = partition->log_end;
		progress->gone = partition->gone;
		source_store_progress(job->source, partition->id, job->epoch, progress);
	}
}

void
kafka_note_stored(kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
	{
		kafka_partition *partition = &job->partitions[i];

		partition->stored = partition->read;
		partition->stored_end = partition->log_end;
		partition->gone = 0;
		partition->changed = false;
	}
}

bool
kafka_write(source_job *base)
{
	kafka_job *job = (kafka_job *) base;

	forget_progress(job);
	if (job->held_count > 0)
	{
		record_batch_begin(job->batch);
		if (kafka_is_careful(job))
			take_or_bury(job, (kafka_span){0, job->held_count});
		else
			take_or_go_back(job);
	}
	kafka_store_positions(job);
	return job->more;
}
