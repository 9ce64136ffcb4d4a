/*
 * command.c
 *		What the subcommands of topology-agent say.
 */
#include "agent/command.h"

#include <stdarg.h>
#include <stdio.h>

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

	fputs("topology-agent: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}
