/*
 * kafka_tool_read.c
 *		The commands of kafka_tool that read topics.
 */
#include "kafka_tool.h"

#include <stdlib.h>
#include <string.h>

/* Offsets at an edge (-1, -2, as in Kafka's protocol) of every partition. */
static void
offsets_at(rd_kafka_t *client, const char *topic, int64_t edge, int32_t count, int64_t *offsets)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);

	for (int32_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = edge;
	tool_check(rd_kafka_offsets_for_times(client, list, TOOL_TIMEOUT_MS), "offsets");
	for (int32_t i = 0; i < count; i++)
	{
		tool_check(list->elems[i].err, "offset");
		offsets[list->elems[i].partition] = list->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
}

static rd_kafka_t *
reader(bool committed)
{
	return tool_client(RD_KAFKA_CONSUMER, "group.id", "kafka_tool", "enable.auto.commit", "false",
					   "enable.partition.eof", "true", "auto.offset.reset", "error",
					   /* 2.0 pauses for a second when its queue is full */
					   "queued.min.messages", "10000000", "queued.max.messages.kbytes", "1048576",
					   "isolation.level", committed ? "read_committed" : "read_uncommitted", NULL);
}

int
command_leaders(int argc, char **argv)
{
	rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, NULL);
	rd_kafka_topic_t *handle;
	const struct rd_kafka_metadata *metadata;

	if (argc != 2)
		return 64;
	handle = rd_kafka_topic_new(client, argv[1], NULL);
	tool_check(rd_kafka_metadata(client, 0, handle, &metadata, TOOL_TIMEOUT_MS), "metadata");
	for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
		printf("%d %d\n", metadata->topics[0].partitions[i].id,
			   metadata->topics[0].partitions[i].leader);
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
	rd_kafka_destroy(client);
	return 0;
}

int
command_ends(int argc, char **argv)
{
	rd_kafka_t *committed = reader(true), *all = reader(false);
	int64_t *begins, *ends, *highs;
	int32_t count;

	if (argc != 2)
		return 64;
	count = tool_partitions(committed, argv[1]);
	begins = calloc((size_t) count * 3, sizeof(*begins));
	ends = begins + count;
	highs = ends + count;
	offsets_at(committed, argv[1], RD_KAFKA_OFFSET_BEGINNING, count, begins);
	offsets_at(committed, argv[1], RD_KAFKA_OFFSET_END, count, ends);
	offsets_at(all, argv[1], RD_KAFKA_OFFSET_END, count, highs);
	for (int32_t i = 0; i < count; i++)
		printf("%d %lld %lld %lld\n", i, (long long) begins[i], (long long) ends[i],
			   (long long) highs[i]);
	free(begins);
	rd_kafka_destroy(committed);
	rd_kafka_destroy(all);
	return 0;
}

static void
print_message(const rd_kafka_message_t *message)
{
	printf("%d\t%lld\t%.*s\t%.*s\n", message->partition, (long long) message->offset,
		   (int) message->key_len, message->key_len ? (const char *) message->key : "",
		   (int) message->len, message->len ? (const char *) message->payload : "");
}

/* Every partition from its begin to its end as it is when it is reached. */
static int64_t
read_all(rd_kafka_t *client, const char *topic, bool print)
{
	int32_t count = tool_partitions(client, topic), open = count;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
	rd_kafka_message_t *message;
	int64_t records = 0;

	for (int32_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	tool_check(rd_kafka_assign(client, list), "assign");
	rd_kafka_topic_partition_list_destroy(list);
	while (open > 0)
	{
		message = rd_kafka_consumer_poll(client, TOOL_TIMEOUT_MS);
		if (message == NULL)
			tool_die("no message in time");
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			open--;
		else
			tool_check(message->err, "message");
		records += message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
		if (print && message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			print_message(message);
		rd_kafka_message_destroy(message);
	}
	return records;
}

int
command_count(int argc, char **argv)
{
	bool print = strcmp(argv[0], "print") == 0;
	bool uncommitted = argc == 3 && strcmp(argv[2], "--uncommitted") == 0;
	rd_kafka_t *client;
	int64_t records;

	if (argc != 2 && !uncommitted)
		return 64;
	client = reader(!uncommitted);
	records = read_all(client, argv[1], print);
	if (!print)
		printf("%lld\n", (long long) records);
	rd_kafka_destroy(client);
	return 0;
}
