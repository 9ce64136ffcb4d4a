/*
 * pin.c
 *		Loads the capture, attaches it, and leaves it pinned.
 *
 * The pins are the only owners of what they name once this program has ended:
 * removing a hook's pin detaches it.  The map "about" is marked complete last,
 * so a reader never takes a half-made set for a good one.  Anything that fails
 * on the way removes what was pinned by then.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/bootstrap.h"
#include "agent/bpffs.h"
#include "agent/command.h"
#include "agent/forward.h"
#include "agent/pin.h"
#include "bpf/flow_event.h"
#include "build/flow_capture.skel.h"
#include "capture/pins.h"

/* Where libbpf's last complaint is kept, for the message of a failed load. */
static char last_complaint[512];

static int
remember_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && last_complaint[0] == '\0')
		vsnprintf(last_complaint, sizeof(last_complaint), format, arguments);
	return 0;
}

/* The first cgroup v2 mount; where it is differs between distributions. */
static bool
find_cgroup_root(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/mounts", "re");
	struct mntent *entry;
	bool found = false;

	if (mounts == NULL)
		return false;
	while (!found && (entry = getmntent(mounts)) != NULL)
		if (strcmp(entry->mnt_type, "cgroup2") == 0)
			found = snprintf(path, size, "%s", entry->mnt_dir) < (int) size;
	endmntent(mounts);
	return found;
}

static void
configure(struct flow_capture_bpf *capture, const pin_options *options)
{
	bpf_map__set_max_entries(capture->maps.events, options->ring_size);
	bpf_map__set_max_entries(capture->maps.udp, options->udp_entries);
	capture->rodata->wakeup_fill = options->ring_size / 4;
	capture->rodata->heartbeat_interval = options->heartbeat_ns;
	capture->rodata->udp_idle = options->udp_idle_ns;
	capture->rodata->count_udp = options->udp;
	capture->rodata->cgroup_hooks = options->cgroup;
	forward_prepare(capture->progs.forward);
	bpf_program__set_autoload(capture->progs.forward, options->forwarding);
	bpf_program__set_autoload(capture->progs.tcp_process, !options->cgroup);
	bpf_program__set_autoload(capture->progs.tcp_connect_ipv4, options->cgroup);
	bpf_program__set_autoload(capture->progs.tcp_connect_ipv6, options->cgroup);
	bpf_program__set_autoload(capture->progs.egress, options->cgroup);
	bpf_program__set_autoload(capture->progs.udp_ingress, options->udp);
	bpf_program__set_autoload(capture->progs.udp_socket, options->udp);
	bpf_program__set_autoload(capture->progs.snapshot_udp, options->udp);
}

static int
explain_load_failure(int code)
{
	if (code == EPERM || code == EACCES)
		return agent_fail(AGENT_NOT_PERMITTED, "not permitted to load BPF programs: run as root");
	if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
		return agent_fail(AGENT_NO_KERNEL_SUPPORT,
						  "the kernel has no BTF (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF)");
	last_complaint[strcspn(last_complaint, "\n")] = '\0';
	return agent_fail(AGENT_NO_KERNEL_SUPPORT,
					  "the kernel refused the capture, which needs Linux 5.19: %s (%s)",
					  strerror(code), last_complaint);
}

static int
load(const pin_options *options, struct flow_capture_bpf **capture)
{
	int result;

	libbpf_set_print(remember_complaint);
	*capture = flow_capture_bpf__open();
	if (*capture == NULL)
		return explain_load_failure(errno);
	configure(*capture, options);
	result = flow_capture_bpf__load(*capture);
	return result == 0 ? AGENT_OK : explain_load_failure(-result);
}

/* Pin a map or a link by its descriptor. */
static bool
pin_fd(const pin_options *options, int fd, const char *name, gid_t gid, mode_t mode)
{
	char path[256];
	int result;

	snprintf(path, sizeof(path), "%s/%s", options->dir, name);
	result = bpf_obj_pin(fd, path);
	if (result == 0)
		return bpffs_permit(path, gid, mode);
	agent_fail(AGENT_FAILED, "could not pin \"%s\": %s", path, strerror(-result));
	return false;
}

/* Takes the link, which may be the NULL of a failed attach; the pin keeps it attached. */
static bool
pin_link(const pin_options *options, struct bpf_link *link, const char *name, gid_t gid,
		 mode_t mode)
{
	bool pinned;

	if (link == NULL)
	{
		agent_fail(AGENT_FAILED, "could not attach \"%s\": %s", name, strerror(errno));
		return false;
	}
	pinned = pin_fd(options, bpf_link__fd(link), name, gid, mode);
	bpf_link__destroy(link);
	return pinned;
}

static bool
pin_maps(const pin_options *options, struct flow_capture_bpf *capture, gid_t gid)
{
	return pin_fd(options, bpf_map__fd(capture->maps.events), PIN_EVENTS, gid, 0660) &&
		   pin_fd(options, bpf_map__fd(capture->maps.lost), PIN_LOST, gid, 0440) &&
		   pin_fd(options, bpf_map__fd(capture->maps.process), PIN_PROCESS, gid, 0440) &&
		   pin_fd(options, bpf_map__fd(capture->maps.about), PIN_ABOUT, gid, 0440);
}

static struct bpf_link *
attach_snapshot(struct bpf_program *program, struct bpf_map *map)
{
	union bpf_iter_link_info info = {.map.map_fd = (__u32) bpf_map__fd(map)};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(program, &options);
}

static bool
pin_tcp(const pin_options *options, struct flow_capture_bpf *capture, gid_t gid)
{
	return (options->cgroup || pin_link(options, bpf_program__attach(capture->progs.tcp_process),
										PIN_TCP_PROCESS, 0, 0400)) &&
		   pin_link(options, bpf_program__attach(capture->progs.tcp_state), PIN_TCP_STATE, 0,
					0400) &&
		   pin_fd(options, bpf_program__fd(capture->progs.tcp_state), PIN_TCP_PROGRAM, gid, 0440) &&
		   pin_link(options, attach_snapshot(capture->progs.snapshot_tcp, capture->maps.sockets),
					PIN_SNAPSHOT_TCP, gid, 0440);
}

static bool
pin_udp(const pin_options *options, struct flow_capture_bpf *capture, int cgroup, gid_t gid)
{
	return pin_link(options, bpf_program__attach_cgroup(capture->progs.udp_socket, cgroup),
					PIN_UDP_SOCKET, 0, 0400) &&
		   pin_link(options, bpf_program__attach_cgroup(capture->progs.udp_ingress, cgroup),
					PIN_UDP_INGRESS, 0, 0400) &&
		   pin_link(options, attach_snapshot(capture->progs.snapshot_udp, capture->maps.udp),
					PIN_SNAPSHOT_UDP, gid, 0440);
}

static bool
pin_connect(const pin_options *options, struct flow_capture_bpf *capture, int cgroup)
{
	return pin_link(options, bpf_program__attach_cgroup(capture->progs.tcp_connect_ipv4, cgroup),
					PIN_TCP_CONNECT_IPV4, 0, 0400) &&
		   pin_link(options, bpf_program__attach_cgroup(capture->progs.tcp_connect_ipv6, cgroup),
					PIN_TCP_CONNECT_IPV6, 0, 0400);
}

static bool
pin_cgroup(const pin_options *options, struct flow_capture_bpf *capture, gid_t gid)
{
	char root[256];
	int cgroup = -1;
	bool pinned;

	if (!options->cgroup)
		return true;
	if (find_cgroup_root(root, sizeof(root)))
		cgroup = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pinned = pin_connect(options, capture, cgroup) &&
			 pin_link(options, bpf_program__attach_cgroup(capture->progs.egress, cgroup),
					  PIN_EGRESS, 0, 0400) &&
			 (!options->udp || pin_udp(options, capture, cgroup, gid));
	if (cgroup >= 0)
		close(cgroup);
	return pinned;
}

static bool
pin_forward(const pin_options *options, struct flow_capture_bpf *capture)
{
	return !options->forwarding ||
		   (pin_fd(options, bpf_program__fd(capture->progs.forward), PIN_FORWARD, 0, 0400) &&
			forward_follow(options->dir));
}

static bool
mark_complete(const pin_options *options, struct flow_capture_bpf *capture)
{
	struct flow_about about = {.version = FLOW_EVENT_VERSION,
							   .event_size = sizeof(struct flow_event),
							   .udp = options->udp,
							   .complete = 1};
	__u32 zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(capture->maps.about), &zero, &about, BPF_ANY) == 0)
		return true;
	agent_fail(AGENT_FAILED, "could not write the map \"%s\": %s", PIN_ABOUT, strerror(errno));
	return false;
}

static bool
pin_all(const pin_options *options, struct flow_capture_bpf *capture, gid_t gid)
{
	return bpffs_prepare(options->dir, gid) && pin_maps(options, capture, gid) &&
		   pin_tcp(options, capture, gid) && pin_cgroup(options, capture, gid) &&
		   pin_forward(options, capture) && bootstrap_sockets(capture) &&
		   mark_complete(options, capture);
}

/* What is pinned already: its state by the map "about". */
static bool
read_about(const char *dir, struct flow_about *about)
{
	char path[256];
	__u32 zero = 0;
	int fd, result;

	snprintf(path, sizeof(path), "%s/%s", dir, PIN_ABOUT);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	result = bpf_map_lookup_elem(fd, &zero, about);
	close(fd);
	return result == 0;
}

static bool
all_pins_exist(const char *dir, bool udp)
{
	static const char *const tcp_names[] = {PIN_EVENTS,    PIN_LOST,        PIN_PROCESS,
											PIN_TCP_STATE, PIN_TCP_PROGRAM, PIN_SNAPSHOT_TCP};
	static const char *const udp_names[] = {PIN_EGRESS, PIN_UDP_INGRESS, PIN_UDP_SOCKET,
											PIN_SNAPSHOT_UDP};
	bool exist = bpffs_has(dir, PIN_TCP_PROCESS) ||
				 (bpffs_has(dir, PIN_TCP_CONNECT_IPV4) && bpffs_has(dir, PIN_TCP_CONNECT_IPV6));

	for (size_t i = 0; i < sizeof(tcp_names) / sizeof(tcp_names[0]); i++)
		exist = exist && bpffs_has(dir, tcp_names[i]);
	for (size_t i = 0; udp && i < sizeof(udp_names) / sizeof(udp_names[0]); i++)
		exist = exist && bpffs_has(dir, udp_names[i]);
	return exist;
}

bool
pin_is_whole(const char *dir)
{
	struct flow_about about;

	return read_about(dir, &about) && about.complete && about.version == FLOW_EVENT_VERSION &&
		   about.event_size == sizeof(struct flow_event) && all_pins_exist(dir, about.udp);
}

static int
load_and_pin(const pin_options *options, gid_t gid)
{
	struct flow_capture_bpf *capture = NULL;
	int result = load(options, &capture);

	if (result == AGENT_OK && !pin_all(options, capture, gid))
	{
		bpffs_remove(options->dir);
		result = AGENT_FAILED;
	}
	flow_capture_bpf__destroy(capture);
	return result;
}

static void
say_pinned(const pin_options *options)
{
	agent_say("capture pinned in %s: TCP%s, ring of %u kB, for %s%s", options->dir,
			  options->udp ? " and UDP" : "", options->ring_size / 1024,
			  options->group != NULL ? "the group " : "root", options->group ? options->group : "");
}

/* Leave out what this host lacks, and say so. */
static void
settle(pin_options *options)
{
	const char *obstacle;
	char root[256];

	if (!find_cgroup_root(root, sizeof(root)))
	{
		agent_say("no cgroup v2 file system is mounted: going on without UDP, and without the "
				  "translated addresses of this host's own connections");
		options->cgroup = options->udp = false;
	}
	obstacle = options->forwarding ? forward_obstacle() : NULL;
	if (obstacle == NULL)
		return;
	agent_say("%s: going on without the translated addresses of what is forwarded", obstacle);
	options->forwarding = false;
}

static void
tell_of_replacement(const char *dir)
{
	struct flow_about about = {0};

	if (read_about(dir, &about) && about.version != FLOW_EVENT_VERSION)
		agent_say("the pins in %s are of event version %u: replaced, and events not read are lost",
				  dir, about.version);
}

int
pin_capture(const pin_options *options, gid_t gid)
{
	pin_options possible = *options;
	int result;

	settle(&possible);
	tell_of_replacement(possible.dir);
	if (!bpffs_remove(possible.dir))
		return AGENT_FAILED;
	result = load_and_pin(&possible, gid);
	if (result == AGENT_OK)
		say_pinned(&possible);
	return result;
}
