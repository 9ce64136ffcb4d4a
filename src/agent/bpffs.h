/*
 * bpffs.h
 *		The directory of the pins: a file system, permissions, and its removal.
 */
#ifndef TOPOLOGY_BPFFS_H
#define TOPOLOGY_BPFFS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Make dir an empty or existing directory on a BPF file system, owned by root
 * and gid with mode 0750.  A path below /sys/fs/bpf gets that mounted if it is
 * not; elsewhere a BPF file system is mounted on dir itself.  Directories
 * above it become searchable, or the group could not reach it (systemd mounts
 * /sys/fs/bpf for root alone).  False, with a message printed.
 */
extern bool bpffs_prepare(const char *dir, gid_t gid);

/* Whether dir/name exists. */
extern bool bpffs_has(const char *dir, const char *name);

/*
 * Call visit with the name of each pin in dir that begins with prefix; it may
 * remove that pin.  False as soon as visit is, or with a message printed.
 */
extern bool bpffs_each(const char *dir, const char *prefix,
					   bool (*visit)(void *context, const char *name), void *context);

/* Remove the pin dir/name, which detaches what only it kept. */
extern bool bpffs_remove_pin(const char *dir, const char *name);

/*
 * Remove all pins in dir, which detaches what only they kept, then dir, and
 * the file system if it was mounted there.  True too when there is nothing.
 */
extern bool bpffs_remove(const char *dir);

/* Give a pin its owner's group and mode. */
extern bool bpffs_permit(const char *path, gid_t gid, mode_t mode);

#endif /* TOPOLOGY_BPFFS_H */
