/*
 * consumer.c
 *		Reads the partitions of one Kafka topic from positions that the owner
 *		keeps: the consumer's life, metadata and assignment.  What it hands out
 *		is in consumer_poll.c.
 *
 * The consumer owns librdkafka's handle, the messages that were polled, and an
 * eventfd that librdkafka writes to when one of its two queues (messages; errors
 * and log) stops being empty.  It allocates with malloc: per partition 48 bytes,
 * and a pointer per message that is held.
 *
 * A group id is needed for rd_kafka_assign(), but no group is joined.
 */
#include "stream/consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "stream/consumer_state.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

#define DEFAULT_MEMORY ((size_t) 16 << 20)
#define MINIMUM_MEMORY ((size_t) 1 << 20)

/* librdkafka's limit of both fetch sizes */
#define MAXIMUM_FETCH 1000000000

/* The parts of the memory: waiting bytes, waiting messages' overhead, a fetch. */
typedef struct memory_plan
{
	size_t queue_bytes;
	size_t queue_messages;
	size_t fetch_bytes;
	char queue_kbytes_text[24];
	char queue_messages_text[24];
	char fetch_bytes_text[24];
} memory_plan;

static void
plan_memory(memory_plan *plan, size_t memory)
{
	if (memory == 0)
		memory = DEFAULT_MEMORY;
	if (memory < MINIMUM_MEMORY)
		memory = MINIMUM_MEMORY;
	plan->queue_bytes = memory / 4;
	plan->queue_messages = memory / 4 / MESSAGE_OVERHEAD;
	plan->fetch_bytes = memory / 8 < MAXIMUM_FETCH ? memory / 8 : MAXIMUM_FETCH;
	snprintf(plan->queue_kbytes_text, sizeof(plan->queue_kbytes_text), "%zu",
			 plan->queue_bytes / 1024);
	snprintf(plan->queue_messages_text, sizeof(plan->queue_messages_text), "%zu",
			 plan->queue_messages);
	snprintf(plan->fetch_bytes_text, sizeof(plan->fetch_bytes_text), "%zu", plan->fetch_bytes);
}

static rd_kafka_conf_t *
configure(const stream_consumer_options *options, const memory_plan *plan, stream_secrets *secrets,
		  stream_error *error)
{
	const stream_setting defaults[] = {{"client.id", "topology"},
									   {"group.id", "topology"},
									   {"socket.keepalive.enable", "true"},
									   {"reconnect.backoff.max.ms", "2000"},
									   {"receive.message.max.bytes", "268435456"},
									   /* a question to a broker waits for the fetch before it */
									   {"fetch.wait.max.ms", "100"}};
	const stream_setting fixed[] = {{"enable.auto.commit", "false"},
									{"enable.auto.offset.store", "false"},
									{"enable.partition.eof", "true"},
									{"auto.offset.reset", "error"},
									{"isolation.level", "read_committed"},
									{"allow.auto.create.topics", "false"},
									{"statistics.interval.ms", "0"},
									{"max.poll.interval.ms", "86400000"},
									{"queued.max.messages.kbytes", plan->queue_kbytes_text},
									{"queued.min.messages", plan->queue_messages_text},
									/* a fetch may not be less than this */
									{"message.max.bytes", "1000"},
									{"fetch.max.bytes", plan->fetch_bytes_text},
									{"fetch.message.max.bytes", plan->fetch_bytes_text}};

	return stream_conf_create((stream_settings){defaults, COUNT_OF(defaults)},
							  (stream_settings){options->settings, options->setting_count},
							  (stream_settings){fixed, COUNT_OF(fixed)}, secrets, error);
}

/* Both queues wake the same descriptor. */
static bool
open_wait_fd(stream_consumer *consumer)
{
	static const uint64_t one = 1;
	rd_kafka_queue_t *queues[] = {rd_kafka_queue_get_consumer(consumer->client.handle),
								  rd_kafka_queue_get_main(consumer->client.handle)};

	consumer->wait_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (size_t i = 0; i < COUNT_OF(queues); i++)
	{
		if (consumer->wait_fd >= 0)
			rd_kafka_queue_io_event_enable(queues[i], consumer->wait_fd, &one, sizeof(one));
		rd_kafka_queue_destroy(queues[i]);
	}
	return consumer->wait_fd >= 0;
}

static bool
open_consumer(stream_consumer *consumer, const stream_consumer_options *options,
			  stream_error *error)
{
	memory_plan plan;
	rd_kafka_conf_t *conf;

	consumer->wait_fd = -1;
	plan_memory(&plan, options->memory);
	conf = configure(options, &plan, &consumer->client.secrets, error);
	if (conf == NULL ||
		!stream_client_open(&consumer->client, RD_KAFKA_CONSUMER, conf, options->brokers, error))
		return false;
	consumer->topic = rd_kafka_topic_new(consumer->client.handle, options->topic, NULL);
	if (consumer->topic == NULL)
		return stream_fail(error, STREAM_BAD_SETTING, 0, "", "the topic's name \"%s\" is not valid",
						   options->topic);
	consumer->topic_name = rd_kafka_topic_name(consumer->topic);
	if (!open_wait_fd(consumer) ||
		!consumer_waker_init(&consumer->waker, options, plan.queue_bytes, plan.queue_messages))
		return stream_fail(error, STREAM_OUT_OF_MEMORY, 0, "", "out of memory or descriptors");
	return true;
}

stream_consumer *
stream_consumer_open(const stream_consumer_options *options, stream_error *error)
{
	stream_consumer *consumer = calloc(1, sizeof(*consumer));

	if (consumer == NULL)
	{
		stream_fail(error, STREAM_OUT_OF_MEMORY, 0, "", "out of memory");
		return NULL;
	}
	if (open_consumer(consumer, options, error))
		return consumer;
	stream_consumer_close(consumer);
	return NULL;
}

/*
 * librdkafka 2.0 aborts the program where a partition is to stop that is stopping
 * already.  What an assignment set off passes through the queue of its main thread,
 * the stop and then its end; so a question that follows the answer to another comes
 * behind both.
 */
static void
await_stops(stream_consumer *consumer)
{
	rd_kafka_topic_partition_list_t *list;

	for (int i = 0; i < 2; i++)
		if (rd_kafka_assignment(consumer->client.handle, &list) == RD_KAFKA_RESP_ERR_NO_ERROR)
			rd_kafka_topic_partition_list_destroy(list);
}

void
stream_consumer_close(stream_consumer *consumer)
{
	if (consumer == NULL)
		return;
	stream_consumer_release(consumer);
	if (consumer->client.handle != NULL)
		await_stops(consumer);
	if (consumer->topic != NULL)
		rd_kafka_topic_destroy(consumer->topic);
	if (!stream_client_close(&consumer->client))
		return;
	/* only now: its threads write to it */
	if (consumer->wait_fd >= 0)
		close(consumer->wait_fd);
	consumer_waker_free(&consumer->waker);
	free(consumer->partitions);
	free(consumer->held);
	free(consumer);
}

static bool
read_metadata(stream_consumer *consumer, const struct rd_kafka_metadata *answer,
			  stream_metadata *metadata, stream_error *error)
{
	const rd_kafka_metadata_topic_t *topic = answer->topics;
	char *cluster_id = rd_kafka_clusterid(consumer->client.handle, 0);

	snprintf(metadata->cluster_id, sizeof(metadata->cluster_id), "%s",
			 cluster_id == NULL ? "" : cluster_id);
	if (cluster_id != NULL)
		rd_kafka_mem_free(consumer->client.handle, cluster_id);
	metadata->partitions = answer->topic_cnt == 1 ? topic->partition_cnt : 0;
	if (answer->topic_cnt == 1 && topic->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	return stream_client_fail(&consumer->client,
							  answer->topic_cnt == 1 ? topic->err
													 : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
							  "could not look up the topic", error);
}

bool
stream_consumer_metadata(stream_consumer *consumer, int timeout_ms, stream_metadata *metadata,
						 stream_error *error)
{
	const struct rd_kafka_metadata *answer;
	rd_kafka_resp_err_t code =
		rd_kafka_metadata(consumer->client.handle, 0, consumer->topic, &answer, timeout_ms);
	bool good;

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return stream_client_fail(&consumer->client, code, "could not ask a broker", error);
	stream_client_works(&consumer->client);
	good = read_metadata(consumer, answer, metadata, error);
	rd_kafka_metadata_destroy(answer);
	return good;
}

/* The answer to offsets_for_times(), which says -1 for an end under some brokers. */
static bool
take_offsets(stream_consumer *consumer, const rd_kafka_topic_partition_list_t *list,
			 stream_position *positions, stream_error *error)
{
	for (int i = 0; i < list->cnt; i++)
	{
		const rd_kafka_topic_partition_t *answer = &list->elems[i];

		if (answer->err != RD_KAFKA_RESP_ERR_NO_ERROR || answer->offset < 0)
		{
			stream_client_fail(&consumer->client,
							   answer->err ? answer->err : RD_KAFKA_RESP_ERR__NO_OFFSET,
							   "could not look up an offset", error);
			error->partition = answer->partition;
			return false;
		}
		positions[i].next_offset = answer->offset;
		positions[i].last_offset = -1;
		positions[i].last_fingerprint = 0;
	}
	return true;
}

/*
 * rd_kafka_offsets_for_times() sends its "times" as they are, and Kafka's
 * protocol takes -1 and -2 as the end and the begin.  It keeps to the timeout,
 * as rd_kafka_query_watermark_offsets() of 2.0 does not, and asks each broker
 * once for all partitions.
 */
bool
stream_consumer_offsets(stream_consumer *consumer, stream_edge edge, stream_position *positions,
						size_t count, int timeout_ms, stream_error *error)
{
	int64_t time = edge == STREAM_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t code;
	bool good;

	if (count == 0)
		return true;
	list = rd_kafka_topic_partition_list_new((int) count);
	for (size_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, consumer->topic_name, positions[i].partition)
			->offset = time;
	code = rd_kafka_offsets_for_times(consumer->client.handle, list, timeout_ms);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		good = stream_client_fail(&consumer->client, code, "could not look up offsets", error);
	else
		good = take_offsets(consumer, list, positions, error);
	rd_kafka_topic_partition_list_destroy(list);
	return good;
}

static bool
is_position_valid(const stream_position *position)
{
	return position->partition >= 0 && position->next_offset >= 0 &&
		   position->last_offset < position->next_offset;
}

/* An array by partition number, in which some may be missing. */
static bool
set_partitions(stream_consumer *consumer, const stream_position *positions, size_t count)
{
	consumer_partition *partitions;
	int32_t largest = -1;

	for (size_t i = 0; i < count; i++)
		largest = positions[i].partition > largest ? positions[i].partition : largest;
	partitions = calloc((size_t) largest + 2, sizeof(*partitions));
	if (partitions == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		partitions[positions[i].partition] = (consumer_partition){
			.position = positions[i], .assigned = true, .comparing = positions[i].last_offset >= 0};
	free(consumer->partitions);
	consumer->partitions = partitions;
	consumer->partition_count = largest + 1;
	return true;
}

bool
stream_consumer_assign(stream_consumer *consumer, const stream_position *positions, size_t count,
					   stream_error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!is_position_valid(&positions[i]))
			return stream_fail(error, STREAM_BAD_SETTING, 0, "",
							   "the position of partition %d is not valid",
							   (int) positions[i].partition);
	if (!set_partitions(consumer, positions, count))
		return stream_fail(error, STREAM_OUT_OF_MEMORY, 0, "", "out of memory");
	return consumer_apply(consumer, error);
}

bool
consumer_apply(stream_consumer *consumer, stream_error *error)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(consumer->partition_count);
	rd_kafka_resp_err_t code;

	for (int32_t i = 0; i < consumer->partition_count; i++)
	{
		const consumer_partition *partition = &consumer->partitions[i];

		if (partition->assigned && !partition->stopped)
			rd_kafka_topic_partition_list_add(list, consumer->topic_name, i)->offset =
				partition->comparing ? partition->position.last_offset
									 : partition->position.next_offset;
	}
	await_stops(consumer);
	code = rd_kafka_assign(consumer->client.handle, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	return stream_client_fail(&consumer->client, code, "could not assign the partitions", error);
}

int
stream_consumer_wait_fd(const stream_consumer *consumer)
{
	return consumer->wait_fd;
}

int64_t
stream_consumer_high_watermark(stream_consumer *consumer, int32_t partition)
{
	int64_t low, high;

	if (rd_kafka_get_watermark_offsets(consumer->client.handle, consumer->topic_name, partition,
									   &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		high < 0)
		return -1;
	return high;
}

bool
stream_consumer_log(stream_consumer *consumer, char *line, size_t size)
{
	stream_client_serve(&consumer->client, 0);
	return stream_client_take_log(&consumer->client, line, size);
}
