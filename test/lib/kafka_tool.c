/*
 * kafka_tool.c
 *		Makes, fills, measures and removes topics of a Kafka broker, for tests and
 *		the bench.  Starts in milliseconds, as Kafka's own tools do not.
 *
 *		kafka_tool [-b BROKERS] [-X NAME=VALUE]... COMMAND ...
 *
 *		ready SECONDS						until a broker answers
 *		cluster								print the cluster's id
 *		create TOPIC PARTITIONS[xREPLICAS] [NAME=VALUE]...
 *		delete TOPIC						and wait until it is gone
 *		partitions TOPIC [COUNT]			print how many, or grow to COUNT
 *		forget TOPIC PARTITION OFFSET		delete the records before OFFSET
 *		generate TOPIC COUNT [--template TEXT | --spans] [--first N] [--partition P] [--rate N]
 *		produce TOPIC FILE|- [--hex] [--key SEPARATOR] [--partition P]
 *		transaction TOPIC commit|abort|leave FILE|- [--id ID]
 *		ends TOPIC							per partition: number, begin, committed end, end
 *		leaders TOPIC						per partition: number, broker, -1 for none
 *		count TOPIC [--uncommitted]			records that a consumer sees
 *		print TOPIC [--uncommitted]			the same: partition, offset, key, payload
 *
 * BROKERS is 127.0.0.1:9092 unless given.  produce takes a line as a message
 * (--hex: its bytes in hexadecimal, and those of its key, or "null" for none),
 * round-robin over the partitions, or, with --key, what stands before the first
 * SEPARATOR as the key.  generate's template
 * may hold {n} (a number that counts up), {n:M} (the same modulo M) and {ns}
 * (the time); so may --key of generate.  --spans: messages are traces of a fleet, as
 * kafka_tool_spans.c has it.  "leave" leaves the transaction open.
 */
#include "kafka_tool.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READY_MS     250
#define POLL_NS      10000000
#define MAX_SETTINGS 32

static const char *brokers = "127.0.0.1:9092";
static char *settings[MAX_SETTINGS];
static int setting_count;

void
tool_die(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fputs("kafka_tool: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

void
tool_check(rd_kafka_resp_err_t code, const char *doing)
{
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		tool_die("%s: %s", doing, rd_kafka_err2str(code));
}

void
tool_check_error(rd_kafka_error_t *error, const char *doing)
{
	if (error != NULL)
		tool_die("%s: %s", doing, rd_kafka_error_string(error));
}

int64_t
tool_number(const char *text)
{
	char *end;
	int64_t number = strtoll(text, &end, 10);

	if (*text == '\0' || *end != '\0')
		tool_die("not a number: %s", text);
	return number;
}

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char reason[256];

	if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) != RD_KAFKA_CONF_OK)
		tool_die("%s", reason);
}

rd_kafka_t *
tool_client(rd_kafka_type_t type, ...)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char reason[256];
	rd_kafka_t *client;
	const char *name;
	va_list more;

	set(conf, "bootstrap.servers", brokers);
	set(conf, "log_level", "2");
	if (type == RD_KAFKA_PRODUCER)
		rd_kafka_conf_set_dr_msg_cb(conf, tool_on_report);
	for (int i = 0; i < setting_count; i++)
	{
		char *pair = strdup(settings[i]), *value = strchr(pair, '=');

		if (value == NULL)
			tool_die("not NAME=VALUE: %s", pair);
		*value++ = '\0';
		set(conf, pair, value);
		free(pair);
	}
	va_start(more, type);
	while ((name = va_arg(more, const char *)) != NULL)
		set(conf, name, va_arg(more, const char *));
	va_end(more);
	client = rd_kafka_new(type, conf, reason, sizeof(reason));
	if (client == NULL)
		tool_die("%s", reason);
	return client;
}

int32_t
tool_partitions(rd_kafka_t *client, const char *topic)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
	const struct rd_kafka_metadata *metadata;
	int32_t count;

	tool_check(rd_kafka_metadata(client, 0, handle, &metadata, TOOL_TIMEOUT_MS), "metadata");
	tool_check(metadata->topics[0].err, topic);
	count = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
	return count;
}

/* A client of its own each time: one that was refused waits before it tries again. */
static bool
is_ready(void)
{
	rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, NULL);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, NULL, &metadata, READY_MS);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_destroy(client);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int
command_ready(int argc, char **argv)
{
	time_t end;

	if (argc != 2)
		return 64;
	end = time(NULL) + tool_number(argv[1]);
	while (!is_ready())
		if (time(NULL) >= end)
			tool_die("no broker answers");
	return 0;
}

static int
command_cluster(int argc, char **argv)
{
	rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, NULL);
	char *id = rd_kafka_clusterid(client, TOOL_TIMEOUT_MS);

	(void) argc;
	(void) argv;
	if (id == NULL)
		tool_die("no broker");
	puts(id);
	rd_kafka_mem_free(client, id);
	rd_kafka_destroy(client);
	return 0;
}

/* How many partitions the broker says the topic has; 0: there is none. */
static int32_t
look_up(rd_kafka_t *client, const char *topic)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
	const struct rd_kafka_metadata *metadata;
	int32_t count;

	tool_check(rd_kafka_metadata(client, 0, handle, &metadata, TOOL_TIMEOUT_MS), "metadata");
	count = metadata->topics[0].err ? 0 : metadata->topics[0].partition_cnt;
	for (int32_t i = 0; i < count; i++)
		if (metadata->topics[0].partitions[i].leader < 0)
			count = -1;
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
	return count;
}

/*
 * Wait for the answer to a request about topics; dies unless it is success.  The
 * controller answers before the broker knows: if topic is given, wait until that
 * says that it has so many partitions.
 */
static void
finish_request(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, int32_t partitions)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TOOL_TIMEOUT_MS);
	const rd_kafka_topic_result_t **results = NULL;
	size_t count = 0;

	if (event == NULL)
		tool_die("no answer in time");
	tool_check(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
	if (rd_kafka_event_CreateTopics_result(event) != NULL)
		results =
			rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
	else if (rd_kafka_event_DeleteTopics_result(event) != NULL)
		results =
			rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
	else if (rd_kafka_event_CreatePartitions_result(event) != NULL)
		results = rd_kafka_CreatePartitions_result_topics(
			rd_kafka_event_CreatePartitions_result(event), &count);
	for (size_t i = 0; i < count; i++)
		tool_check(rd_kafka_topic_result_error(results[i]), rd_kafka_topic_result_name(results[i]));
	rd_kafka_event_destroy(event);
	while (topic != NULL && look_up(client, topic) != partitions)
		nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(client);
}

static void
set_topic_option(rd_kafka_NewTopic_t *topic, const char *option)
{
	char *name = strdup(option), *value = strchr(name, '=');

	if (value == NULL)
		tool_die("not NAME=VALUE: %s", option);
	*value++ = '\0';
	tool_check(rd_kafka_NewTopic_set_config(topic, name, value), option);
	free(name);
}

static int
command_create(int argc, char **argv)
{
	rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_NewTopic_t *topic;
	int partitions, replicas = 1;
	char reason[256];

	if (argc < 3 || sscanf(argv[2], "%dx%d", &partitions, &replicas) < 1)
		return 64;
	topic = rd_kafka_NewTopic_new(argv[1], partitions, replicas, reason, sizeof(reason));
	if (topic == NULL)
		tool_die("%s", reason);
	for (int i = 3; i < argc; i++)
		set_topic_option(topic, argv[i]);
	rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
	rd_kafka_NewTopic_destroy(topic);
	finish_request(client, queue, argv[1], partitions);
	return 0;
}

static int
command_delete(int argc, char **argv)
{
	rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_DeleteTopic_t *topic;

	if (argc != 2)
		return 64;
	topic = rd_kafka_DeleteTopic_new(argv[1]);
	rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
	rd_kafka_DeleteTopic_destroy(topic);
	finish_request(client, queue, argv[1], 0);
	return 0;
}

static int
command_partitions(int argc, char **argv)
{
	rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, NULL);
	rd_kafka_queue_t *queue;
	rd_kafka_NewPartitions_t *partitions;
	char reason[256];

	if (argc == 2)
	{
		printf("%d\n", tool_partitions(client, argv[1]));
		rd_kafka_destroy(client);
		return 0;
	}
	if (argc != 3)
		return 64;
	queue = rd_kafka_queue_new(client);
	partitions =
		rd_kafka_NewPartitions_new(argv[1], (size_t) tool_number(argv[2]), reason, sizeof(reason));
	if (partitions == NULL)
		tool_die("%s", reason);
	rd_kafka_CreatePartitions(client, &partitions, 1, NULL, queue);
	rd_kafka_NewPartitions_destroy(partitions);
	finish_request(client, queue, argv[1], (int32_t) tool_number(argv[2]));
	return 0;
}

static int
command_forget(int argc, char **argv)
{
	rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_DeleteRecords_t *records;

	if (argc != 4)
		return 64;
	rd_kafka_topic_partition_list_add(list, argv[1], (int32_t) tool_number(argv[2]))->offset =
		tool_number(argv[3]);
	records = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(client, &records, 1, NULL, queue);
	rd_kafka_DeleteRecords_destroy(records);
	rd_kafka_topic_partition_list_destroy(list);
	finish_request(client, queue, NULL, 0);
	return 0;
}

static const struct
{
	const char *name;
	tool_command run;
} commands[] = {{"ready", command_ready},
				{"cluster", command_cluster},
				{"create", command_create},
				{"delete", command_delete},
				{"partitions", command_partitions},
				{"forget", command_forget},
				{"generate", command_generate},
				{"produce", command_produce},
				{"transaction", command_transaction},
				{"ends", command_ends},
				{"leaders", command_leaders},
				{"count", command_count},
				{"print", command_count}};

static int
run(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
	{
		int status;

		if (strcmp(commands[i].name, argv[0]) != 0)
			continue;
		status = commands[i].run(argc, argv);
		if (status == 64)
			fprintf(stderr, "kafka_tool: wrong arguments for %s\n", argv[0]);
		return status;
	}
	fprintf(stderr, "kafka_tool: unknown command %s\n", argv[0]);
	return 64;
}

int
main(int argc, char **argv)
{
	int option;

	/* "+": what follows the command is its own */
	while ((option = getopt(argc, argv, "+b:X:")) != -1)
	{
		if (option == 'b')
			brokers = optarg;
		else if (option == 'X' && setting_count < MAX_SETTINGS)
			settings[setting_count++] = optarg;
		else
			return 64;
	}
	if (optind == argc)
	{
		fputs("usage: kafka_tool [-b BROKERS] [-X NAME=VALUE]... COMMAND ...\n", stderr);
		return 64;
	}
	return run(argc - optind, argv + optind);
}
