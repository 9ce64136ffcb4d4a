/*
 * pin.h
 *		Loads the capture, attaches it, and leaves it pinned.
 */
#ifndef TOPOLOGY_PIN_H
#define TOPOLOGY_PIN_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/pin_options.h"

/* Whether all that a reader needs is pinned in dir, by a program of this version. */
extern bool pin_is_whole(const char *dir);

/*
 * Put the capture in the place of whatever is pinned in options->dir, for gid to
 * read.  As root.  Returns an exit code, with a message printed.
 */
extern int pin_capture(const pin_options *options, gid_t gid);

#endif /* TOPOLOGY_PIN_H */
