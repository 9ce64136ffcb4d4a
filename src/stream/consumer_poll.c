/*
 * consumer_poll.c
 *		What a consumer hands out: messages, ends of partitions, and errors.
 *
 * Messages are polled one by one: rd_kafka_consume_batch_queue() of librdkafka
 * 2.0 skips offsets after some changes of assignment, and is no faster.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stream/consumer_state.h"

/* Messages between two looks at the queue of errors. */
#define SERVE_EVERY 256

#define FIRST_CAPACITY 1024

/* How long each of the two questions about a doubtful position may take. */
#define JUDGE_TIMEOUT_MS 2500

/* Nothing for the owner came of it. */
#define NOTHING STREAM_EMPTY

static bool
reserve_held(stream_consumer *consumer)
{
	size_t capacity = consumer->held_capacity ? consumer->held_capacity * 2 : FIRST_CAPACITY;
	rd_kafka_message_t **held;

	if (consumer->held_count < consumer->held_capacity)
		return true;
	held = realloc(consumer->held, capacity * sizeof(*held));
	if (held == NULL)
		return false;
	consumer->held = held;
	consumer->held_capacity = capacity;
	return true;
}

/* The partition of a message or error, or NULL if nothing of it is wanted now. */
static consumer_partition *
find_partition(stream_consumer *consumer, int32_t number)
{
	consumer_partition *partition;

	if (number < 0 || number >= consumer->partition_count)
		return NULL;
	partition = &consumer->partitions[number];
	return partition->assigned && !partition->stopped ? partition : NULL;
}

static stream_result
stop_partition(consumer_partition *partition, stream_item *item)
{
	partition->stopped = true;
	item->partition = partition->position.partition;
	item->offset = partition->position.next_offset;
	item->error.partition = item->partition;
	return STREAM_ERROR;
}

static void
fill_message(stream_message *message, const rd_kafka_message_t *source)
{
	rd_kafka_timestamp_type_t type;

	message->partition = source->partition;
	message->offset = source->offset;
	message->timestamp_ms = rd_kafka_message_timestamp(source, &type);
	if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
		message->timestamp_ms = -1;
	message->key = source->key;
	message->key_length = source->key_len;
	message->payload = source->payload;
	message->payload_length = source->len;
}

static stream_result
hold(stream_consumer *consumer, consumer_partition *partition, rd_kafka_message_t *source)
{
	partition->comparing = false;
	partition->position.next_offset = source->offset + 1;
	consumer->held[consumer->held_count++] = source;
	partition->last_held = consumer->held_count;
	consumer->held_bytes += source->len + source->key_len + MESSAGE_OVERHEAD;
	return STREAM_MESSAGE;
}

/* The record that was taken last before the assignment is there again: the same? */
static stream_result
compare(consumer_partition *partition, stream_item *item)
{
	const stream_position *position = &partition->position;

	partition->comparing = false;
	if (consumer_fingerprint(&item->message) == position->last_fingerprint)
		return NOTHING;
	stream_fail(&item->error, STREAM_TOPIC_RECREATED, 0, "",
				"the record at offset %lld of partition %d is not the one that was read there: "
				"the topic was deleted and made again",
				(long long) position->last_offset, (int) position->partition);
	return stop_partition(partition, item);
}

static stream_result
take_message(stream_consumer *consumer, rd_kafka_message_t *source, stream_item *item)
{
	consumer_partition *partition = find_partition(consumer, source->partition);
	stream_result result = NOTHING;

	consumer_waker_count(consumer, source->len + source->key_len);
	if (partition != NULL)
	{
		fill_message(&item->message, source);
		if (partition->comparing && source->offset == partition->position.last_offset)
			result = compare(partition, item);
		else if (source->offset >= partition->position.next_offset)
			return hold(consumer, partition, source);
	}
	rd_kafka_message_destroy(source);
	return result;
}

static bool
ask_edges(stream_consumer *consumer, int32_t partition, int64_t *begin, int64_t *end,
		  stream_error *error)
{
	stream_position position = {.partition = partition};

	if (!stream_consumer_offsets(consumer, STREAM_EARLIEST, &position, 1, JUDGE_TIMEOUT_MS, error))
		return false;
	*begin = position.next_offset;
	if (!stream_consumer_offsets(consumer, STREAM_LATEST, &position, 1, JUDGE_TIMEOUT_MS, error))
		return false;
	*end = position.next_offset;
	return true;
}

/* The position of a partition, its last record taken from those that are held. */
static stream_position
position_of(const stream_consumer *consumer, const consumer_partition *partition)
{
	stream_position position = partition->position;
	stream_message message;

	if (partition->last_held == 0)
		return position;
	fill_message(&message, consumer->held[partition->last_held - 1]);
	position.last_offset = message.offset;
	position.last_fingerprint = consumer_fingerprint(&message);
	return position;
}

static void
keep_positions(stream_consumer *consumer)
{
	for (int32_t i = 0; i < consumer->partition_count; i++)
	{
		consumer->partitions[i].position = position_of(consumer, &consumer->partitions[i]);
		consumer->partitions[i].last_held = 0;
	}
}

/*
 * Our position is, or seems, outside of what the broker has.  If it is not so
 * (only the record to compare with is gone, a new leader was behind for a moment,
 * or a topic that was made again has grown meanwhile), go on, and compare.
 */
static stream_result
judge(stream_consumer *consumer, consumer_partition *partition, stream_item *item)
{
	const stream_position *position = &partition->position;
	int64_t begin, end;

	keep_positions(consumer);
	if (!ask_edges(consumer, position->partition, &begin, &end, &item->error))
	{
		stream_error ignored;

		/* reading on meets the same again, once the broker answers */
		consumer_apply(consumer, &ignored);
		return STREAM_ERROR;
	}
	if (position->next_offset > end)
		stream_fail(&item->error, STREAM_TOPIC_RECREATED, 0, "",
					"partition %d ends at offset %lld, before the next offset %lld: the topic was "
					"deleted and made again",
					(int) position->partition, (long long) end, (long long) position->next_offset);
	else if (position->next_offset < begin)
		stream_fail(&item->error, STREAM_OFFSET_GONE, 0, "",
					"partition %d begins at offset %lld, after the next offset %lld: %lld offsets "
					"are no longer kept",
					(int) position->partition, (long long) begin, (long long) position->next_offset,
					(long long) (begin - position->next_offset));
	else
	{
		partition->comparing = position->last_offset >= 0 && begin <= position->last_offset;
		return consumer_apply(consumer, &item->error) ? NOTHING : STREAM_ERROR;
	}
	return stop_partition(partition, item);
}

static stream_result
take_end(stream_consumer *consumer, consumer_partition *partition, int64_t offset,
		 stream_item *item)
{
	if (offset < partition->position.next_offset)
		return judge(consumer, partition, item);
	partition->comparing = false;
	partition->position.next_offset = offset;
	item->partition = partition->position.partition;
	item->offset = offset;
	return STREAM_END;
}

static stream_result
take_partition_error(stream_consumer *consumer, const rd_kafka_message_t *source, stream_item *item)
{
	consumer_partition *partition = find_partition(consumer, source->partition);

	if (partition == NULL)
		return NOTHING;
	if (source->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return take_end(consumer, partition, source->offset, item);
	if (stream_error_kind_of(source->err) == STREAM_OFFSET_GONE)
		return judge(consumer, partition, item);
	stream_client_describe(&consumer->client, source->err, source->partition,
						   rd_kafka_message_errstr(source), &item->error);
	item->partition = source->partition;
	item->offset = source->offset;
	if (item->error.kind != STREAM_BAD_MESSAGE)
		return STREAM_ERROR;
	/* librdkafka would go on behind it, and the record would be lost unseen */
	partition->stopped = true;
	return STREAM_ERROR;
}

static stream_result
take_error(stream_consumer *consumer, const rd_kafka_message_t *source, stream_item *item)
{
	if (source->rkt != NULL)
		return take_partition_error(consumer, source, item);
	/* of the group that we do not use, such as that we may not join it */
	if (stream_error_kind_of(source->err) != STREAM_FATAL)
		return NOTHING;
	stream_client_describe(&consumer->client, source->err, -1, rd_kafka_message_errstr(source),
						   &item->error);
	return STREAM_ERROR;
}

/*
 * librdkafka asks for metadata when a fetch failed, as it does when a topic was
 * deleted; it then goes on in a topic of the same name.  So whatever came after
 * the question is not handed out before the last record was compared.  Nor after
 * a question of ours, whose answer would spare librdkafka its own.
 */
static bool
is_in_doubt(stream_consumer *consumer)
{
	uint64_t requests = atomic_load(&consumer->client.metadata_requests);

	if (requests == consumer->metadata_seen)
		return false;
	consumer->metadata_seen = requests;
	keep_positions(consumer);
	for (int32_t i = 0; i < consumer->partition_count; i++)
		if (consumer->partitions[i].assigned && consumer->partitions[i].position.last_offset >= 0)
			return true;
	return false;
}

bool
stream_consumer_is_certain(const stream_consumer *consumer)
{
	if (atomic_load(&consumer->client.metadata_requests) != consumer->metadata_seen)
		return false;
	for (int32_t i = 0; i < consumer->partition_count; i++)
		if (consumer->partitions[i].assigned && consumer->partitions[i].comparing)
			return false;
	return true;
}

/* Begin anew from the last records; what was fetched so far is fetched again. */
static stream_result
compare_again(stream_consumer *consumer, stream_item *item)
{
	for (int32_t i = 0; i < consumer->partition_count; i++)
		consumer->partitions[i].comparing = consumer->partitions[i].position.last_offset >= 0;
	return consumer_apply(consumer, &item->error) ? NOTHING : STREAM_ERROR;
}

static stream_result
take_source(stream_consumer *consumer, rd_kafka_message_t *source, stream_item *item)
{
	stream_result result;

	if (is_in_doubt(consumer))
		result = compare_again(consumer, item);
	else if (source->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return take_message(consumer, source, item);
	else
		result = take_error(consumer, source, item);
	rd_kafka_message_destroy(source);
	return result;
}

static stream_result
next_of_queue(stream_consumer *consumer, stream_item *item)
{
	rd_kafka_message_t *source;
	stream_result result;

	do
	{
		if (!reserve_held(consumer))
		{
			stream_fail(&item->error, STREAM_OUT_OF_MEMORY, 0, "", "out of memory");
			return STREAM_ERROR;
		}
		source = rd_kafka_consumer_poll(consumer->client.handle, 0);
		if (source == NULL)
			return is_in_doubt(consumer) ? compare_again(consumer, item) : STREAM_EMPTY;
		result = take_source(consumer, source, item);
	} while (result == NOTHING);
	return result;
}

static bool
next_error(stream_consumer *consumer, stream_item *item)
{
	consumer->polls = 0;
	stream_client_serve(&consumer->client, 0);
	if (!stream_client_take_error(&consumer->client, &item->error))
		return false;
	item->partition = -1;
	item->offset = -1;
	return true;
}

static stream_result
poll_now(stream_consumer *consumer, stream_item *item)
{
	stream_result result;
	uint64_t wakeups;

	if (++consumer->polls >= SERVE_EVERY && next_error(consumer, item))
		return STREAM_ERROR;
	result = next_of_queue(consumer, item);
	if (result != STREAM_EMPTY)
		return result;
	/* quiet the descriptor before the last look, so that no later entry is missed */
	if (read(consumer->wait_fd, &wakeups, sizeof(wakeups)) < 0)
		wakeups = 0;
	if (next_error(consumer, item))
		return STREAM_ERROR;
	return next_of_queue(consumer, item);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

stream_result
stream_consumer_poll(stream_consumer *consumer, int timeout_ms, stream_item *item)
{
	stream_result result = poll_now(consumer, item);
	int64_t end;

	if (result != STREAM_EMPTY || timeout_ms <= 0)
		return result;
	end = now_ms() + timeout_ms;
	for (int64_t left = timeout_ms; result == STREAM_EMPTY && left > 0; left = end - now_ms())
	{
		struct pollfd wait = {.fd = consumer->wait_fd, .events = POLLIN};

		/* a signal ends it early: it may be what the owner waits for */
		if (poll(&wait, 1, (int) left) < 0)
			return STREAM_EMPTY;
		result = poll_now(consumer, item);
	}
	return result;
}

stream_position
stream_consumer_position(const stream_consumer *consumer, int32_t partition)
{
	return position_of(consumer, &consumer->partitions[partition]);
}

void
stream_consumer_release(stream_consumer *consumer)
{
	keep_positions(consumer);
	for (size_t i = 0; i < consumer->held_count; i++)
		rd_kafka_message_destroy(consumer->held[i]);
	consumer->held_count = 0;
	consumer->held_bytes = 0;
}

size_t
stream_consumer_held(const stream_consumer *consumer)
{
	return consumer->held_bytes;
}
