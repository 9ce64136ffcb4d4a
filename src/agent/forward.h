/*
 * forward.h
 *		The capture of what network namespaces forward: where it is attached.
 */
#ifndef TOPOLOGY_FORWARD_H
#define TOPOLOGY_FORWARD_H

#include <stdbool.h>

struct bpf_program;

/* Why what is forwarded cannot be captured here; NULL: it can. */
extern const char *forward_obstacle(void);

/* Say what kind of program it is, which libbpf before 1.3 cannot tell.  Before load. */
extern void forward_prepare(struct bpf_program *program);

/*
 * Attach the program pinned in dir to each network namespace, for each family,
 * that forwards now, and detach it from those that do no longer or that nobody
 * uses any more; say so if that was anything.  The links are pinned in dir; each
 * keeps its namespace, so this wants to be called again and again.  As root; the
 * calling thread visits the namespaces.  False, with a message printed: there is
 * no such program, or the namespaces could not be listed.
 */
extern bool forward_follow(const char *dir);

#endif /* TOPOLOGY_FORWARD_H */
