/*
 * main.c
 *		topology-agent: finds the subcommand and runs it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/command.h"

static int command_help(int argc, char **argv);
static int command_version(int argc, char **argv);

static const agent_command commands[] = {
	{"pin", "load the capture into the kernel and pin it, for the server to read (root)",
	 "      --dir DIR          where to pin (default /sys/fs/bpf/topology)\n"
	 "      --group GROUP      who may read it (default postgres)\n"
	 "      --ring-size SIZE   of the ring of events, such as 16MB (the default)\n"
	 "      --heartbeat SECS   how often a silent connection shows (default 30)\n"
	 "      --udp-idle SECS    when a silent UDP conversation is forgotten (default 60)\n"
	 "      --udp-entries N    UDP conversations at a time (default 65536)\n"
	 "      --no-udp           do not count datagrams\n"
	 "      --replace          detach and replace what is pinned; events not read are lost\n",
	 command_pin},
	{"unpin", "detach the capture and remove the pins (root)",
	 "      --dir DIR          where it is pinned (default /sys/fs/bpf/topology)\n", command_unpin},
	{"version", "print the version", "", command_version},
	{"help", "print this", "", command_help},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

int
agent_fail(int code, const char *format, ...)
{
	va_list arguments;

	fputs("topology-agent: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return code;
}

void
agent_say(const char *format, ...)
{
	va_list arguments;

	fputs("topology-agent: ", stdout);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static void
print_help(FILE *to)
{
	fputs("usage: topology-agent COMMAND [OPTION]...\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s  %s\n%s", commands[i].name, commands[i].summary, commands[i].options);
	fputs("\nexit codes: 0 done, 1 wrong usage, 2 not permitted, 3 the kernel lacks something, "
		  "4 failed\n",
		  to);
}

static int
command_help(int argc, char **argv)
{
	(void) argc;
	(void) argv;
	print_help(stdout);
	return AGENT_OK;
}

static int
command_version(int argc, char **argv)
{
	(void) argc;
	(void) argv;
	puts("topology-agent " TOPOLOGY_VERSION);
	return AGENT_OK;
}

/* --help and --version work as they do elsewhere. */
static const char *
without_dashes(const char *name)
{
	return strncmp(name, "--", 2) == 0 ? name + 2 : name;
}

int
main(int argc, char **argv)
{
	if (argc < 2)
	{
		print_help(stderr);
		return AGENT_USAGE;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(without_dashes(argv[1]), commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return agent_fail(AGENT_USAGE, "there is no command \"%s\"; see topology-agent help", argv[1]);
}
