/*
 * kafka_partitions.c
 *		Where each partition of a topic is read from, and what to do when that is
 *		not there.
 *
 * Partitions are looked for every topology.metadata_interval.  The tables say
 * where to go on in those that they know, as long as it is the same topic of the
 * same cluster.
 *
 * What is lost without a record to bury (offsets that the broker has removed, a
 * topic made anew) stops the source, by default, and says so; the option
 * "on_gap" has it go on at the earliest or latest offset instead, and the offsets
 * jumped over are counted as dropped.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ingest/kafka_state.h"
#include "settings.h"

kafka_partition *
kafka_find_partition(kafka_job *job, int32 id)
{
	for (int i = 0; i < job->partition_count; i++)
		if (job->partitions[i].id == id)
			return &job->partitions[i];
	elog(ERROR, "partition %d of source \"%s\" was not assigned", id, job->name);
}

static kafka_partition *
add_partition(kafka_job *job, int32 id)
{
	kafka_partition *partition;

	job->partitions =
		job->partitions
			? repalloc(job->partitions, sizeof(kafka_partition) * (job->partition_count + 1))
			: MemoryContextAlloc(job->context, sizeof(kafka_partition));
	partition = &job->partitions[job->partition_count++];
	memset(partition, 0, sizeof(*partition));
	partition->id = id;
	partition->read.partition = id;
	partition->read.last_offset = -1;
	partition->log_end = -1;
	partition->stored_end = -1;
	partition->end_mark = -1;
	return partition;
}

void
kafka_assign(kafka_job *job)
{
	stream_position *positions = palloc(sizeof(*positions) * Max(job->partition_count, 1));
	stream_error error = {0};

	for (int i = 0; i < job->partition_count; i++)
		positions[i] = job->partitions[i].read;
	if (!stream_consumer_assign(job->consumer, positions, job->partition_count, &error))
		kafka_report(&error);
	pfree(positions);
}

/*
 * Where to go on in a partition whose records behind the position are gone: at
 * the edge that on_gap names.  The offsets that are jumped over are counted.  Of
 * a topic that was made anew they are its own: nobody knows how much of the old
 * one had not been read.
 */
static bool
jump(kafka_job *job, kafka_partition *partition, bool anew, stream_error *error)
{
	stream_edge edge = job->options->on_gap == KAFKA_GAP_LATEST ? STREAM_LATEST : STREAM_EARLIEST;
	stream_position begin = partition->read;
	int64 before = partition->read.next_offset;

	if (!stream_consumer_offsets(job->consumer, edge, &partition->read, 1, KAFKA_ANSWER_MS,
								 error) ||
		!stream_consumer_offsets(job->consumer, STREAM_EARLIEST, &begin, 1, KAFKA_ANSWER_MS, error))
		return false;
	if (anew)
		before = begin.next_offset;
	partition->gone += Max(partition->read.next_offset - before, 0);
	partition->log_end = -1;
	partition->changed = true;
	ereport(WARNING, (errmsg("source \"%s\" goes on at offset " INT64_FORMAT " of partition %d",
							 job->name, partition->read.next_offset, partition->id)));
	return true;
}

/* Begin anew with a partition of another topic, or of another one of its name. */
static void
begin_anew(kafka_job *job, kafka_partition *partition)
{
	stream_error error = {0};

	if (!jump(job, partition, true, &error))
		kafka_report(&error);
	source_begin_log(job->source, partition->id, job->epoch, job->log, partition->read.next_offset);
	partition->stored = partition->read;
}

/* Positions of another cluster or topic say nothing of this one. */
static void
check_log(const kafka_job *job, const source_position *position)
{
	if (job->options->on_gap == KAFKA_GAP_STOP && strcmp(position->log, job->log) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("source \"%s\" has read from another cluster or topic", job->name),
						errdetail("It was \"%s\", and is \"%s\" now.", position->log, job->log),
						errhint("Have topo.set_source() set on_gap to earliest or latest to begin "
								"there.")));
}

/* A topic never loses partitions, but one of its name may have fewer. */
static void
pass_over(kafka_job *job, const source_position *position, int partitions)
{
	if (job->options->on_gap == KAFKA_GAP_STOP)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("the topic of source \"%s\" has no partition %d any more: it was "
							   "deleted and made again",
							   job->name, position->partition),
						errdetail("It has %d partitions.", partitions),
						errhint("Have topo.set_source() set on_gap to earliest or latest to begin "
								"there.")));
	source_end_log(job->source, position->partition);
}

static void
take_over_partition(kafka_job *job, const source_position *position)
{
	kafka_partition *partition = add_partition(job, position->partition);

	partition->read.next_offset = position->next_offset;
	partition->read.last_offset = position->last_offset;
	partition->read.last_fingerprint = position->last_fingerprint;
	partition->stored = partition->read;
	partition->log_end = position->log_end;
	partition->stored_end = position->log_end;
	if (strcmp(position->log, job->log) != 0)
		begin_anew(job, partition);
}

/* Take up the partitions that the tables know, of those that there are. */
static void
take_over(kafka_job *job, int partitions)
{
	List *positions;
	ListCell *cell;

	job->epoch = source_take_over(job->source, &positions);
	foreach (cell, positions)
	{
		source_position *position = lfirst(cell);

		check_log(job, position);
		if (position->partition < partitions)
			take_over_partition(job, position);
		else
			pass_over(job, position, partitions);
	}
}

static bool
is_known(const kafka_job *job, int32 id)
{
	for (int i = 0; i < job->partition_count; i++)
		if (job->partitions[i].id == id)
			return true;
	return false;
}

/*
 * Where to begin with partitions that the tables do not know yet; returns how
 * many, or -1.  The option "start" is about those that are there when the source
 * is made; what comes later is read from its beginning, or what was written before
 * it was found would be lost.
 */
static int
find_starts(kafka_job *job, int count, stream_position *starts, stream_error *error)
{
	bool first = job->partition_count == 0;
	stream_edge edge = first && job->options->start_latest ? STREAM_LATEST : STREAM_EARLIEST;
	int unknown = 0;

	for (int id = 0; id < count; id++)
		if (!is_known(job, id))
			starts[unknown++].partition = id;
	if (!stream_consumer_offsets(job->consumer, edge, starts, unknown, KAFKA_ANSWER_MS, error))
		return -1;
	return unknown;
}

static void
begin_partitions(kafka_job *job, const stream_position *starts, int count)
{
	for (int i = 0; i < count; i++)
	{
		kafka_partition *partition = add_partition(job, starts[i].partition);

		partition->read = starts[i];
		partition->stored = starts[i];
		source_begin_log(job->source, partition->id, job->epoch, job->log, starts[i].next_offset);
	}
}

/*
 * In a transaction of its own: a worker's turn gathers outside of one.  One that was
 * made just now may have no leader yet; it is looked for again.
 */
static void
begin_new_partitions(kafka_job *job, int count)
{
	stream_position *starts = palloc0(sizeof(*starts) * count);
	stream_error error = {0};
	int unknown = find_starts(job, count, starts, &error);

	if (unknown < 0)
		kafka_bear(job, &error);
	else
	{
		StartTransactionCommand();
		SPI_connect();
		PushActiveSnapshot(GetTransactionSnapshot());
		begin_partitions(job, starts, unknown);
		PopActiveSnapshot();
		SPI_finish();
		CommitTransactionCommand();
		kafka_assign(job);
	}
	pfree(starts);
}

bool
kafka_look_for_partitions(kafka_job *job)
{
	stream_metadata metadata = {0};
	stream_error error = {0};

	job->next_metadata =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), topology_metadata_interval);
	/* others wait for the worker while it waits */
	if (!stream_consumer_metadata(job->consumer,
								  job->trouble[0] ? KAFKA_TROUBLED_MS : KAFKA_ANSWER_MS, &metadata,
								  &error))
	{
		kafka_bear(job, &error);
		return false;
	}
	job->trouble[0] = '\0';
	if (metadata.partitions > job->partition_count)
		begin_new_partitions(job, metadata.partitions);
	else if (metadata.partitions < job->partition_count)
		/* the worker that follows this one decides what to do */
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("the topic has %d partitions, and had %d: it was deleted and made "
							   "again",
							   metadata.partitions, job->partition_count)));
	return job->trouble[0] == '\0';
}

void
kafka_look_for_ends(kafka_job *job)
{
	stream_position *ends = palloc0(sizeof(*ends) * Max(job->partition_count, 1));
	stream_error error = {0};

	for (int i = 0; i < job->partition_count; i++)
		ends[i].partition = job->partitions[i].id;
	if (!stream_consumer_offsets(job->consumer, STREAM_LATEST, ends, job->partition_count,
								 KAFKA_ANSWER_MS, &error))
		kafka_bear(job, &error);
	else
		for (int i = 0; i < job->partition_count; i++)
		{
			kafka_partition *partition = &job->partitions[i];

			partition->log_end = Max(partition->log_end, ends[i].next_offset);
			partition->changed |= partition->log_end != partition->stored_end;
		}
	pfree(ends);
}

void
kafka_cross_gap(kafka_job *job, const stream_error *error)
{
	stream_error failure = {0};

	if (job->options->on_gap == KAFKA_GAP_STOP || error->partition < 0)
		kafka_report(error);
	ereport(WARNING, (errmsg("source \"%s\": %s", job->name, error->message)));
	if (!jump(job, kafka_find_partition(job, error->partition),
			  error->kind == STREAM_TOPIC_RECREATED, &failure))
		kafka_report(&failure);
	kafka_assign(job);
}

void
kafka_join(kafka_job *job)
{
	stream_metadata metadata = {0};
	stream_error error = {0};
	stream_position *starts;
	int unknown;

	if (!stream_consumer_metadata(job->consumer, KAFKA_ANSWER_MS, &metadata, &error))
		kafka_report(&error);
	job->log = MemoryContextStrdup(job->context,
								   psprintf("%s/%s", metadata.cluster_id, job->options->topic));
	take_over(job, metadata.partitions);
	starts = palloc0(sizeof(*starts) * metadata.partitions);
	unknown = find_starts(job, metadata.partitions, starts, &error);
	if (unknown < 0)
		kafka_report(&error);
	begin_partitions(job, starts, unknown);
	/* the lag is known from the first */
	kafka_look_for_ends(job);
	kafka_store_positions(job);
	/* if this transaction fails, so does the job */
	kafka_note_stored(job);
	kafka_assign(job);
}
