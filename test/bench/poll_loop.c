/*
 * poll_loop.c
 *		The least that a consumer can do: poll every message of a topic, from its
 *		begin to its end, and free it.
 *
 *		poll_loop BROKERS TOPIC [NAME=VALUE]...
 *
 * Prints messages, bytes, and seconds from the first message to the end of the
 * last partition.  Its queue is so large that librdkafka never pauses fetching
 * (for 1 s, before 2.2), which costs memory but gives the best figure.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_MS 10000

static void
check(bool good, const char *reason)
{
	if (good)
		return;
	fprintf(stderr, "poll_loop: %s\n", reason);
	exit(1);
}

static double
now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char reason[256];

	check(rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK, reason);
}

static rd_kafka_t *
open_consumer(int argc, char **argv)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char reason[256];
	rd_kafka_t *consumer;

	set(conf, "bootstrap.servers", argv[1]);
	set(conf, "group.id", "poll_loop");
	set(conf, "enable.auto.commit", "false");
	set(conf, "enable.partition.eof", "true");
	set(conf, "queued.min.messages", "10000000");
	set(conf, "queued.max.messages.kbytes", "2097151");
	for (int i = 3; i < argc; i++)
	{
		char *value = strchr(argv[i], '=');

		check(value != NULL, "a setting is NAME=VALUE");
		*value = '\0';
		set(conf, argv[i], value + 1);
	}
	consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
	check(consumer != NULL, reason);
	return consumer;
}

/* Returns the number of partitions. */
static int
assign_all(rd_kafka_t *consumer, const char *name)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer, name, NULL);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t code = rd_kafka_metadata(consumer, 0, topic, &metadata, TIMEOUT_MS);
	int count;

	check(code == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(code));
	count = metadata->topics[0].partition_cnt;
	check(count > 0, "no such topic");
	list = rd_kafka_topic_partition_list_new(count);
	for (int i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, name, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	code = rd_kafka_assign(consumer, list);
	check(code == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(code));
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(topic);
	return count;
}

int
main(int argc, char **argv)
{
	unsigned long long messages = 0, bytes = 0;
	rd_kafka_t *consumer;
	double start = 0;
	int open;

	check(argc >= 3, "usage: poll_loop BROKERS TOPIC [NAME=VALUE]...");
	consumer = open_consumer(argc, argv);
	open = assign_all(consumer, argv[2]);
	while (open > 0)
	{
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, TIMEOUT_MS);

		check(message != NULL, "no message in time");
		if (start == 0)
			start = now();
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			open--;
		else
			check(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_message_errstr(message));
		messages += message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
		bytes += message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? message->len + message->key_len : 0;
		rd_kafka_message_destroy(message);
	}
	printf("%llu messages %llu bytes %.3f seconds\n", messages, bytes, now() - start);
	rd_kafka_destroy(consumer);
	return 0;
}
