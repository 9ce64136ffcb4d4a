/*
 * ebpf_ingest.c
 *		The ring of the local capture into stage 1.
 *
 * The capture and the recorder hold descriptors, mappings and malloc'd memory;
 * ebpf_ingest owns them, and its opener releases them by ebpf_ingest_close(), in
 * a process that ends after an error.  Events are read where they lie in the
 * ring; nothing is copied but what merges into the batch.
 *
 * A position counts in a log named by boot and ring: a position stored before a
 * reboot, or before the programs were pinned anew, is of another log and says
 * nothing about this one.
 */
#include "postgres.h"

#include <limits.h>
#include <unistd.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "capture/capture.h"
#include "capture/capture_record.h"
#include "ingest/ebpf_ingest.h"
#include "ingest/flow_batch.h"
#include "settings.h"

/* A ring is one partition. */
#define EBPF_PARTITION 0

/* Events of one transaction, at the most. */
#define EBPF_BATCH_EVENTS 100000

struct ebpf_ingest
{
	int32 source;
	char *name;
	char *log;
	capture *capture;
	capture_recorder *recorder;
	flow_batch *batch;
	int64 gone;         /* events freed by somebody else before they were read */
	int64 told_dropped; /* of the log's losses, what has been written */
	uint64 event;       /* position of the event at hand */
};

static void
report_capture_error(const capture_error *error)
{
	int code = error->code == EACCES || error->code == EPERM
				   ? ERRCODE_INSUFFICIENT_PRIVILEGE
				   : ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;

	ereport(ERROR, (errcode(code), errmsg("%s", error->message),
					error->hint[0] ? errhint("%s", error->hint) : 0));
}

static void
open_recorder(ebpf_ingest *ingest, const source_row *source)
{
	char host[HOST_NAME_MAX + 1] = "";
	capture_recorder_options options = {
		.host = host, .region = source->region, .scope = source->scope};
	capture_error error = {0};

	(void) gethostname(host, sizeof(host) - 1);
	options.rules = source_identity_rules();
	ingest->recorder =
		capture_recorder_create(capture_process_map(ingest->capture), &options, &error);
	if (!ingest->recorder)
		report_capture_error(&error);
}

/* Go on from the stored position, where it is of this ring. */
static void
resume(ebpf_ingest *ingest)
{
	source_position *position = source_load_position(ingest->source, EBPF_PARTITION);
	uint64_t gone = 0;

	if (!position || strcmp(position->log, ingest->log) != 0)
		return;
	if (!capture_resume(ingest->capture, position->next_offset, &gone))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("position " INT64_FORMAT " of source \"%s\" is not one of its ring",
							   position->next_offset, ingest->name),
						errhint("Pin the programs anew with topology-agent pin --replace.")));
	ingest->gone = gone / (sizeof(struct flow_event) + BPF_RINGBUF_HDR_SZ);
}

ebpf_ingest *
ebpf_ingest_open(const source_row *source, MemoryContext context)
{
	MemoryContext previous = MemoryContextSwitchTo(context);
	ebpf_ingest *ingest = palloc0(sizeof(*ingest));
	capture_error error = {0};
	const capture_identity *identity;

	ingest->source = source->id;
	ingest->name = pstrdup(source->name);
	ingest->batch = flow_batch_create(context);
	ingest->told_dropped = -1;
	ingest->capture = capture_open(source->pin_dir ? source->pin_dir : topology_pin_dir, &error);
	if (!ingest->capture)
		report_capture_error(&error);
	identity = capture_get_identity(ingest->capture);
	ingest->log = psprintf("%s/%u", identity->boot_id, identity->map_id);
	MemoryContextSwitchTo(previous);

	PG_TRY();
	{
		open_recorder(ingest, source);
		resume(ingest);
	}
	PG_CATCH();
	{
		ebpf_ingest_close(ingest);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return ingest;
}

void
ebpf_ingest_close(ebpf_ingest *ingest)
{
	if (ingest->recorder)
		capture_recorder_free(ingest->recorder);
	capture_close(ingest->capture);
	ingest->recorder = NULL;
	ingest->capture = NULL;
}

void
ebpf_ingest_snapshot(ebpf_ingest *ingest)
{
	capture_error error = {0};

	if (!capture_snapshot(ingest->capture, &error))
		report_capture_error(&error);
}

/* What the kernel could not deliver since the programs were pinned, in reports. */
static int64
count_dropped(ebpf_ingest *ingest)
{
	struct flow_lost lost = {0};
	capture_error error = {0};

	if (!capture_lost(ingest->capture, &lost, &error))
		report_capture_error(&error);
	return lost.events + lost.untracked + lost.udp_packets;
}

bool
ebpf_ingest_has_news(ebpf_ingest *ingest)
{
	return capture_pending(ingest->capture) > 0 || count_dropped(ingest) != ingest->told_dropped;
}

static void
bury(ebpf_ingest *ingest, source_progress *progress, const void *data, uint32 length,
	 const char *reason)
{
	source_store_dead_letter(ingest->name, EBPF_PARTITION, ingest->event, data, length, reason);
	progress->dead_letters++;
}

/*
 * Merge one event into the batch.  False: the batch is full, this event was the
 * last to fit.
 */
static bool
take_event(ebpf_ingest *ingest, source_progress *progress, const capture_item *item)
{
	flow_record record;
	const char *refusal;

	if (!capture_recorder_record(ingest->recorder, item->event, &record))
	{
		capture_recorder_begin(ingest->recorder);
		if (!capture_recorder_record(ingest->recorder, item->event, &record))
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
							errdetail("A flow event could not be attributed.")));
	}
	refusal = flow_batch_refusal(ingest->batch, &record);
	if (refusal)
	{
		bury(ingest, progress, item->data, item->length, psprintf("field \"start\" %s", refusal));
		return true;
	}
	progress->records++;
	if (flow_batch_add(ingest->batch, &record))
		return true;
	flow_batch_store(ingest->batch, ingest->name);
	if (!flow_batch_add(ingest->batch, &record))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("A flow event could not be merged into its window.")));
	return false;
}

/* Read events into the batch; true: it was full before the ring was empty. */
static bool
take_events(ebpf_ingest *ingest, source_progress *progress)
{
	for (int taken = 0; taken < EBPF_BATCH_EVENTS; taken++)
	{
		capture_item item = {0};

		CHECK_FOR_INTERRUPTS();
		ingest->event = capture_position(ingest->capture);
		switch (capture_next(ingest->capture, &item))
		{
			case CAPTURE_EMPTY:
				return false;
			case CAPTURE_UNREADABLE:
				bury(ingest, progress, item.data, item.length, item.reason);
				break;
			case CAPTURE_EVENT:
				if (!take_event(ingest, progress, &item))
					return true;
				break;
		}
	}
	return true;
}

bool
ebpf_ingest_write(ebpf_ingest *ingest)
{
	source_progress progress = {.log = ingest->log};
	bool more;

	flow_batch_begin(ingest->batch);
	capture_recorder_begin(ingest->recorder);
	more = take_events(ingest, &progress);
	if (!flow_batch_is_empty(ingest->batch))
		flow_batch_store(ingest->batch, ingest->name);
	progress.next_offset = capture_position(ingest->capture);
	progress.dropped_in_log = count_dropped(ingest);
	progress.gone = ingest->gone;
	source_store_progress(ingest->source, EBPF_PARTITION, &progress);
	ingest->told_dropped = progress.dropped_in_log;
	return more;
}

void
ebpf_ingest_committed(ebpf_ingest *ingest)
{
	ingest->gone = 0;
	capture_commit(ingest->capture);
}

int64
ebpf_ingest_lag(const ebpf_ingest *ingest)
{
	return capture_pending(ingest->capture);
}

int
ebpf_ingest_wait_fd(const ebpf_ingest *ingest)
{
	return capture_wait_fd(ingest->capture);
}

void
ebpf_ingest_clear_wakeup(ebpf_ingest *ingest)
{
	capture_clear_wakeup(ingest->capture);
}
