/*
 * kafka_stream.c
 *		The consumer and the producer of src/stream, as a program for tests.
 *
 *		kafka_stream consume BROKERS TOPIC STATE [OPTION]... [-X NAME=VALUE]...
 *		kafka_stream produce BROKERS TOPIC COUNT [OPTION]... [-X NAME=VALUE]...
 *		kafka_stream reassign BROKERS TOPIC COUNT [-X NAME=VALUE]...
 *
 * consume takes records whose payload is a number.  STATE holds the positions
 * and which numbers were seen how often, and is replaced as a whole after each
 * batch, as a worker commits rows and offsets: so a kill at any time must
 * neither lose nor repeat a number.  What happens is printed, a line each:
 *		partitions N | end PARTITION OFFSET | error KIND PARTITION MESSAGE |
 *		log LINE | recovered
 * and at last  records R distinct D repeated U peak KB seconds S.  It ends when
 * D numbers were seen (--expect D), when every partition was read to its end
 * (--to-end), after --seconds, or, with status 2, at an error that does not
 * pass by itself; with --any-error at any error.
 *		--memory BYTES, --batch RECORDS, --discover MS, --latest, --slow US (per record)
 *
 * produce sends the numbers from --first on, waiting where it is full, and
 * prints  delivered D failed F full T (times that it was full).
 *
 * reassign assigns the partitions as often as that, without a pause, and prints
 * assigned COUNT.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stream/consumer.h"
#include "stream/producer.h"

#define MAX_PARTITIONS 64
#define MAX_NUMBERS    (2 << 20)
#define MAX_SETTINGS   32
#define ASK_MS         2000

/* What is "committed". */
typedef struct tally
{
	char cluster_id[128];
	int32_t partitions;
	stream_position positions[MAX_PARTITIONS];
	uint64_t records;
	uint8_t seen[MAX_NUMBERS];
} tally;

typedef struct options
{
	stream_setting settings[MAX_SETTINGS];
	size_t setting_count;
	uint64_t expect;
	size_t memory;
	uint64_t batch;
	uint64_t first;
	int discover_ms;
	int seconds;
	int slow_us;
	bool latest;
	bool to_end;
	bool any_error;
} options;

typedef struct run
{
	const options *options;
	stream_consumer *consumer;
	const char *state;
	tally *tally;
	bool ended[MAX_PARTITIONS];
	bool troubled;
	int64_t start_ms;
	int64_t discovered_ms;
} run;

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
print_error(const stream_error *error)
{
	printf("error %s %d %s\n", stream_error_kind_name(error->kind), (int) error->partition,
		   error->message);
	fflush(stdout);
}

static void
stop(const stream_error *error)
{
	print_error(error);
	exit(2);
}

static void
load(tally *tally, const char *name)
{
	FILE *file = fopen(name, "rb");

	memset(tally, 0, sizeof(*tally));
	if (file == NULL)
		return;
	if (fread(tally, sizeof(*tally), 1, file) != 1)
		abort();
	fclose(file);
}

static void
save(const tally *tally, const char *name)
{
	char fresh[4096];
	int file;

	snprintf(fresh, sizeof(fresh), "%s.new", name);
	file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (file < 0 || write(file, tally, sizeof(*tally)) != (ssize_t) sizeof(*tally))
		abort();
	close(file);
	if (rename(fresh, name) != 0)
		abort();
}

/* Positions of the partitions that have none: where to start, stored before they are read. */
static void
begin_partitions(run *run, int32_t count)
{
	tally *tally = run->tally;
	/* what appears later is read whole */
	stream_edge edge =
		run->options->latest && tally->partitions == 0 ? STREAM_LATEST : STREAM_EARLIEST;
	stream_error error;

	for (int32_t i = tally->partitions; i < count; i++)
		tally->positions[i] = (stream_position){.partition = i, .last_offset = -1};
	if (!stream_consumer_offsets(run->consumer, edge, tally->positions + tally->partitions,
								 (size_t) (count - tally->partitions), ASK_MS, &error))
	{
		print_error(&error);
		return;
	}
	tally->partitions = count;
	save(tally, run->state);
	printf("partitions %d\n", count);
	if (!stream_consumer_assign(run->consumer, tally->positions, (size_t) count, &error))
		stop(&error);
}

static void
discover(run *run)
{
	stream_metadata metadata;
	stream_error error;

	run->discovered_ms = now_ms();
	if (!stream_consumer_metadata(run->consumer, ASK_MS, &metadata, &error))
	{
		run->troubled = true;
		if (!stream_error_may_pass(error.kind) || run->options->any_error)
			stop(&error);
		print_error(&error);
		return;
	}
	if (run->troubled)
		puts("recovered");
	run->troubled = false;
	if (run->tally->cluster_id[0] && strcmp(run->tally->cluster_id, metadata.cluster_id) != 0)
		stop(&(stream_error){.kind = STREAM_TOPIC_RECREATED, .message = "another cluster"});
	memcpy(run->tally->cluster_id, metadata.cluster_id, sizeof(metadata.cluster_id));
	if (metadata.partitions > run->tally->partitions)
		begin_partitions(run, metadata.partitions);
	fflush(stdout);
}

static void
take_message(run *run, const stream_message *message)
{
	char text[24];
	uint64_t number;

	snprintf(text, sizeof(text), "%.*s", (int) message->payload_length,
			 (const char *) message->payload);
	number = strtoull(text, NULL, 10);
	if (number >= MAX_NUMBERS)
		abort();
	run->tally->seen[number] += run->tally->seen[number] < UINT8_MAX;
	run->tally->records++;
	run->ended[message->partition] = false;
	if (run->options->slow_us > 0)
		usleep((useconds_t) run->options->slow_us);
}

/* One item; false if there was none. */
static bool
take(run *run, int timeout_ms)
{
	stream_item item;

	switch (stream_consumer_poll(run->consumer, timeout_ms, &item))
	{
		case STREAM_MESSAGE:
			take_message(run, &item.message);
			return true;
		case STREAM_END:
			run->ended[item.partition] = true;
			printf("end %d %" PRId64 "\n", item.partition, item.offset);
			return true;
		case STREAM_ERROR:
			run->troubled = true;
			if (!stream_error_may_pass(item.error.kind) || run->options->any_error)
				stop(&item.error);
			print_error(&item.error);
			return true;
		default:
			return false;
	}
}

static void
take_batch(run *run)
{
	uint64_t before = run->tally->records, taken = 0;
	char line[400];

	while (taken < run->options->batch && take(run, 0))
		taken++;
	for (int32_t i = 0; i < run->tally->partitions; i++)
		run->tally->positions[i] = stream_consumer_position(run->consumer, i);
	if (taken > 0)
		save(run->tally, run->state);
	stream_consumer_release(run->consumer);
	while (stream_consumer_log(run->consumer, line, sizeof(line)))
		printf("log %s\n", line);
	if (run->tally->records == before)
	{
		struct pollfd wait = {.fd = stream_consumer_wait_fd(run->consumer), .events = POLLIN};

		fflush(stdout);
		poll(&wait, 1, 200);
	}
}

static uint64_t
count_seen(const tally *tally, uint64_t *repeated)
{
	uint64_t distinct = 0;

	*repeated = 0;
	for (size_t i = 0; i < MAX_NUMBERS; i++)
	{
		distinct += tally->seen[i] > 0;
		*repeated += tally->seen[i] > 1;
	}
	return distinct;
}

static bool
is_done(const run *run)
{
	const options *options = run->options;
	uint64_t repeated;

	if (options->seconds > 0 && now_ms() - run->start_ms >= options->seconds * 1000)
		return true;
	if (options->expect > 0 && run->tally->records >= options->expect)
		return count_seen(run->tally, &repeated) >= options->expect;
	if (!options->to_end || run->tally->partitions == 0)
		return false;
	for (int32_t i = 0; i < run->tally->partitions; i++)
		if (!run->ended[i])
			return false;
	return true;
}

/* In kB; unlike getrusage(), not that of the process which forked us. */
static long
peak_memory(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long peak = -1;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "VmHWM: %ld", &peak) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return peak;
}

static void
print_summary(const run *run)
{
	uint64_t repeated, distinct = count_seen(run->tally, &repeated);

	printf("records %" PRIu64 " distinct %" PRIu64 " repeated %" PRIu64 " peak %ld seconds %.3f\n",
		   run->tally->records, distinct, repeated, peak_memory(),
		   (double) (now_ms() - run->start_ms) / 1000);
}

static int
consume(const options *options, char **arguments)
{
	static tally tally;
	run run = {.options = options, .state = arguments[2], .tally = &tally, .start_ms = now_ms()};
	stream_consumer_options how = {.brokers = arguments[0],
								   .topic = arguments[1],
								   .settings = options->settings,
								   .setting_count = options->setting_count,
								   .memory = options->memory};
	stream_error error;

	load(&tally, run.state);
	run.consumer = stream_consumer_open(&how, &error);
	if (run.consumer == NULL)
		stop(&error);
	if (tally.partitions > 0 &&
		!stream_consumer_assign(run.consumer, tally.positions, (size_t) tally.partitions, &error))
		stop(&error);
	while (!is_done(&run))
	{
		if (run.discovered_ms == 0 || now_ms() - run.discovered_ms >= options->discover_ms)
			discover(&run);
		take_batch(&run);
	}
	print_summary(&run);
	stream_consumer_close(run.consumer);
	return 0;
}

static void
send_number(stream_producer *producer, uint64_t number, uint64_t *full)
{
	stream_error error;
	char text[24];
	int length = snprintf(text, sizeof(text), "%" PRIu64, number);
	stream_outgoing record = {.payload = text, .payload_length = (size_t) length};
	stream_sent sent;

	while ((sent = stream_producer_send(producer, &record, &error)) == STREAM_FULL)
	{
		++*full;
		if (stream_producer_serve(producer, 100, &error))
			print_error(&error);
	}
	if (sent == STREAM_REFUSED)
		print_error(&error);
}

static int
produce(const options *options, char **arguments)
{
	stream_producer_options how = {.brokers = arguments[0],
								   .topic = arguments[1],
								   .settings = options->settings,
								   .setting_count = options->setting_count,
								   .memory = options->memory};
	uint64_t count = strtoull(arguments[2], NULL, 10), full = 0;
	stream_producer_counts counts;
	stream_producer *producer;
	stream_error error;

	producer = stream_producer_open(&how, &error);
	if (producer == NULL)
		stop(&error);
	for (uint64_t i = 0; i < count; i++)
	{
		send_number(producer, options->first + i, &full);
		if (i % 1000 == 0 && stream_producer_serve(producer, 0, &error))
			print_error(&error);
	}
	while (!stream_producer_flush(producer, 1000))
		if (stream_producer_serve(producer, 0, &error))
		{
			print_error(&error);
			if (!stream_error_may_pass(error.kind) || options->any_error)
				break;
		}
	if (stream_producer_serve(producer, 0, &error))
		print_error(&error);
	counts = stream_producer_count(producer);
	printf("delivered %" PRIu64 " failed %" PRIu64 " full %" PRIu64 "\n", counts.delivered,
		   counts.failed, full);
	stream_producer_close(producer);
	return 0;
}

static int
reassign(const options *options, char **arguments)
{
	stream_consumer_options opening = {.brokers = arguments[0],
									   .topic = arguments[1],
									   .settings = options->settings,
									   .setting_count = options->setting_count};
	stream_position positions[MAX_PARTITIONS];
	stream_metadata metadata = {0};
	stream_error error = {0};
	stream_item item;
	stream_consumer *consumer = stream_consumer_open(&opening, &error);
	int count = 0;

	if (consumer != NULL && stream_consumer_metadata(consumer, 10000, &metadata, &error))
	{
		for (int i = 0; i < metadata.partitions; i++)
			positions[i] = (stream_position){.partition = i, .last_offset = -1};
		while (count < atoi(arguments[2]) &&
			   stream_consumer_assign(consumer, positions, (size_t) metadata.partitions, &error))
			if (++count % 10 == 0)
				(void) stream_consumer_poll(consumer, 1, &item);
	}
	if (error.kind != STREAM_NO_ERROR)
		print_error(&error);
	stream_consumer_close(consumer);
	printf("assigned %d\n", count);
	return 0;
}

static void
add_setting(options *options, char *pair)
{
	char *value = strchr(pair, '=');

	if (value == NULL || options->setting_count == MAX_SETTINGS)
		exit(64);
	*value++ = '\0';
	options->settings[options->setting_count++] = (stream_setting){pair, value};
}

static bool
read_options(options *options, int argc, char **argv)
{
	static const struct option known[] = {{"expect", required_argument, NULL, 'e'},
										  {"memory", required_argument, NULL, 'm'},
										  {"batch", required_argument, NULL, 'b'},
										  {"discover", required_argument, NULL, 'd'},
										  {"seconds", required_argument, NULL, 's'},
										  {"slow", required_argument, NULL, 'w'},
										  {"first", required_argument, NULL, 'f'},
										  {"latest", no_argument, NULL, 'l'},
										  {"to-end", no_argument, NULL, 'E'},
										  {"any-error", no_argument, NULL, 'a'},
										  {NULL, 0, NULL, 0}};
	int option;

	*options = (struct options){.batch = 20000, .discover_ms = 1000};
	while ((option = getopt_long(argc, argv, "X:", known, NULL)) != -1)
	{
		if (option == 'X')
			add_setting(options, optarg);
		options->expect = option == 'e' ? strtoull(optarg, NULL, 10) : options->expect;
		options->memory = option == 'm' ? strtoull(optarg, NULL, 10) : options->memory;
		options->batch = option == 'b' ? strtoull(optarg, NULL, 10) : options->batch;
		options->first = option == 'f' ? strtoull(optarg, NULL, 10) : options->first;
		options->discover_ms = option == 'd' ? atoi(optarg) : options->discover_ms;
		options->seconds = option == 's' ? atoi(optarg) : options->seconds;
		options->slow_us = option == 'w' ? atoi(optarg) : options->slow_us;
		options->latest |= option == 'l';
		options->to_end |= option == 'E';
		options->any_error |= option == 'a';
		if (option == '?')
			return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	options options;

	if (!read_options(&options, argc, argv) || argc - optind != 4)
	{
		fputs("usage: kafka_stream consume|produce|reassign BROKERS TOPIC STATE|COUNT "
			  "[OPTION]...\n",
			  stderr);
		return 64;
	}
	if (strcmp(argv[optind], "consume") == 0)
		return consume(&options, argv + optind + 1);
	if (strcmp(argv[optind], "reassign") == 0)
		return reassign(&options, argv + optind + 1);
	return produce(&options, argv + optind + 1);
}
