/*
 * pin_options.h
 *		What the command line of pin, attach and unpin asked for.
 */
#ifndef TOPOLOGY_PIN_OPTIONS_H
#define TOPOLOGY_PIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pin_options
{
	const char *dir;
	const char *group;  /* NULL: root's own */
	uint32_t ring_size; /* bytes, a power of two of at least a page */
	uint32_t udp_entries;
	uint64_t heartbeat_ns;
	uint64_t udp_idle_ns;
	bool cgroup; /* the cgroup's hooks, of connect() and of packets, which UDP needs */
	bool udp;
	bool forwarding;
	bool replace;
} pin_options;

/* As without any option. */
extern pin_options pin_options_default(void);

/*
 * The directory of pins is made and removed: it has to be one of our own, by its
 * absolute path.  False, with a message printed: it is none.
 */
extern bool pin_options_check_dir(const char *dir);

/* False, with a message printed: the command line is wrong. */
extern bool pin_options_parse(int argc, char **argv, pin_options *options);

#endif /* TOPOLOGY_PIN_OPTIONS_H */
