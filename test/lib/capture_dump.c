/*
 * capture_dump.c
 *		Reads the pinned capture as the worker does, and prints what it gets.
 *
 * One JSON object a line: an event with what its record says, and last of all the
 * state of the capture with "summary":true.  Without --commit the next reader gets
 * the same events again.
 *
 *		capture_dump [--dir DIR] [--snapshot] [--commit] [--resume POSITION]
 *					 [--limit N] [--wait MILLISECONDS]
 *
 * --wait first waits for the kernel's wake-up, at most so long; the summary says
 * whether it came.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "capture/capture_record.h"
#include "flow/utf8.h"

static const char *const kinds[] = {"unknown", "snapshot", "close", "forward"};

typedef struct dump_options
{
	const char *dir;
	const char *resume;
	unsigned long limit;
	bool snapshot;
	bool commit;
	int wait_ms;
	bool woken;
} dump_options;

static void
stop(const capture_error *error)
{
	fprintf(stderr, "%s\n%s\n", error->message, error->hint);
	exit(1);
}

/* A member of the object; text is printable UTF-8. */
static void
print_string(const char *name, const char *text, size_t length)
{
	printf("\"%s\":\"", name);
	for (size_t i = 0; i < length; i++)
	{
		if (text[i] == '"' || text[i] == '\\')
			putchar('\\');
		putchar(text[i]);
	}
	fputs("\",", stdout);
}

static void
print_text(const char *name, flow_text text)
{
	if (text.data != NULL)
		print_string(name, text.data, text.length);
}

/* The record's times are Unix time. */
static void
print_record(capture_recorder *recorder, const struct flow_event *event)
{
	const process_identity *identity;
	flow_record record;

	if (!capture_recorder_record(recorder, event, &record))
		return;
	identity = capture_recorder_identity(recorder, event);
	print_text("app", record.app);
	print_text("cluster", record.cluster);
	print_text("instance", record.instance);
	print_text("host", record.host);
	print_text("scope", record.scope);
	printf("\"unix_end\":%lld,\"unit\":\"%s\",\"container\":\"%s\",\"netns_name\":\"%s\",",
		   (long long) record.end_ns, identity->cgroup.unit, identity->cgroup.container_id,
		   identity->netns_name);
}

/* A process may call itself anything. */
static void
print_comm(const struct flow_event *event)
{
	char comm[FLOW_COMM_SIZE + 1];

	snprintf(comm, sizeof(comm), "%.*s", FLOW_COMM_SIZE, event->comm);
	utf8_make_printable(comm);
	print_string("comm", comm, strlen(comm));
}

static void
print_translation(const struct flow_tuple *tuple)
{
	char local[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];
	int family = tuple->family == 4 ? AF_INET : AF_INET6;

	if (tuple->family == 0)
		return;
	inet_ntop(family, tuple->local, local, sizeof(local));
	inet_ntop(family, tuple->peer, peer, sizeof(peer));
	printf("\"nat_local\":\"%s\",\"nat_local_port\":%u,\"nat_peer\":\"%s\",\"nat_peer_port\":%u,",
		   local, tuple->local_port, peer, tuple->peer_port);
}

static void
print_event(capture_recorder *recorder, const struct flow_event *event)
{
	char local[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];
	int family = event->family == 4 ? AF_INET : AF_INET6;

	inet_ntop(family, event->local, local, sizeof(local));
	inet_ntop(family, event->peer, peer, sizeof(peer));
	putchar('{');
	print_record(recorder, event);
	print_comm(event);
	print_translation(&event->translated);
	printf("\"kind\":\"%s\",\"proto\":\"%s\",\"role\":%u,\"start\":%llu,\"end\":%llu,"
		   "\"cookie\":%llu,\"pid\":%u,\"netns\":%u,\"local\":\"%s\",\"local_port\":%u,"
		   "\"peer\":\"%s\",\"peer_port\":%u,",
		   kinds[event->kind <= FLOW_EVENT_FORWARD ? event->kind : 0],
		   event->protocol == 6 ? "tcp" : "udp", event->role, event->start_ns, event->end_ns,
		   event->cookie, event->process.tgid, event->netns, local, event->local_port, peer,
		   event->peer_port);
	printf("\"tx_bytes\":%llu,\"rx_bytes\":%llu,\"tx_packets\":%llu,\"rx_packets\":%llu,"
		   "\"retransmits\":%u,\"rtt_us\":%u,\"connections\":%u,\"failed\":%u}\n",
		   event->tx_bytes, event->rx_bytes, event->tx_packets, event->rx_packets,
		   event->retransmits, event->rtt_us, event->connections, event->failed);
}

static void
print_summary(capture *capture, unsigned long events, unsigned long unreadable, uint64_t gone,
			  bool woken)
{
	const capture_identity *identity = capture_get_identity(capture);
	struct flow_lost lost;
	capture_error error;

	if (!capture_lost(capture, &lost, &error))
		stop(&error);
	printf("{\"summary\":true,\"events\":%lu,\"unreadable\":%lu,\"boot_id\":\"%s\",\"map_id\":%u,"
		   "\"position\":%llu,\"pending\":%llu,\"ring_size\":%llu,\"gone\":%llu,"
		   "\"woken\":%s,",
		   events, unreadable, identity->boot_id, identity->map_id,
		   (unsigned long long) capture_position(capture),
		   (unsigned long long) capture_pending(capture), (unsigned long long) identity->ring_size,
		   (unsigned long long) gone, woken ? "true" : "false");
	printf("\"lost\":{\"events\":%llu,\"connections\":%llu,\"failed\":%llu,\"tx_bytes\":%llu,"
		   "\"rx_bytes\":%llu,\"tx_packets\":%llu,\"rx_packets\":%llu,\"untracked\":%llu,"
		   "\"udp_packets\":%llu}}\n",
		   lost.events, lost.connections, lost.failed, lost.tx_bytes, lost.rx_bytes,
		   lost.tx_packets, lost.rx_packets, lost.untracked, lost.udp_packets);
}

static bool
wait_for_wakeup(capture *capture, int wait_ms)
{
	struct pollfd poll_fd = {.fd = capture_wait_fd(capture), .events = POLLIN};
	bool woken;

	capture_clear_wakeup(capture);
	woken = poll(&poll_fd, 1, wait_ms) == 1;
	capture_clear_wakeup(capture);
	return woken;
}

static void
dump(capture *capture, capture_recorder *recorder, const dump_options *options)
{
	unsigned long events = 0, unreadable = 0;
	capture_error error;
	capture_result result;
	capture_item item;
	uint64_t gone = 0;

	if (options->resume != NULL &&
		!capture_resume(capture, strtoull(options->resume, NULL, 10), &gone))
		fprintf(stderr, "the position is none of this ring's\n");
	if (options->snapshot && !capture_snapshot(capture, &error))
		stop(&error);
	while (events < options->limit && (result = capture_next(capture, &item)) != CAPTURE_EMPTY)
	{
		events++;
		if (result == CAPTURE_EVENT)
			print_event(recorder, item.event);
		else
			unreadable++;
	}
	if (options->commit)
		capture_commit(capture);
	print_summary(capture, events, unreadable, gone, options->woken);
}

int
main(int argc, char **argv)
{
	static const struct option known[] = {{"dir", required_argument, NULL, 'd'},
										  {"resume", required_argument, NULL, 'r'},
										  {"limit", required_argument, NULL, 'l'},
										  {"wait", required_argument, NULL, 'w'},
										  {"snapshot", no_argument, NULL, 's'},
										  {"commit", no_argument, NULL, 'c'},
										  {NULL, 0, NULL, 0}};
	dump_options options = {.limit = -1UL};
	capture_recorder_options recorder_options = {0};
	capture_recorder *recorder;
	capture_error error;
	capture *capture;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
	{
		options.dir = option == 'd' ? optarg : options.dir;
		options.resume = option == 'r' ? optarg : options.resume;
		options.limit = option == 'l' ? strtoul(optarg, NULL, 10) : options.limit;
		options.wait_ms = option == 'w' ? atoi(optarg) : options.wait_ms;
		options.snapshot |= option == 's';
		options.commit |= option == 'c';
		if (option == '?')
			return 1;
	}
	capture = capture_open(options.dir, &error);
	if (capture == NULL)
		stop(&error);
	recorder = capture_recorder_create(capture_process_map(capture), &recorder_options, &error);
	if (recorder == NULL)
		stop(&error);
	options.woken = options.wait_ms > 0 && wait_for_wakeup(capture, options.wait_ms);
	dump(capture, recorder, &options);
	capture_recorder_free(recorder);
	capture_close(capture);
	return 0;
}
