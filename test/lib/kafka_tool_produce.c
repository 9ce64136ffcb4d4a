/*
 * kafka_tool_produce.c
 *		The commands of kafka_tool that write records.
 *
 * Each waits until a broker has every record, and fails if one is refused.
 */
#include "kafka_tool.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_MS      600000
#define RECORD_SIZE   65536
#define POLL_EVERY    1000
#define NS_PER_SECOND INT64_C(1000000000)

typedef struct writer
{
	rd_kafka_t *client;
	rd_kafka_topic_t *topic;
	int32_t partitions;
	int32_t only; /* the one to write to, or -1: all in turn */
	int64_t sent;
	int64_t refused;
} writer;

typedef struct options
{
	const char *template;
	const char *key;
	const char *id;
	int64_t first;
	int64_t rate;
	int32_t partition;
	bool hex;
	bool spans;
} options;

static const struct option known[] = {{"template", required_argument, NULL, 't'},
									  {"key", required_argument, NULL, 'k'},
									  {"id", required_argument, NULL, 'i'},
									  {"first", required_argument, NULL, 'f'},
									  {"rate", required_argument, NULL, 'r'},
									  {"partition", required_argument, NULL, 'p'},
									  {"hex", no_argument, NULL, 'h'},
									  {"spans", no_argument, NULL, 's'},
									  {NULL, 0, NULL, 0}};

/* Options stand behind the arguments; these stay in argv[1 ..]. */
static bool
read_options(options *options, int arguments, int argc, char **argv)
{
	int option;

	*options = (struct options){.template = "{n}", .id = "kafka_tool", .partition = -1};
	if (argc < arguments + 1)
		return false;
	optind = 1;
	while ((option = getopt_long(argc - arguments, argv + arguments, "", known, NULL)) != -1)
	{
		options->template = option == 't' ? optarg : options->template;
		options->key = option == 'k' ? optarg : options->key;
		options->id = option == 'i' ? optarg : options->id;
		options->first = option == 'f' ? tool_number(optarg) : options->first;
		options->rate = option == 'r' ? tool_number(optarg) : options->rate;
		options->partition = option == 'p' ? (int32_t) tool_number(optarg) : options->partition;
		options->hex |= option == 'h';
		options->spans |= option == 's';
		if (option == '?')
			return false;
	}
	return optind == argc - arguments;
}

void
tool_on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
	writer *writer = rd_kafka_topic_opaque(message->rkt);

	(void) client;
	(void) opaque;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	if (writer->refused++ == 0)
		fprintf(stderr, "kafka_tool: %s\n", rd_kafka_err2str(message->err));
}

static void
writer_open(writer *writer, rd_kafka_t *client, const char *topic, int32_t only)
{
	rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();

	*writer = (struct writer){.client = client, .only = only};
	rd_kafka_topic_conf_set_opaque(conf, writer);
	writer->topic = rd_kafka_topic_new(client, topic, conf);
	if (writer->topic == NULL)
		tool_die("not a topic: %s", topic);
	writer->partitions = tool_partitions(client, topic);
}

/* A key or a payload; data NULL: there is none. */
typedef struct bytes
{
	const char *data;
	size_t length;
} bytes;

static void
write_record(writer *writer, bytes key, bytes payload)
{
	int32_t partition = writer->only;

	if (partition < 0)
		partition = key.data != NULL ? RD_KAFKA_PARTITION_UA
									 : (int32_t) (writer->sent % writer->partitions);
	while (rd_kafka_produce(writer->topic, partition, RD_KAFKA_MSG_F_COPY,
							(void *) (uintptr_t) payload.data, payload.length, key.data, key.length,
							NULL) != 0)
	{
		tool_check(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL
					   ? RD_KAFKA_RESP_ERR_NO_ERROR
					   : rd_kafka_last_error(),
				   "produce");
		rd_kafka_poll(writer->client, 100);
	}
	if (++writer->sent % POLL_EVERY == 0)
		rd_kafka_poll(writer->client, 0);
}

/* Wait for the brokers; the number of records that were refused. */
static int64_t
writer_finish(writer *writer)
{
	tool_check(rd_kafka_flush(writer->client, FLUSH_MS), "flush");
	return writer->refused;
}

static int
writer_close(writer *writer)
{
	int status = writer->refused > 0;

	rd_kafka_topic_destroy(writer->topic);
	rd_kafka_destroy(writer->client);
	return status;
}

static rd_kafka_t *
plain_client(void)
{
	return tool_client(RD_KAFKA_PRODUCER, "linger.ms", "20", "enable.idempotence", "true",
					   "queue.buffering.max.kbytes", "131072", NULL);
}

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

/* The value of what stands at the begin of text in braces; how much of text that is, or 0. */
static int
read_field(const char *text, int64_t number, long long *value)
{
	long long modulus;
	int used = 0;

	if (strncmp(text, "{ns}", 4) == 0)
	{
		*value = now_ns();
		return 4;
	}
	*value = number;
	if (strncmp(text, "{n}", 3) == 0)
		return 3;
	if (sscanf(text, "{n:%lld}%n", &modulus, &used) != 1 || used == 0 || modulus <= 0)
		return 0;
	*value = number % modulus;
	return used;
}

/* What does not fit is cut off. */
static size_t
fill_template(char *out, const char *template, int64_t number)
{
	size_t length = 0;

	while (*template != '\0' && length < RECORD_SIZE - 32)
	{
		long long value;
		int used = *template == '{' ? read_field(template, number, &value) : 0;

		if (used > 0)
			length += (size_t) sprintf(out + length, "%lld", value);
		else
			out[length++] = *template;
		template += used > 0 ? used : 1;
	}
	out[length] = '\0';
	return length;
}

/* Wait until it is the turn of record number i at so many a second. */
static void
keep_rate(int64_t start, int64_t i, int64_t rate)
{
	int64_t due = start + i * NS_PER_SECOND / rate, left = due - now_ns();

	if (left > 0)
		nanosleep(&(struct timespec){left / NS_PER_SECOND, left % NS_PER_SECOND}, NULL);
}

int
command_generate(int argc, char **argv)
{
	static char record[RECORD_SIZE], key[RECORD_SIZE];
	int64_t start = now_ns(), count;
	options options;
	writer writer;

	if (!read_options(&options, 2, argc, argv))
		return 64;
	count = tool_number(argv[2]);
	writer_open(&writer, plain_client(), argv[1], options.partition);
	for (int64_t i = 0; i < count; i++)
	{
		int64_t number = options.first + i;
		size_t length = options.spans ? tool_fill_spans(record, sizeof(record), number, now_ns())
									  : fill_template(record, options.template, number);

		if (options.key != NULL)
			fill_template(key, options.key, number);
		if (options.rate > 0)
			keep_rate(start, i, options.rate);
		write_record(&writer, options.key ? (bytes){key, strlen(key)} : (bytes){NULL, 0},
					 (bytes){record, length});
	}
	writer_finish(&writer);
	return writer_close(&writer);
}

/* In place; "null" is none. */
static bytes
decode_hex(char *text, size_t length)
{
	if (strcmp(text, "null") == 0)
		return (bytes){NULL, 0};
	for (size_t i = 0; i + 1 < length; i += 2)
	{
		unsigned int byte;

		if (sscanf(text + i, "%2x", &byte) != 1)
			tool_die("not hexadecimal: %s", text);
		text[i / 2] = (char) byte;
	}
	return (bytes){text, length / 2};
}

static void
write_line(writer *writer, const options *options, char *line, size_t length)
{
	bytes key = {NULL, 0}, payload = {line, length};
	char *end;

	if (options->key != NULL && (end = strstr(line, options->key)) != NULL)
	{
		key = (bytes){line, (size_t) (end - line)};
		*end = '\0';
		payload.data = end + strlen(options->key);
		payload.length = length - (size_t) (payload.data - line);
	}
	if (options->hex && key.data != NULL)
		key = decode_hex(line, key.length);
	if (options->hex)
		payload = decode_hex(line + (length - payload.length), payload.length);
	write_record(writer, key, payload);
}

static void
write_file(writer *writer, const options *options, const char *name)
{
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	if (file == NULL)
		tool_die("cannot read %s", name);
	while ((length = getline(&line, &size, file)) > 0)
	{
		if (line[length - 1] == '\n')
			line[--length] = '\0';
		write_line(writer, options, line, (size_t) length);
	}
	free(line);
	if (file != stdin)
		fclose(file);
}

int
command_produce(int argc, char **argv)
{
	options options;
	writer writer;

	if (!read_options(&options, 2, argc, argv))
		return 64;
	writer_open(&writer, plain_client(), argv[1], options.partition);
	write_file(&writer, &options, argv[2]);
	writer_finish(&writer);
	return writer_close(&writer);
}

int
command_transaction(int argc, char **argv)
{
	options options;
	rd_kafka_t *client;
	writer writer;

	if (!read_options(&options, 3, argc, argv))
		return 64;
	client = tool_client(RD_KAFKA_PRODUCER, "transactional.id", options.id, NULL);
	tool_check_error(rd_kafka_init_transactions(client, FLUSH_MS), "init");
	tool_check_error(rd_kafka_begin_transaction(client), "begin");
	writer_open(&writer, client, argv[1], options.partition);
	write_file(&writer, &options, argv[3]);
	writer_finish(&writer);
	if (strcmp(argv[2], "commit") == 0)
		tool_check_error(rd_kafka_commit_transaction(client, FLUSH_MS), "commit");
	else if (strcmp(argv[2], "abort") == 0)
		tool_check_error(rd_kafka_abort_transaction(client, FLUSH_MS), "abort");
	else if (strcmp(argv[2], "leave") == 0)
		/* destroying the client would abort it */
		_exit(writer.refused > 0);
	else
		return 64;
	return writer_close(&writer);
}
