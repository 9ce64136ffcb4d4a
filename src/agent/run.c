/*
 * run.c
 *		run: the flows of this host, to a Kafka topic or to standard output.
 *
 * The same capture and the same windows as the worker's in the database, so what
 * arrives there makes the same map.  What is sent is at most once in the topic;
 * what can be lost is told in run_loop.c and, as figures, by the lines of status.
 *
 * Needs no privilege but to read the pins, unless it has to pin them itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/bpffs.h"
#include "agent/command.h"
#include "agent/pin.h"
#include "agent/run_loop.h"
#include "agent/text_file.h"

/*
 * SIGTERM and SIGINT are read, none is delivered; a reader of standard output
 * that is gone is an error of write(), and a terminal that is gone is no reason
 * to end.
 */
static int
open_signals(void)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &ending, SFD_CLOEXEC);
}

/* What is wrong with pins that are there is told when they are opened. */
static int
check_pinned(const char *dir)
{
	if (access(dir, F_OK) == 0 || errno != ENOENT)
		return AGENT_OK;
	return agent_fail(AGENT_NOT_PERMITTED, "nothing is pinned in \"%s\", and only root may pin",
					  dir);
}

/* Take the pins that are there, or make them.  Returns an exit code. */
static int
ensure_pins(agent_run *run)
{
	pin_options pins = pin_options_default();
	int result;

	if (geteuid() != 0)
		return check_pinned(run->options->dir);
	if (pin_is_whole(run->options->dir))
		return AGENT_OK;
	pins.dir = run->options->dir;
	pins.group = NULL;
	result = pin_capture(&pins, 0);
	run->unpin = result == AGENT_OK;
	return result;
}

/* Of the memory, a quarter is the outlet's, and the rest of the two tables. */
static size_t
outlet_memory(const run_options *options)
{
	return options->memory / 4;
}

static size_t
table_memory(const run_options *options)
{
	return (options->memory - outlet_memory(options)) / 2;
}

static int
open_dispatch(agent_run *run)
{
	const run_options *options = run->options;
	int code = AGENT_FAILED;
	outlet *outlet = options->to_stdout ? stdout_outlet_open(&code)
										: kafka_outlet_open(options, outlet_memory(options), &code);

	if (outlet == NULL)
		return code;
	run->dispatch = dispatch_create(outlet, gatherer_host(run->gatherer), table_memory(options));
	run->open =
		flow_window_table_create(&flow_allocator_malloc, FLOW_WINDOW_NS, table_memory(options));
	if (run->dispatch == NULL)
		outlet->close(outlet);
	if (run->dispatch != NULL && run->open != NULL)
		return AGENT_OK;
	return agent_fail(AGENT_FAILED, "out of memory");
}

static int
open_gatherer(agent_run *run)
{
	char *rules = NULL;
	int code = AGENT_OK;

	if (run->options->rules_file != NULL)
	{
		rules = text_file_read(run->options->rules_file, NULL);
		if (rules == NULL)
			return AGENT_USAGE;
	}
	run->gatherer = gatherer_open(run->options, rules, &code);
	free(rules);
	return code;
}

static int
capture_flows(agent_run *run)
{
	const run_options *options = run->options;
	int code = open_gatherer(run);

	if (code == AGENT_OK)
		code = open_dispatch(run);
	if (code != AGENT_OK)
		return code;
	agent_say("capturing the flows of %.*s to %s%s", (int) gatherer_host(run->gatherer).length,
			  gatherer_host(run->gatherer).data,
			  options->to_stdout ? "standard output" : "the topic ",
			  options->to_stdout ? "" : options->topic);
	return run_loop(run);
}

static int
run_agent(const run_options *options)
{
	agent_run run = {.options = options, .signals = open_signals(), .captures = true};
	int code = ensure_pins(&run);

	if (code == AGENT_OK)
		code = capture_flows(&run);
	dispatch_free(run.dispatch);
	flow_window_table_destroy(run.open);
	gatherer_close(run.gatherer);
	if (run.unpin)
		bpffs_remove(options->dir);
	close(run.signals);
	return code;
}

int
command_run(int argc, char **argv)
{
	run_options options;
	int code = AGENT_USAGE;

	if (run_options_parse(argc, argv, &options))
		code = run_agent(&options);
	run_options_free(&options);
	return code;
}
