/*
 * capture.h
 *		The local capture as its one reader sees it: pinned maps, a ring of flow
 *		events, and snapshots of what lives.
 *
 * The kernel side writes struct flow_event (bpf/flow_event.h) into a ring that
 * outlives any reader.  A reader looks at events from its own position and
 * frees them with capture_commit() once what it made of them is safe; until
 * then a new process reads them again.  To be exact over
 * a crash between the two, store (boot id, map id, capture_position()) in the
 * same transaction as the rows and give it to capture_resume() at the start.
 *
 * Needs no privilege but the group that owns the pins.  One thread at a time;
 * one reader per set of pins, which a lock on the directory ensures.
 */
#ifndef TOPOLOGY_CAPTURE_H
#define TOPOLOGY_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/flow_event.h"

/* Why something failed: errno, a lower-case message, and what to do ("" if unknown). */
typedef struct capture_error
{
	int code;
	char message[256];
	char hint[256];
} capture_error;

/* Which ring a position belongs to. */
typedef struct capture_identity
{
	char boot_id[40]; /* of the running kernel, as text */
	uint32_t map_id;  /* of the ring, unique until reboot */
	uint64_t ring_size;
} capture_identity;

typedef enum capture_result
{
	CAPTURE_EVENT,      /* item->event is set */
	CAPTURE_UNREADABLE, /* item->data, length and reason are set: for a dead letter */
	CAPTURE_EMPTY       /* nothing more for now */
} capture_result;

/* Points into the ring: valid until capture_commit() or capture_close(). */
typedef struct capture_item
{
	const struct flow_event *event;
	const void *data;
	uint32_t length;
	const char *reason;
} capture_item;

typedef struct capture capture;

/*
 * Open the pins in pin_dir (NULL: the default).  NULL on failure, with error
 * filled in: EBUSY when another process reads there, ENOENT without pins,
 * EACCES without the group, EPROTO when the programs are of another version.
 * The caller owns the result; every descriptor is closed on exec.
 */
extern capture *capture_open(const char *pin_dir, capture_error *error);

/*
 * From now on step over the events of sockets in other network namespaces than
 * those of only, or in those of except; see netns_choice_create(), whose errors
 * these are.  capture_lost() counts those of all namespaces nevertheless.
 */
extern bool capture_choose_netns(capture *capture, const char *only, const char *except,
								 capture_error *error);

/* Release everything.  Events that were not committed stay in the ring. */
extern void capture_close(capture *capture);

/* Lives as long as the capture. */
extern const capture_identity *capture_get_identity(const capture *capture);

/* Where the next capture_next() reads: a 64-bit offset since the ring was made. */
extern uint64_t capture_position(const capture *capture);

/*
 * Go on from a position that was stored for this identity.  Events before it
 * are freed.  *gone is set to the bytes between it and the oldest that is
 * still there (0 in good order; more when another reader freed events that
 * this one never stored).  False: the position is none of this ring's.
 */
extern bool capture_resume(capture *capture, uint64_t position, uint64_t *gone);

/*
 * Have the kernel write an event for every live connection with news.  Costs
 * about 1 us a socket.  Takes effect in capture_next().  False, with ESTALE,
 * when the pins were replaced: what the kernel writes is then in another ring.
 */
extern bool capture_snapshot(capture *capture, capture_error *error);

/* The next event that is chosen.  Events that the kernel still writes end the batch. */
extern capture_result capture_next(capture *capture, capture_item *item);

/* Free all events that capture_next() has returned. */
extern void capture_commit(capture *capture);

/* Bytes in the ring that are not committed; its size is in the identity. */
extern uint64_t capture_pending(const capture *capture);

/*
 * What the kernel could not deliver since pin, summed over the CPUs.  In
 * untracked are also the state changes that the TCP hook was not run for, by the
 * kernel's count or by the snapshots of this capture, whichever is more.
 */
extern bool capture_lost(capture *capture, struct flow_lost *sum, capture_error *error);

/*
 * A descriptor that becomes readable (level) when the ring is a quarter full;
 * capture_clear_wakeup() makes it quiet again, until the next time.
 */
extern int capture_wait_fd(const capture *capture);
extern void capture_clear_wakeup(capture *capture);

/* The pinned map of processes, for capture_recorder_create(); owned by the capture. */
extern int capture_process_map(const capture *capture);

/* Fill in an error; always returns false. */
extern bool capture_fail(capture_error *error, int code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif /* TOPOLOGY_CAPTURE_H */
