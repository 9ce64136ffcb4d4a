/*
 * command.h
 *		What the subcommands of topology-agent share: their table, exit codes and
 *		messages.
 */
#ifndef TOPOLOGY_COMMAND_H
#define TOPOLOGY_COMMAND_H

/* Exit codes; part of the interface. */
enum
{
	AGENT_OK = 0,
	AGENT_USAGE = 1,
	AGENT_NOT_PERMITTED = 2,
	AGENT_NO_KERNEL_SUPPORT = 3,
	AGENT_FAILED = 4,
	AGENT_INCOMPLETE = 5 /* it ended in good order, but flows were not delivered */
};

/* A subcommand: run gets its own name as argv[0] and returns an exit code. */
typedef struct agent_command
{
	const char *name;
	const char *summary;
	const char *options; /* help text, one option a line; "" for none */
	int (*run)(int argc, char **argv);
} agent_command;

extern int command_run(int argc, char **argv);
extern int command_pin(int argc, char **argv);
extern int command_attach(int argc, char **argv);
extern int command_unpin(int argc, char **argv);

/* Print "topology-agent: ..." to stderr and return code. */
extern int agent_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Print "topology-agent: ..." to stderr, too: standard output is for records and help. */
extern void agent_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* TOPOLOGY_COMMAND_H */
