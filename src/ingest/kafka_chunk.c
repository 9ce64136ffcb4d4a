/*
 * kafka_chunk.c
 *		What a topic's job holds of it: some messages at a time.
 *
 * Messages are decoded a chunk at a time and given back, so that they are still
 * in the processor's cache and a batch may be of many more messages than memory
 * would hold.  A batch that could not be stored is read again from the last
 * commit, with care: then the chunk is as large as memory allows, since it has
 * to be held until what is wrong in it is found.
 *
 * Cost: a poll and some 100 ns a message.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ingest/kafka_state.h"
#include "settings.h"

/* A chunk, what librdkafka keeps for each message included. */
#define KAFKA_CHUNK_BYTES ((size_t) 512 * 1024)

/* How long polling waits for a chunk to fill while the log is known to hold more. */
#define KAFKA_FILL_MS 50
#define KAFKA_POLL_MS 10

bool
kafka_is_careful(const kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
		if (job->partitions[i].stored.next_offset < job->partitions[i].careful_until)
			return true;
	return false;
}

static size_t
chunk_bytes(const kafka_job *job)
{
	size_t memory = (size_t) topology_batch_memory * 1024 / 4;

	return kafka_is_careful(job) ? memory : Min(memory, KAFKA_CHUNK_BYTES);
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

void
kafka_release(kafka_job *job)
{
	job->held_count = 0;
	stream_consumer_release(job->consumer);
}

void
kafka_bear(kafka_job *job, const stream_error *error)
{
	if (!stream_error_may_pass(error->kind))
		kafka_report(error);
	if (strcmp(job->trouble, error->message) != 0)
		ereport(WARNING, (errmsg("source \"%s\": %s", job->name, error->message),
						  error->hint[0] ? errhint("%s", error->hint) : 0));
	strlcpy(job->trouble, error->message, sizeof(job->trouble));
}

static void
take_error(kafka_job *job, const stream_error *error)
{
	if (stream_error_may_pass(error->kind))
		kafka_bear(job, error);
	else
		job->failure = *error;
}

/* False: nothing more for now. */
static bool
poll_one(kafka_job *job, int timeout_ms)
{
	stream_item item;

	switch (stream_consumer_poll(job->consumer, timeout_ms, &item))
	{
		case STREAM_MESSAGE:
			hold_message(job, &item.message);
			job->trouble[0] = '\0';
			return true;
		case STREAM_END:
			kafka_find_partition(job, item.partition)->log_end = item.offset;
			job->trouble[0] = '\0';
			return true;
		case STREAM_ERROR:
			take_error(job, &item.error);
			return true;
		case STREAM_EMPTY:
			break;
	}
	return false;
}

/* Take note of how far the consumer has come, over records and marks of transactions. */
static void
note_positions(kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
	{
		kafka_partition *partition = &job->partitions[i];

		partition->read = stream_consumer_position(job->consumer, partition->id);
		partition->changed |= partition->read.next_offset != partition->stored.next_offset;
	}
}

/* Where the log ends may be news too: a transaction that is open holds the position back. */
static void
note_watermarks(kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
	{
		kafka_partition *partition = &job->partitions[i];
		int64 end = stream_consumer_high_watermark(job->consumer, partition->id);

		if (end >= 0)
			partition->log_end = Max(end, partition->read.next_offset);
		partition->changed |= partition->log_end != partition->stored_end;
	}
}

/* Whether the log is known to go on behind what was polled. */
static bool
log_goes_on(const kafka_job *job)
{
	for (int i = 0; i < job->partition_count; i++)
		if (job->partitions[i].log_end > job->partitions[i].read.next_offset)
			return true;
	return false;
}

static bool
poll_chunk(kafka_job *job)
{
	size_t limit = chunk_bytes(job);
	TimestampTz deadline =
		job->more ? TimestampTzPlusMilliseconds(GetCurrentTimestamp(), KAFKA_FILL_MS) : 0;

	while (stream_consumer_held(job->consumer) < limit)
	{
		CHECK_FOR_INTERRUPTS();
		if (job->failure.kind != STREAM_NO_ERROR)
			return false;
		if (poll_one(job, 0))
			continue;
		if (!job->more || GetCurrentTimestamp() >= deadline)
			return false;
		(void) poll_one(job, KAFKA_POLL_MS);
	}
	return true;
}

void
kafka_fill(kafka_job *job)
{
	bool full = poll_chunk(job);

	note_positions(job);
	note_watermarks(job);
	job->more = full || log_goes_on(job);
}
