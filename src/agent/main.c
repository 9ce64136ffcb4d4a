/*
 * main.c
 *		topology-agent: finds the subcommand and runs it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/command.h"

static int command_help(int argc, char **argv);
static int command_version(int argc, char **argv);

static const agent_command commands[] = {
	{"run", "capture the flows of this host, and send them to a Kafka topic",
	 "      --brokers LIST     Kafka's brokers, HOST:PORT with commas between\n"
	 "      --topic NAME       where the records go\n"
	 "      -X NAME=VALUE      a setting of librdkafka, such as security.protocol=SSL\n"
	 "      --settings FILE    the same, one a line: for secrets, as all may read a command line\n"
	 "      --stdout           print the records, a line each, and send none\n"
	 "      --host NAME        what records call this host (default: its own name)\n"
	 "      --region NAME      the region of this host\n"
	 "      --scope NAME       the network in which its addresses are unique\n"
	 "      --rules FILE       which names workloads get: \"target attribute expression "
	 "template\"\n"
	 "      --netns LIST       capture these network namespaces only\n"
	 "      --except-netns LIST\n"
	 "                         capture all but these\n"
	 "      --interval SECS    between two batches (default 2)\n"
	 "      --memory SIZE      that flows may take while Kafka is away (default 64MB)\n"
	 "      --status SECS      between two lines of status (default 60, 0: only the last)\n"
	 "      --wait SECS        for deliveries, at the end (default 10)\n"
	 "      --dir DIR          where the capture is pinned (default /sys/fs/bpf/topology);\n"
	 "                         if it is not, root pins it there until the end\n",
	 command_run},
	{"pin", "load the capture into the kernel and pin it, for a reader (root)",
	 "      --dir DIR          where to pin (default /sys/fs/bpf/topology)\n"
	 "      --group GROUP      who may read it (default postgres)\n"
	 "      --ring-size SIZE   of the ring of events, such as 16MB (the default)\n"
	 "      --heartbeat SECS   how often a silent connection shows (default 30)\n"
	 "      --udp-idle SECS    when a silent UDP conversation is forgotten (default 60)\n"
	 "      --udp-entries N    UDP conversations at a time (default 65536)\n"
	 "      --no-udp           do not count datagrams\n"
	 "      --no-forwarding    do not look at what network namespaces forward\n"
	 "      --replace          detach and replace what is pinned; events not read are lost\n",
	 command_pin},
	{"attach", "follow the network namespaces that forward now; to be run every few seconds (root)",
	 "      --dir DIR          where the capture is pinned (default /sys/fs/bpf/topology)\n",
	 command_attach},
	{"unpin", "detach the capture and remove the pins (root)",
	 "      --dir DIR          where it is pinned (default /sys/fs/bpf/topology)\n", command_unpin},
	{"version", "print the version", "", command_version},
	{"help", "print this", "", command_help},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_exit_codes(FILE *to)
{
	fputs("\nexit codes: 0 done, 1 wrong usage, 2 not permitted, 3 the kernel lacks something,\n"
		  "            4 failed, 5 ended, but flows were not delivered (run)\n",
		  to);
}

static void
print_help(FILE *to)
{
	fputs("usage: topology-agent COMMAND [OPTION]...\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s  %s\n%s", commands[i].name, commands[i].summary, commands[i].options);
	print_exit_codes(to);
}

static void
print_command_help(const agent_command *command)
{
	printf("usage: topology-agent %s%s\n\n  %s\n%s", command->name,
		   command->options[0] ? " [OPTION]..." : "", command->summary, command->options);
	print_exit_codes(stdout);
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

static bool
asks_for_help(int argc, char **argv)
{
	return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static int
run_command(const agent_command *command, int argc, char **argv)
{
	if (!asks_for_help(argc, argv))
		return command->run(argc, argv);
	print_command_help(command);
	return AGENT_OK;
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
			return run_command(&commands[i], argc - 1, argv + 1);
	return agent_fail(AGENT_USAGE, "there is no command \"%s\"; see topology-agent help", argv[1]);
}
