/*
 * capture.c
 *		Opens the pinned capture and reads it.
 *
 * A capture owns its descriptors, its mappings and the choice of namespaces; -1
 * and NULL mark what is not open, so that capture_close() serves a half-open one too.
 * The lock on the pin directory goes with its descriptor, so a killed reader
 * leaves nothing behind.
 */
#include "capture/capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/netns_choice.h"
#include "capture/pins.h"
#include "capture/ring.h"

#define PIN_HINT "Run \"topology-agent pin\" as root on this host."

struct capture
{
	char dir[256];
	int lock_fd; /* the directory, locked */
	int events_fd;
	int lost_fd;
	int process_fd;
	int program_fd; /* of the TCP hook, for its statistics */
	int wait_fd;
	int cpus;
	uint64_t vanished; /* connections whose end was missed, as far as it is sure */
	bool udp;
	capture_identity identity;
	ring ring;
	netns_choice *choice; /* NULL: all */
};

bool
capture_fail(capture_error *error, int code, const char *hint, const char *format, ...)
{
	va_list arguments;

	error->code = code;
	snprintf(error->hint, sizeof(error->hint), "%s", hint);
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	return false;
}

static const char *
hint_for(int code)
{
	if (code == EACCES || code == EPERM)
		return "This user must be in the group that \"topology-agent pin --group\" named.";
	if (code == ENOENT || code == ENOTDIR)
		return PIN_HINT;
	return "";
}

static bool
fail_open(capture_error *error, int code, const char *path)
{
	return capture_fail(error, code, hint_for(code), "could not open \"%s\": %s", path,
						strerror(code));
}

static void
pin_path(const capture *capture, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", capture->dir, name);
}

/* -1 with error filled in. */
static int
open_pin(const capture *capture, const char *name, bool writable, capture_error *error)
{
	LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = writable ? 0 : BPF_F_RDONLY);
	char path[320];
	int fd;

	pin_path(capture, name, path, sizeof(path));
	fd = bpf_obj_get_opts(path, &options);
	if (fd >= 0)
		return fd;
	fail_open(error, -fd, path);
	return -1;
}

static bool
lock_directory(capture *capture, capture_error *error)
{
	capture->lock_fd = open(capture->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (capture->lock_fd < 0)
		return fail_open(error, errno, capture->dir);
	if (flock(capture->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	return capture_fail(error, errno == EWOULDBLOCK ? EBUSY : errno,
						"One reader at a time: stop the other source of kind ebpf first.",
						"another process already reads \"%s\"", capture->dir);
}

static bool
check_about(capture *capture, capture_error *error)
{
	struct flow_about about;
	uint32_t zero = 0;
	int fd = open_pin(capture, PIN_ABOUT, false, error);
	int result;

	if (fd < 0)
		return false;
	result = bpf_map_lookup_elem(fd, &zero, &about);
	close(fd);
	if (result < 0)
		return capture_fail(error, -result, "", "could not read the map \"%s\"", PIN_ABOUT);
	if (!about.complete)
		return capture_fail(error, ENOENT, PIN_HINT, "the pins in \"%s\" are incomplete",
							capture->dir);
	if (about.version != FLOW_EVENT_VERSION || about.event_size != sizeof(struct flow_event))
		return capture_fail(error, EPROTO,
							"Run \"topology-agent pin --replace\" of the same release as root.",
							"the pins in \"%s\" are of event version %u, this program reads %u",
							capture->dir, about.version, FLOW_EVENT_VERSION);
	capture->udp = about.udp != 0;
	return true;
}

static bool
read_boot_id(char *boot_id, size_t size, capture_error *error)
{
	const char *path = "/proc/sys/kernel/random/boot_id";
	FILE *file = fopen(path, "re");
	bool read;

	if (file == NULL)
		return fail_open(error, errno, path);
	read = fgets(boot_id, (int) size, file) != NULL;
	fclose(file);
	if (!read)
		return capture_fail(error, EIO, "", "could not read \"%s\"", path);
	boot_id[strcspn(boot_id, "\n")] = '\0';
	return true;
}

static bool
open_ring(capture *capture, capture_error *error)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);
	int result;

	capture->events_fd = open_pin(capture, PIN_EVENTS, true, error);
	if (capture->events_fd < 0)
		return false;
	result = bpf_obj_get_info_by_fd(capture->events_fd, &info, &length);
	if (result < 0)
		return capture_fail(error, -result, "", "could not describe the ring of events");
	capture->identity.map_id = info.id;
	capture->identity.ring_size = info.max_entries;
	if (!ring_map(&capture->ring, capture->events_fd, info.max_entries))
		return capture_fail(error, errno, "", "could not map the ring of events: %s",
							strerror(errno));
	return true;
}

/* The inner registration is edge-triggered: only the kernel's wake-ups count. */
static bool
open_wait(capture *capture, capture_error *error)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	capture->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	if (capture->wait_fd >= 0 &&
		epoll_ctl(capture->wait_fd, EPOLL_CTL_ADD, capture->events_fd, &event) == 0)
		return true;
	return capture_fail(error, errno, "", "could not wait for the ring of events: %s",
						strerror(errno));
}

static bool
open_all(capture *capture, capture_error *error)
{
	capture->cpus = libbpf_num_possible_cpus();
	if (capture->cpus <= 0)
		return capture_fail(error, -capture->cpus, "", "could not count the CPUs");
	if (!lock_directory(capture, error) || !check_about(capture, error) ||
		!read_boot_id(capture->identity.boot_id, sizeof(capture->identity.boot_id), error) ||
		!open_ring(capture, error) || !open_wait(capture, error))
		return false;
	capture->lost_fd = open_pin(capture, PIN_LOST, false, error);
	if (capture->lost_fd < 0)
		return false;
	capture->process_fd = open_pin(capture, PIN_PROCESS, false, error);
	if (capture->process_fd < 0)
		return false;
	capture->program_fd = open_pin(capture, PIN_TCP_PROGRAM, false, error);
	return capture->program_fd >= 0;
}

capture *
capture_open(const char *pin_dir, capture_error *error)
{
	capture *result = calloc(1, sizeof(*result));

	if (result == NULL)
	{
		capture_fail(error, ENOMEM, "", "out of memory");
		return NULL;
	}
	snprintf(result->dir, sizeof(result->dir), "%s", pin_dir ? pin_dir : PIN_DEFAULT_DIR);
	result->lock_fd = result->events_fd = result->lost_fd = -1;
	result->process_fd = result->program_fd = result->wait_fd = -1;
	if (open_all(result, error))
		return result;
	capture_close(result);
	return NULL;
}

static void
close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
capture_close(capture *capture)
{
	if (capture == NULL)
		return;
	ring_unmap(&capture->ring);
	netns_choice_free(capture->choice);
	close_if_open(capture->wait_fd);
	close_if_open(capture->program_fd);
	close_if_open(capture->process_fd);
	close_if_open(capture->lost_fd);
	close_if_open(capture->events_fd);
	close_if_open(capture->lock_fd);
	free(capture);
}

const capture_identity *
capture_get_identity(const capture *capture)
{
	return &capture->identity;
}

uint64_t
capture_position(const capture *capture)
{
	return capture->ring.read;
}

bool
capture_resume(capture *capture, uint64_t position, uint64_t *gone)
{
	uint64_t consumed = ring_consumed(&capture->ring);

	*gone = 0;
	if (position > ring_produced(&capture->ring))
		return false;
	if (position < consumed)
	{
		*gone = consumed - position;
		position = consumed;
	}
	capture->ring.read = position;
	ring_commit(&capture->ring, position);
	return true;
}

/*
 * The iterator writes one number at most to its reader, at its end.  It says
 * EAGAIN after a million sockets without output, and goes on from there, but for
 * those that it then skips: the number is FLOW_ALIVE_UNKNOWN.
 */
static bool
read_iterator(const capture *capture, const char *name, uint64_t *number, capture_error *error)
{
	uint64_t written = FLOW_ALIVE_UNKNOWN;
	bool whole = true;
	char path[320];
	ssize_t got;
	int fd;

	pin_path(capture, name, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_open(error, errno, path);
	do
	{
		got = read(fd, &written, sizeof(written));
		whole = whole && (got >= 0 || errno != EAGAIN);
	} while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	*number = whole ? written : FLOW_ALIVE_UNKNOWN;
	if (got < 0)
		capture_fail(error, errno, "", "could not read \"%s\": %s", path, strerror(errno));
	close(fd);
	return got == 0;
}

/* Whoever pins anew makes the directory anew; the ring at hand is then written no more. */
static bool
check_still_pinned(const capture *capture, capture_error *error)
{
	struct stat held, there;

	if (stat(capture->dir, &there) != 0)
		return fail_open(error, errno, capture->dir);
	if (fstat(capture->lock_fd, &held) == 0 && held.st_dev == there.st_dev &&
		held.st_ino == there.st_ino)
		return true;
	return capture_fail(error, ESTALE, "The new pins are read from the next start on.",
						"the pins in \"%s\" were replaced", capture->dir);
}

static void
add_lost(struct flow_lost *sum, const struct flow_lost *one)
{
	sum->events += one->events;
	sum->connections += one->connections;
	sum->failed += one->failed;
	sum->tx_bytes += one->tx_bytes;
	sum->rx_bytes += one->rx_bytes;
	sum->tx_packets += one->tx_packets;
	sum->rx_packets += one->rx_packets;
	sum->untracked += one->untracked;
	sum->udp_packets += one->udp_packets;
	sum->begun += one->begun;
	sum->ended += one->ended;
}

static bool
sum_lost(const capture *capture, struct flow_lost *sum, capture_error *error)
{
	struct flow_lost *by_cpu = calloc((size_t) capture->cpus, sizeof(*by_cpu));
	uint32_t zero = 0;
	int result;

	if (by_cpu == NULL)
		return capture_fail(error, ENOMEM, "", "out of memory");
	result = bpf_map_lookup_elem(capture->lost_fd, &zero, by_cpu);
	for (int cpu = 0; result == 0 && cpu < capture->cpus; cpu++)
		add_lost(sum, &by_cpu[cpu]);
	free(by_cpu);
	if (result < 0)
		return capture_fail(error, -result, "", "could not read the count of lost events");
	return true;
}

/*
 * Between two readings of the counts, the walk comes by every connection that
 * began before the first and ends after the second; so those that it misses are
 * gone unseen.  There may be more of them: what began or ended in between hides some.
 */
static bool
snapshot_tcp(capture *capture, capture_error *error)
{
	struct flow_lost before = {0}, after = {0};
	uint64_t alive, accounted;

	if (!sum_lost(capture, &before, error) ||
		!read_iterator(capture, PIN_SNAPSHOT_TCP, &alive, error) ||
		!sum_lost(capture, &after, error))
		return false;
	accounted = after.ended + alive;
	if (alive != FLOW_ALIVE_UNKNOWN && before.begun > accounted &&
		before.begun - accounted > capture->vanished)
		capture->vanished = before.begun - accounted;
	return true;
}

bool
capture_snapshot(capture *capture, capture_error *error)
{
	uint64_t unused;

	if (!check_still_pinned(capture, error))
		return false;
	if (!snapshot_tcp(capture, error))
		return false;
	return !capture->udp || read_iterator(capture, PIN_SNAPSHOT_UDP, &unused, error);
}

/* NULL: the record is an event that we know how to read. */
static bool
is_family(uint8_t family)
{
	return family == 4 || family == 6;
}

static const char *
why_unreadable(const struct flow_event *event, uint32_t length)
{
	if (length < sizeof(*event))
		return "the event is shorter than its version says";
	if (event->version != FLOW_EVENT_VERSION)
		return "the event is of another version";
	if (event->size != sizeof(*event))
		return "the event has another size than its version says";
	if (!is_family(event->family) ||
		(event->translated.family != 0 && !is_family(event->translated.family)))
		return "the event has an unknown address family";
	return NULL;
}

bool
capture_choose_netns(capture *capture, const char *only, const char *except, capture_error *error)
{
	netns_choice *choice = netns_choice_create(only, except, error);

	if (choice == NULL)
		return false;
	netns_choice_free(capture->choice);
	capture->choice = choice;
	return true;
}

static capture_result
next_of_all(capture *capture, capture_item *item)
{
	item->data = ring_next(&capture->ring, &item->length);
	item->event = NULL;
	if (item->data == NULL)
		return CAPTURE_EMPTY;
	item->reason = why_unreadable(item->data, item->length);
	if (item->reason != NULL)
		return CAPTURE_UNREADABLE;
	item->event = item->data;
	return CAPTURE_EVENT;
}

capture_result
capture_next(capture *capture, capture_item *item)
{
	capture_result result;

	do
		result = next_of_all(capture, item);
	while (result == CAPTURE_EVENT && capture->choice != NULL &&
		   !netns_choice_takes(capture->choice, item->event));
	return result;
}

void
capture_commit(capture *capture)
{
	ring_commit(&capture->ring, capture->ring.read);
}

uint64_t
capture_pending(const capture *capture)
{
	return ring_produced(&capture->ring) - ring_consumed(&capture->ring);
}

bool
capture_lost(capture *capture, struct flow_lost *sum, capture_error *error)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);
	int result;

	memset(sum, 0, sizeof(*sum));
	if (!sum_lost(capture, sum, error))
		return false;
	result = bpf_obj_get_info_by_fd(capture->program_fd, &info, &length);
	if (result < 0)
		return capture_fail(error, -result, "", "could not read the TCP hook's statistics");
	/* the one also counts changes that do no harm, the other not yet all that do */
	sum->untracked +=
		info.recursion_misses > capture->vanished ? info.recursion_misses : capture->vanished;
	return true;
}

int
capture_wait_fd(const capture *capture)
{
	return capture->wait_fd;
}

void
capture_clear_wakeup(capture *capture)
{
	struct epoll_event event;

	(void) epoll_wait(capture->wait_fd, &event, 1, 0);
}

int
capture_process_map(const capture *capture)
{
	return capture->process_fd;
}
