/*
 * bootstrap.c
 *		What was there before the capture: sockets, and their processes'
 *		environments.
 *
 * The kernel side finds the sockets and enters their processes, but can read
 * no environment except that of the process it runs in.  For the others this
 * reads /proc, as root, and keeps the two OpenTelemetry variables only.
 */
#include "agent/bootstrap.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "bpf/flow_event.h"
#include "build/flow_capture.skel.h"
#include "capture/proc.h"

/* The passes of bpf/bootstrap.bpf.h. */
#define PASSES 2

static bool
run_pass(struct flow_capture_bpf *capture, struct bpf_link *link, uint32_t pass)
{
	char unused[64];
	ssize_t got;
	int fd;

	capture->bss->bootstrap_pass = pass;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
	{
		agent_fail(AGENT_FAILED, "could not scan the open sockets: %s", strerror(-fd));
		return false;
	}
	do
		got = read(fd, unused, sizeof(unused));
	while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	close(fd);
	return got == 0;
}

static void
take_variable(const char *text, const char *name, char *value, size_t size)
{
	size_t length = strlen(name);

	if (strncmp(text, name, length) == 0 && text[length] == '=')
		snprintf(value, size, "%s", text + length + 1);
}

static bool
read_environment(uint32_t tgid, struct flow_process *process)
{
	char path[64];
	char *text = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/environ", tgid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (getdelim(&text, &size, '\0', file) > 0)
	{
		take_variable(text, "OTEL_SERVICE_NAME", process->service_name,
					  sizeof(process->service_name));
		take_variable(text, "OTEL_RESOURCE_ATTRIBUTES", process->resource_attributes,
					  sizeof(process->resource_attributes));
	}
	free(text);
	fclose(file);
	return true;
}

static void
complete_process(int map, const struct flow_process_key *key)
{
	struct flow_process process;

	if (bpf_map_lookup_elem(map, key, &process) != 0 || process.environment_known)
		return;
	if (!read_environment(key->tgid, &process) || !proc_is_alive(key))
		return;
	process.environment_known = 1;
	bpf_map_update_elem(map, key, &process, BPF_EXIST);
}

static void
complete_processes(int map)
{
	struct flow_process_key key, next;
	int result = bpf_map_get_next_key(map, NULL, &next);

	while (result == 0)
	{
		key = next;
		complete_process(map, &key);
		result = bpf_map_get_next_key(map, &key, &next);
	}
}

bool
bootstrap_sockets(struct flow_capture_bpf *capture)
{
	struct bpf_link *link = bpf_program__attach_iter(capture->progs.bootstrap, NULL);
	bool done = true;

	if (link == NULL)
	{
		agent_fail(AGENT_FAILED, "could not scan the open sockets: %s", strerror(errno));
		return false;
	}
	for (uint32_t pass = 1; done && pass <= PASSES; pass++)
		done = run_pass(capture, link, pass);
	bpf_link__destroy(link);
	complete_processes(bpf_map__fd(capture->maps.process));
	return done;
}
