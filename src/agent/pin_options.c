/*
 * pin_options.c
 *		What the command line of pin, attach and unpin asked for.
 */
#include "agent/pin_options.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/option_values.h"
#include "capture/pins.h"

#define SECOND 1000000000ULL

/* A ring's size is a power of two: round up. */
static bool
parse_ring_size(const char *text, uint32_t *size)
{
	uint64_t number, bytes;
	uint64_t least = (uint64_t) sysconf(_SC_PAGESIZE);

	if (!option_size("ring-size", text, &number))
		return false;
	for (bytes = least; bytes < number;)
		bytes *= 2;
	*size = (uint32_t) bytes;
	return true;
}

static bool
parse_entries(const char *text, uint32_t *entries)
{
	uint64_t number;

	if (!option_number("udp-entries", text, 1, 1 << 24, &number))
		return false;
	*entries = (uint32_t) number;
	return true;
}

static bool
take_option(int option, pin_options *options)
{
	switch (option)
	{
		case 'd':
			options->dir = optarg;
			return true;
		case 'g':
			options->group = optarg;
			return true;
		case 's':
			return parse_ring_size(optarg, &options->ring_size);
		case 'h':
			return option_seconds("heartbeat", optarg, &options->heartbeat_ns);
		case 'i':
			return option_seconds("udp-idle", optarg, &options->udp_idle_ns);
		case 'e':
			return parse_entries(optarg, &options->udp_entries);
		case 'n':
			options->udp = false;
			return true;
		case 'f':
			options->forwarding = false;
			return true;
		case 'r':
			options->replace = true;
			return true;
	}
	agent_fail(AGENT_USAGE, "see topology-agent help");
	return false;
}

bool
pin_options_check_dir(const char *dir)
{
	size_t length = strlen(dir);

	if (dir[0] != '/' || length < 2 || length > 200 || dir[length - 1] == '/' ||
		strcmp(dir, "/sys/fs/bpf") == 0)
		return option_refuse("dir", dir, "an absolute path of a directory of its own");
	return true;
}

pin_options
pin_options_default(void)
{
	return (pin_options){.dir = PIN_DEFAULT_DIR,
						 .group = "postgres",
						 .ring_size = 16 * 1024 * 1024,
						 .udp_entries = 65536,
						 .heartbeat_ns = 30 * SECOND,
						 .udp_idle_ns = 60 * SECOND,
						 .cgroup = true,
						 .udp = true,
						 .forwarding = true};
}

bool
pin_options_parse(int argc, char **argv, pin_options *options)
{
	static const struct option known[] = {
		{"dir", required_argument, NULL, 'd'},       {"group", required_argument, NULL, 'g'},
		{"ring-size", required_argument, NULL, 's'}, {"heartbeat", required_argument, NULL, 'h'},
		{"udp-idle", required_argument, NULL, 'i'},  {"udp-entries", required_argument, NULL, 'e'},
		{"no-udp", no_argument, NULL, 'n'},          {"no-forwarding", no_argument, NULL, 'f'},
		{"replace", no_argument, NULL, 'r'},         {NULL, 0, NULL, 0}};
	int option;

	*options = pin_options_default();
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (!take_option(option, options))
			return false;
	if (optind < argc)
	{
		agent_fail(AGENT_USAGE, "unexpected argument \"%s\"", argv[optind]);
		return false;
	}
	return pin_options_check_dir(options->dir);
}
