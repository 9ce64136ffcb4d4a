/*
 * producer.c
 *		Writes records to one Kafka topic.
 *
 * librdkafka copies each record into its queue, which is bounded in bytes and,
 * for what it allocates besides, in records.  Delivery reports are counted in
 * stream_producer_serve(), in the thread of the caller.
 */
#include "stream/producer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/client.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

#define DEFAULT_MEMORY ((size_t) 16 << 20)
#define MINIMUM_MEMORY ((size_t) 1 << 20)

/* What librdkafka 2.0 allocates for a record besides its bytes, rounded up. */
#define RECORD_OVERHEAD 256

/* Within which librdkafka's threads give back what is to be abandoned. */
#define ABANDON_MS 5000

struct stream_producer
{
	stream_client client;
	rd_kafka_topic_t *topic;
	stream_producer_counts counts;
	stream_report report;
	void *report_context;
};

/* A message may fail although it was written: the broker's word for that got lost. */
static stream_fate
fate_of(const rd_kafka_message_t *message)
{
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return STREAM_DELIVERED;
	switch (rd_kafka_message_status(message))
	{
		case RD_KAFKA_MSG_STATUS_PERSISTED:
			return STREAM_DELIVERED;
		case RD_KAFKA_MSG_STATUS_NOT_PERSISTED:
			return STREAM_NOT_WRITTEN;
		default:
			return STREAM_UNCERTAIN;
	}
}

static void
count_report(stream_producer *producer, stream_fate fate)
{
	producer->counts.in_flight--;
	producer->counts.delivered += fate == STREAM_DELIVERED;
	producer->counts.failed += fate != STREAM_DELIVERED;
	producer->counts.uncertain += fate == STREAM_UNCERTAIN;
}

/* Runs in stream_producer_serve(), _flush() and _abandon(). */
static void
on_report(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	/* the opaque pointer is the client's, which stands first */
	stream_producer *producer = opaque;
	stream_fate fate = fate_of(message);
	stream_error error;

	(void) handle;
	count_report(producer, fate);
	if (producer->report != NULL)
		producer->report(producer->report_context, (uintptr_t) message->_private, fate);
	if (fate == STREAM_DELIVERED)
	{
		stream_client_works(&producer->client);
		return;
	}
	if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
		message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
		return;
	stream_client_describe(&producer->client, message->err, message->partition,
						   rd_kafka_err2str(message->err), &error);
	stream_client_keep(&producer->client, &error);
}

static rd_kafka_conf_t *
configure(const stream_producer_options *options, stream_secrets *secrets, stream_error *error)
{
	size_t memory = options->memory ? options->memory : DEFAULT_MEMORY;
	char kbytes[24], records[24];
	const stream_setting defaults[] = {{"client.id", "topology-agent"},
									   {"linger.ms", "100"},
									   {"compression.type", "lz4"},
									   {"socket.keepalive.enable", "true"},
									   {"reconnect.backoff.max.ms", "2000"},
									   /* never give up */
									   {"message.timeout.ms", "0"}};
	const stream_setting fixed[] = {{"enable.idempotence", "true"},
									{"statistics.interval.ms", "0"},
									{"queue.buffering.max.kbytes", kbytes},
									{"queue.buffering.max.messages", records}};

	memory = memory < MINIMUM_MEMORY ? MINIMUM_MEMORY : memory;
	snprintf(kbytes, sizeof(kbytes), "%zu", memory / 2 / 1024);
	snprintf(records, sizeof(records), "%zu", memory / 2 / RECORD_OVERHEAD);
	return stream_conf_create((stream_settings){defaults, COUNT_OF(defaults)},
							  (stream_settings){options->settings, options->setting_count},
							  (stream_settings){fixed, COUNT_OF(fixed)}, secrets, error);
}

static bool
open_producer(stream_producer *producer, const stream_producer_options *options,
			  stream_error *error)
{
	rd_kafka_conf_t *conf = configure(options, &producer->client.secrets, error);

	if (conf == NULL)
		return false;
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	if (!stream_client_open(&producer->client, RD_KAFKA_PRODUCER, conf, options->brokers, error))
		return false;
	producer->topic = rd_kafka_topic_new(producer->client.handle, options->topic, NULL);
	if (producer->topic != NULL)
		return true;
	return stream_fail(error, STREAM_BAD_SETTING, 0, "", "the topic's name \"%s\" is not valid",
					   options->topic);
}

stream_producer *
stream_producer_open(const stream_producer_options *options, stream_error *error)
{
	stream_producer *producer = calloc(1, sizeof(*producer));

	if (producer == NULL)
	{
		stream_fail(error, STREAM_OUT_OF_MEMORY, 0, "", "out of memory");
		return NULL;
	}
	producer->report = options->report;
	producer->report_context = options->report_context;
	if (open_producer(producer, options, error))
		return producer;
	stream_producer_close(producer);
	return NULL;
}

void
stream_producer_close(stream_producer *producer)
{
	if (producer == NULL)
		return;
	if (producer->topic != NULL)
		rd_kafka_topic_destroy(producer->topic);
	if (stream_client_close(&producer->client))
		free(producer);
}

stream_sent
stream_producer_send(stream_producer *producer, const stream_outgoing *record, stream_error *error)
{
	rd_kafka_resp_err_t code;

	if (rd_kafka_produce(producer->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
						 (void *) (uintptr_t) record->payload, record->payload_length, record->key,
						 record->key_length, (void *) record->tag) == 0)
	{
		producer->counts.taken++;
		producer->counts.in_flight++;
		return STREAM_SENT;
	}
	code = rd_kafka_last_error();
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return STREAM_FULL;
	stream_client_fail(&producer->client, code, "the record was refused", error);
	return STREAM_REFUSED;
}

bool
stream_producer_serve(stream_producer *producer, int timeout_ms, stream_error *error)
{
	stream_client_serve(&producer->client, timeout_ms);
	return stream_client_take_error(&producer->client, error);
}

bool
stream_producer_flush(stream_producer *producer, int timeout_ms)
{
	return rd_kafka_flush(producer->client.handle, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void
stream_producer_abandon(stream_producer *producer)
{
	rd_kafka_purge(producer->client.handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_flush(producer->client.handle, ABANDON_MS);
}

stream_producer_counts
stream_producer_count(const stream_producer *producer)
{
	return producer->counts;
}

bool
stream_producer_log(stream_producer *producer, char *line, size_t size)
{
	stream_client_serve(&producer->client, 0);
	return stream_client_take_log(&producer->client, line, size);
}
