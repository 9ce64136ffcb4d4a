/*
 * outlet.h
 *		Where records go: a Kafka topic, or standard output.
 *
 * Whoever opens one hands it lines and is told, once for each, what became of
 * it.  Nothing waits longer than it is told to.
 */
#ifndef TOPOLOGY_OUTLET_H
#define TOPOLOGY_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/run_options.h"
#include "stream/producer.h"

typedef enum outlet_result
{
	OUTLET_TAKEN, /* it will be reported */
	OUTLET_LATER, /* there is no room, or it is refused for now */
	OUTLET_BROKEN /* it never will be, with a message printed */
} outlet_result;

typedef struct outlet outlet;

/* An outlet of some kind begins with this. */
struct outlet
{
	stream_report report; /* may be called by each of the four but close */
	void *report_context;

	/* Take a copy of a line, which ends with its newline. */
	outlet_result (*send)(outlet *outlet, uintptr_t tag, const char *line, size_t length);

	/* Have things go on, for at most timeout_ms.  False: broken, with a message printed. */
	bool (*serve)(outlet *outlet, int timeout_ms);

	/* Give up what was taken and not reported, and report that. */
	void (*abandon)(outlet *outlet);

	void (*close)(outlet *outlet);
};

/* NULL, with a message printed and *code set. */
extern outlet *kafka_outlet_open(const run_options *options, size_t memory, int *code);
extern outlet *stdout_outlet_open(int *code);

#endif /* TOPOLOGY_OUTLET_H */
