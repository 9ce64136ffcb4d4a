/*
 * settings.h
 *		Settings of librdkafka, from the command line and from a file.
 *
 * Nothing here ever prints a value: it may be a secret.
 */
#ifndef TOPOLOGY_SETTINGS_H
#define TOPOLOGY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "stream/stream.h"

#define SETTINGS_MAX 128

/* All zero is an empty list. */
typedef struct settings
{
	stream_setting list[SETTINGS_MAX];
	char *texts[SETTINGS_MAX]; /* what list points into */
	size_t count;
} settings;

/*
 * Add what NAME=VALUE says.  where is for the message: of what option, or of
 * what line of what file.  False, with a message printed.
 */
extern bool settings_add(settings *settings, const char *where, const char *pair);

/*
 * Add those of a file: one NAME=VALUE a line, blank lines and those that begin
 * with # passed over.  A file with a secret in it must not be open to anybody.
 * False, with a message printed.
 */
extern bool settings_read(settings *settings, const char *path);

/* Wipes and frees the values. */
extern void settings_free(settings *settings);

#endif /* TOPOLOGY_SETTINGS_H */
