/*
 * run_options.h
 *		What the command line of run asked for.
 */
#ifndef TOPOLOGY_RUN_OPTIONS_H
#define TOPOLOGY_RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/settings.h"

/* Texts are of the command line; NULL: not given. */
typedef struct run_options
{
	const char *brokers; /* NULL with to_stdout, and only then */
	const char *topic;
	settings settings;
	bool to_stdout;
	const char *host; /* never NULL */
	const char *region;
	const char *scope;
	const char *rules_file;
	const char *netns;
	const char *except_netns;
	const char *dir;
	int64_t interval_ms; /* between two batches */
	int64_t status_ms;   /* between two lines of status; 0: none */
	int64_t wait_ms;     /* for deliveries, at the end */
	size_t memory;       /* bytes of flows that wait */
	char host_name[256];
} run_options;

/*
 * False, with a message printed: the command line is wrong.  Whatever is
 * returned, run_options_free() is due.
 */
extern bool run_options_parse(int argc, char **argv, run_options *options);
extern void run_options_free(run_options *options);

#endif /* TOPOLOGY_RUN_OPTIONS_H */
