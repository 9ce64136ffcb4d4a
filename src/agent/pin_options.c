/*
 * pin_options.c
 *		What the command line of pin and unpin asked for.
 */
#include "agent/pin_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/command.h"
#include "capture/pins.h"

#define SECOND 1000000000ULL

static bool
bad_value(const char *option, const char *value, const char *expected)
{
	agent_fail(AGENT_USAGE, "--%s \"%s\": expected %s", option, value, expected);
	return false;
}

static bool
parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *number, char **rest)
{
	errno = 0;
	*number = strtoull(text, rest, 10);
	return errno == 0 && *rest != text && text[0] != '-' && *number >= least && *number <= most;
}

/* A ring's size is a power of two: round up. */
static bool
parse_size(const char *text, uint32_t *size)
{
	uint64_t number, bytes;
	uint64_t least = (uint64_t) sysconf(_SC_PAGESIZE);
	char *unit;

	if (!parse_number(text, 1, 1ULL << 30, &number, &unit))
		return bad_value("ring-size", text, "a size such as 16MB");
	if (strcasecmp(unit, "MB") == 0 || strcasecmp(unit, "M") == 0)
		number *= 1024 * 1024;
	else if (strcasecmp(unit, "kB") == 0 || strcasecmp(unit, "k") == 0)
		number *= 1024;
	else if (*unit != '\0' && strcasecmp(unit, "B") != 0)
		return bad_value("ring-size", text, "one of the units B, kB, MB");
	if (number > 1ULL << 30)
		return bad_value("ring-size", text, "at most 1024MB");
	for (bytes = least; bytes < number;)
		bytes *= 2;
	*size = (uint32_t) bytes;
	return true;
}

static bool
parse_seconds(const char *option, const char *text, uint64_t *ns)
{
	uint64_t seconds;
	char *rest;

	if (!parse_number(text, 1, 86400, &seconds, &rest) || *rest != '\0')
		return bad_value(option, text, "seconds, 1 to 86400");
	*ns = seconds * SECOND;
	return true;
}

static bool
parse_entries(const char *text, uint32_t *entries)
{
	uint64_t number;
	char *rest;

	if (!parse_number(text, 1, 1 << 24, &number, &rest) || *rest != '\0')
		return bad_value("udp-entries", text, "a number, 1 to 16777216");
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
			return parse_size(optarg, &options->ring_size);
		case 'h':
			return parse_seconds("heartbeat", optarg, &options->heartbeat_ns);
		case 'i':
			return parse_seconds("udp-idle", optarg, &options->udp_idle_ns);
		case 'e':
			return parse_entries(optarg, &options->udp_entries);
		case 'n':
			options->udp = false;
			return true;
		case 'r':
			options->replace = true;
			return true;
	}
	agent_fail(AGENT_USAGE, "see topology-agent help");
	return false;
}

/* The directory will be made and removed: it has to be one of our own. */
static bool
check_dir(const char *dir)
{
	size_t length = strlen(dir);

	if (dir[0] != '/' || length < 2 || length > 200 || dir[length - 1] == '/' ||
		strcmp(dir, "/sys/fs/bpf") == 0)
		return bad_value("dir", dir, "an absolute path of a directory of its own");
	return true;
}

bool
pin_options_parse(int argc, char **argv, pin_options *options)
{
	static const struct option known[] = {{"dir", required_argument, NULL, 'd'},
										  {"group", required_argument, NULL, 'g'},
										  {"ring-size", required_argument, NULL, 's'},
										  {"heartbeat", required_argument, NULL, 'h'},
										  {"udp-idle", required_argument, NULL, 'i'},
										  {"udp-entries", required_argument, NULL, 'e'},
										  {"no-udp", no_argument, NULL, 'n'},
										  {"replace", no_argument, NULL, 'r'},
										  {NULL, 0, NULL, 0}};
	int option;

	*options = (pin_options){.dir = PIN_DEFAULT_DIR,
							 .group = "postgres",
							 .ring_size = 16 * 1024 * 1024,
							 .udp_entries = 65536,
							 .heartbeat_ns = 30 * SECOND,
							 .udp_idle_ns = 60 * SECOND,
							 .udp = true};
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (!take_option(option, options))
			return false;
	if (optind < argc)
	{
		agent_fail(AGENT_USAGE, "unexpected argument \"%s\"", argv[optind]);
		return false;
	}
	return check_dir(options->dir);
}
