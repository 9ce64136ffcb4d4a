/*
 * consumer_state.h
 *		The inside of a consumer.  For consumer*.c only.
 */
#ifndef TOPOLOGY_STREAM_CONSUMER_STATE_H
#define TOPOLOGY_STREAM_CONSUMER_STATE_H

#include "stream/client.h"
#include "stream/consumer.h"

/* What librdkafka 2.0 allocates for a message besides its bytes, rounded up. */
#define MESSAGE_OVERHEAD 256

/* One partition, since the last assignment. */
typedef struct consumer_partition
{
	stream_position position; /* moves with what is handed out */
	size_t last_held;         /* index in held of the last record, plus 1; 0: none there */
	bool assigned;
	bool stopped;   /* after an error: nothing of it is handed out */
	bool comparing; /* fetched from last_offset on, which was not yet met */
} consumer_partition;

/*
 * librdkafka's fetch thread of a broker that finds the queue full sleeps for up
 * to 1 s (before 2.2, which has fetch.queue.backoff.ms), though the queue may be
 * empty after some milliseconds.  So it is woken whenever a part of what the
 * queue holds has been polled.
 */
typedef struct consumer_waker
{
	size_t every_bytes;
	size_t every_messages;
	size_t bytes; /* polled since the last time */
	size_t messages;
	char *username; /* see consumer_wake_fetchers() */
	char *password;
} consumer_waker;

struct stream_consumer
{
	stream_client client;
	rd_kafka_topic_t *topic;
	const char *topic_name; /* librdkafka's */
	int wait_fd;
	unsigned int polls; /* since the main queue was served */
	consumer_partition *partitions;
	int32_t partition_count;
	rd_kafka_message_t **held;
	size_t held_count;
	size_t held_capacity;
	size_t held_bytes;
	uint64_t metadata_seen; /* of the client's metadata_requests */
	consumer_waker waker;
};

/* Have librdkafka read from the positions as they are now. */
extern bool consumer_apply(stream_consumer *consumer, stream_error *error);

extern bool consumer_waker_init(consumer_waker *waker, const stream_consumer_options *options,
								size_t queue_bytes, size_t queue_messages);
extern void consumer_waker_free(consumer_waker *waker);

/*
 * To recognise a record: of its time, its lengths, and at most 128 bytes of its
 * key and payload.  Alike on every machine.
 */
extern uint64_t consumer_fingerprint(const stream_message *message);

/* Count a message that was taken out of the queue. */
extern void consumer_waker_count(stream_consumer *consumer, size_t bytes);

#endif /* TOPOLOGY_STREAM_CONSUMER_STATE_H */
