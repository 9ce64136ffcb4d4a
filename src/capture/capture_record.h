/*
 * capture_record.h
 *		From the kernel's event to the flow record that all sources share.
 */
#ifndef TOPOLOGY_CAPTURE_RECORD_H
#define TOPOLOGY_CAPTURE_RECORD_H

#include <stdbool.h>

#include "bpf/flow_event.h"
#include "capture/capture.h"
#include "capture/process_identity.h"
#include "flow/flow.h"

typedef struct capture_recorder capture_recorder;

/* Texts are copied; NULL takes the default. */
typedef struct capture_recorder_options
{
	const char *host;   /* the host's name */
	const char *region; /* none */
	const char *scope;  /* none; loopback addresses always get a scope of their own */
	const char *rules;  /* identity_rules_default(); see identity_rules.h */
} capture_recorder_options;

/*
 * process_map is capture_process_map(), which must stay open.  The caller owns
 * the result.  NULL: error tells the wrong rule, or that memory ran out.
 */
extern capture_recorder *capture_recorder_create(int process_map,
												 const capture_recorder_options *options,
												 capture_error *error);
extern void capture_recorder_free(capture_recorder *recorder);

/* The host's name as records have it; lives as long as the recorder. */
extern flow_text capture_recorder_host(const capture_recorder *recorder);

/*
 * Begin a batch: texts of records made before become invalid, clocks are
 * compared anew.
 */
extern void capture_recorder_begin(capture_recorder *recorder);

/*
 * Fill in a record.  Its texts live until the next capture_recorder_begin().
 * False: this batch can't take another process, begin the next one.
 */
extern bool capture_recorder_record(capture_recorder *recorder, const struct flow_event *event,
									flow_record *record);

/* What is known of the event's local side, for those who want more than its app. */
extern const process_identity *capture_recorder_identity(capture_recorder *recorder,
														 const struct flow_event *event);

#endif /* TOPOLOGY_CAPTURE_RECORD_H */
