/*
 * stdout_outlet.c
 *		Records to standard output, a line each.
 *
 * A reader that is slow is like a broker that is away: lines are written only
 * where there is room for one, and wait otherwise.  A pipe that is writable has
 * room for PIPE_BUF bytes, and a line is shorter.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/outlet.h"

static outlet_result
broken(void)
{
	agent_fail(AGENT_FAILED, "could not write to standard output: %s", strerror(errno));
	return OUTLET_BROKEN;
}

static outlet_result
stdout_send(outlet *outlet, uintptr_t tag, const char *line, size_t length)
{
	struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};

	if (poll(&room, 1, 0) == 0)
		return OUTLET_LATER;
	while (length > 0)
	{
		ssize_t written = write(STDOUT_FILENO, line, length);

		if (written < 0 && errno != EINTR)
			return broken();
		if (written > 0)
		{
			line += written;
			length -= (size_t) written;
		}
	}
	outlet->report(outlet->report_context, tag, STREAM_DELIVERED);
	return OUTLET_TAKEN;
}

static bool
stdout_serve(outlet *outlet, int timeout_ms)
{
	(void) outlet, (void) timeout_ms;
	return true;
}

static void
stdout_abandon(outlet *outlet)
{
	(void) outlet;
}

static void
stdout_close(outlet *outlet)
{
	free(outlet);
}

outlet *
stdout_outlet_open(int *code)
{
	outlet *result = calloc(1, sizeof(*result));

	if (result == NULL)
	{
		*code = agent_fail(AGENT_FAILED, "out of memory");
		return NULL;
	}
	result->send = stdout_send;
	result->serve = stdout_serve;
	result->abandon = stdout_abandon;
	result->close = stdout_close;
	return result;
}
