/*
 * ebpf_job.c
 *		The ring of the local capture into stage 1.
 *
 * The capture and the recorder hold descriptors, mappings and malloc'd memory;
 * the job owns them, and its opener releases them by close, in a process that
 * ends after an error.  Events are read where they lie in the
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
#include "utils/timestamp.h"

#include "capture/capture.h"
#include "capture/capture_record.h"
#include "ingest/flow_batch.h"
#include "ingest/job.h"
#include "settings.h"

/* A ring is one partition. */
#define EBPF_PARTITION 0

/* Events of one transaction, at the most. */
#define EBPF_BATCH_EVENTS 100000

typedef struct ebpf_job
{
	source_job base;
	int32 source;
	char *name;
	char *log;
	capture *capture;
	capture_recorder *recorder;
	flow_batch *batch;
	int64 gone;         /* events freed by somebody else before they were read */
	int64 told_dropped; /* of the log's losses, what has been written */
	uint64 event;       /* position of the event at hand */
	int64 epoch;        /* of this worker among those of its source */
	int64 stored;       /* the position that the tables have */
	TimestampTz next_snapshot;
} ebpf_job;

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
open_recorder(ebpf_job *job, const source_row *source)
{
	char host[HOST_NAME_MAX + 1] = "";
	capture_recorder_options options = {
		.host = host, .region = source->region, .scope = source->scope};
	capture_error error = {0};

	if (!capture_choose_netns(job->capture, source->netns, source->except_netns, &error))
		report_capture_error(&error);
	(void) gethostname(host, sizeof(host) - 1);
	options.rules = source_identity_rules();
	job->recorder = capture_recorder_create(capture_process_map(job->capture), &options, &error);
	if (!job->recorder)
		report_capture_error(&error);
}

/* Go on from the stored position, where it is of this ring. */
static void
resume(ebpf_job *job)
{
	List *positions;
	source_position *position;
	uint64_t gone = 0;

	job->epoch = source_take_over(job->source, &positions);
	position = positions == NIL ? NULL : linitial(positions);
	if (position && strcmp(position->log, job->log) == 0)
		job->stored = position->next_offset;
	else
	{
		source_begin_log(job->source, EBPF_PARTITION, job->epoch, job->log,
						 capture_position(job->capture));
		job->stored = capture_position(job->capture);
		return;
	}
	if (!capture_resume(job->capture, position->next_offset, &gone))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("position " INT64_FORMAT " of source \"%s\" is not one of its ring",
							   position->next_offset, job->name),
						errhint("Pin the programs anew with topology-agent pin --replace.")));
	job->gone = gone / (sizeof(struct flow_event) + BPF_RINGBUF_HDR_SZ);
}

static void
ebpf_close(source_job *base)
{
	ebpf_job *job = (ebpf_job *) base;

	if (job->recorder)
		capture_recorder_free(job->recorder);
	capture_close(job->capture);
	job->recorder = NULL;
	job->capture = NULL;
}

/* Have the kernel report every open connection that has news, when it is time. */
static void
ebpf_gather(source_job *base, bool now)
{
	ebpf_job *job = (ebpf_job *) base;
	TimestampTz time = GetCurrentTimestamp();
	capture_error error = {0};

	if (!now && time < job->next_snapshot)
		return;
	if (!capture_snapshot(job->capture, &error))
		report_capture_error(&error);
	job->next_snapshot = TimestampTzPlusMilliseconds(time, topology_snapshot_interval);
}

/* What the kernel could not deliver since the programs were pinned, in reports. */
static int64
count_dropped(ebpf_job *job)
{
	struct flow_lost lost = {0};
	capture_error error = {0};

	if (!capture_lost(job->capture, &lost, &error))
		report_capture_error(&error);
	return lost.events + lost.untracked + lost.udp_packets;
}

static bool
ebpf_has_news(source_job *base)
{
	ebpf_job *job = (ebpf_job *) base;

	return capture_pending(job->capture) > 0 || count_dropped(job) != job->told_dropped;
}

static void
bury(ebpf_job *job, source_progress *progress, const void *data, uint32 length, const char *reason)
{
	source_store_dead_letter(job->name, EBPF_PARTITION, job->event, NULL, 0, data, length, reason);
	progress->dead_letters++;
}

/*
 * Merge one event into the batch.  False: the batch is full, this event was the
 * last to fit.
 */
static bool
take_event(ebpf_job *job, source_progress *progress, const capture_item *item)
{
	flow_record record;
	const char *refusal;

	if (!capture_recorder_record(job->recorder, item->event, &record))
	{
		capture_recorder_begin(job->recorder);
		if (!capture_recorder_record(job->recorder, item->event, &record))
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
							errdetail("A flow event could not be attributed.")));
	}
	refusal = flow_batch_refusal(job->batch, &record);
	if (refusal)
	{
		bury(job, progress, item->data, item->length, psprintf("field \"start\" %s", refusal));
		return true;
	}
	progress->records++;
	if (flow_batch_add(job->batch, &record))
		return true;
	flow_batch_store(job->batch, job->name);
	if (!flow_batch_add(job->batch, &record))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("A flow event could not be merged into its window.")));
	return false;
}

/* Read events into the batch; true: it was full before the ring was empty. */
static bool
take_events(ebpf_job *job, source_progress *progress)
{
	for (int taken = 0; taken < EBPF_BATCH_EVENTS; taken++)
	{
		capture_item item = {0};

		CHECK_FOR_INTERRUPTS();
		job->event = capture_position(job->capture);
		switch (capture_next(job->capture, &item))
		{
			case CAPTURE_EMPTY:
				return false;
			case CAPTURE_UNREADABLE:
				bury(job, progress, item.data, item.length, item.reason);
				break;
			case CAPTURE_EVENT:
				if (!take_event(job, progress, &item))
					return true;
				break;
		}
	}
	return true;
}

static bool
ebpf_write(source_job *base)
{
	ebpf_job *job = (ebpf_job *) base;
	source_progress progress = {.expected_offset = job->stored};
	bool more;

	flow_batch_begin(job->batch);
	capture_recorder_begin(job->recorder);
	more = take_events(job, &progress);
	if (!flow_batch_is_empty(job->batch))
		flow_batch_store(job->batch, job->name);
	progress.next_offset = capture_position(job->capture);
	progress.dropped_in_log = count_dropped(job);
	progress.gone = job->gone;
	progress.log_end = -1;
	progress.last_offset = -1;
	source_store_progress(job->source, EBPF_PARTITION, job->epoch, &progress);
	job->told_dropped = progress.dropped_in_log;
	return more;
}

static void
ebpf_committed(source_job *base)
{
	ebpf_job *job = (ebpf_job *) base;

	job->gone = 0;
	job->stored = capture_position(job->capture);
	capture_commit(job->capture);
}

/* A turn that began after the question has read all that was there. */
static bool
ebpf_mark_end(source_job *base)
{
	return true;
}

static bool
ebpf_reached_end(source_job *base)
{
	return true;
}

static int64
ebpf_lag(source_job *base)
{
	return capture_pending(((ebpf_job *) base)->capture);
}

static const char *
ebpf_trouble(source_job *base)
{
	return NULL;
}

static int
ebpf_wait_fd(source_job *base)
{
	return capture_wait_fd(((ebpf_job *) base)->capture);
}

static void
ebpf_clear_wakeup(source_job *base)
{
	capture_clear_wakeup(((ebpf_job *) base)->capture);
}

static const source_job_routine ebpf_routine = {
	.close = ebpf_close,
	.gather = ebpf_gather,
	.has_news = ebpf_has_news,
	.write = ebpf_write,
	.committed = ebpf_committed,
	.mark_end = ebpf_mark_end,
	.reached_end = ebpf_reached_end,
	.lag = ebpf_lag,
	.trouble = ebpf_trouble,
	.wait_fd = ebpf_wait_fd,
	.clear_wakeup = ebpf_clear_wakeup,
};

source_job *
ebpf_job_open(const source_row *source, MemoryContext context)
{
	MemoryContext previous = MemoryContextSwitchTo(context);
	ebpf_job *job = palloc0(sizeof(*job));
	capture_error error = {0};
	const capture_identity *identity;

	job->base.routine = &ebpf_routine;
	job->source = source->id;
	job->name = pstrdup(source->name);
	job->batch = flow_batch_create(context);
	job->told_dropped = -1;
	job->capture = capture_open(source->pin_dir ? source->pin_dir : topology_pin_dir, &error);
	if (!job->capture)
		report_capture_error(&error);
	identity = capture_get_identity(job->capture);
	job->log = psprintf("%s/%u", identity->boot_id, identity->map_id);
	MemoryContextSwitchTo(previous);

	PG_TRY();
	{
		open_recorder(job, source);
		resume(job);
	}
	PG_CATCH();
	{
		ebpf_close(&job->base);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return &job->base;
}
