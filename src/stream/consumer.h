/*
 * consumer.h
 *		Reads the partitions of one Kafka topic from positions that the owner
 *		keeps.
 *
 * Nothing is kept in Kafka: no group is joined, no offset committed.  To be
 * exact, store for each partition its stream_position in the same transaction
 * as what was made of the records, and assign from there.  Only records of
 * committed transactions are seen.  Offsets may have gaps, and never go back: a
 * record is handed out at most once between two assignments.
 *
 * The owner's loop:
 *		metadata -> (for a partition without a position: start_offsets, and store
 *		that) -> assign -> poll until STREAM_EMPTY or a full batch -> commit what
 *		was made of it -> release -> wait for wait_fd -> poll ...
 * and now and then metadata again, for new partitions.  To pause, do not poll:
 * librdkafka stops fetching when its queue is full.
 *
 * An object belongs to one thread; see stream.h.
 */
#ifndef TOPOLOGY_STREAM_CONSUMER_H
#define TOPOLOGY_STREAM_CONSUMER_H

#include "stream/stream.h"

typedef struct stream_consumer_options
{
	const char *brokers; /* host:port, ... */
	const char *topic;
	const stream_setting *settings; /* of librdkafka, by the user; NULL if none */
	size_t setting_count;
	size_t memory; /* bytes that records may take before they are polled; 0: 16 MB */
} stream_consumer_options;

typedef struct stream_consumer stream_consumer;

typedef struct stream_metadata
{
	int32_t partitions;   /* 0 .. partitions - 1 */
	char cluster_id[128]; /* "" if the broker has none */
} stream_metadata;

/*
 * Where to go on in a partition.  last_offset and last_fingerprint are of the
 * last record that was taken, -1 and 0 if none was: it is read again and
 * compared after an assignment, and whenever a broker was asked for the
 * topic's leaders, before anything else is handed out.  So a topic that was
 * deleted and made again is noticed whatever its length (librdkafka 2.0 knows no
 * topic ids).  It is not when no record was taken before, or when it grew beyond
 * the position while the owner did not poll.
 */
typedef struct stream_position
{
	int32_t partition;
	int64_t next_offset;
	int64_t last_offset;
	uint64_t last_fingerprint;
} stream_position;

/* Borrowed: valid until stream_consumer_release() or _close(). */
typedef struct stream_message
{
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms; /* Unix time, -1 if the record has none */
	const void *key;      /* NULL if it has none */
	size_t key_length;
	const void *payload; /* NULL: a tombstone */
	size_t payload_length;
} stream_message;

typedef enum stream_result
{
	STREAM_MESSAGE, /* item->message is set */
	STREAM_END,     /* item->partition is read to its end: item->offset is where to go on */
	STREAM_ERROR,   /* item->error is set */
	STREAM_EMPTY    /* nothing more for now */
} stream_result;

typedef struct stream_item
{
	stream_message message;
	int32_t partition;
	int64_t offset;
	stream_error error;
} stream_item;

typedef enum stream_edge
{
	STREAM_EARLIEST, /* the oldest record that is kept */
	STREAM_LATEST    /* behind the last record of a committed transaction */
} stream_edge;

/*
 * Start the threads of a consumer.  Does not wait for a broker.  NULL on
 * failure, with error filled in.  The options may be freed afterwards.
 *
 * Memory: librdkafka stops fetching when what waits to be polled takes about
 * half of options->memory.  A fetch under way may add an eighth of it for each
 * broker, more if it is compressed or one record is larger.  A record, and a
 * batch once it is decompressed, may be up to receive.message.max.bytes (256 MB
 * unless set).
 */
extern stream_consumer *stream_consumer_open(const stream_consumer_options *options,
											 stream_error *error);

/*
 * Releases every message.  May take some 100 ms; where librdkafka does not come to
 * an end, 1 s, and then what it uses stays until the program ends.  NULL is
 * ignored.
 */
extern void stream_consumer_close(stream_consumer *consumer);

/*
 * Ask a broker; waits at most timeout_ms.  Success also says that the broker is
 * there and takes our password.  What was fetched and not polled is fetched again,
 * as the last records are compared.
 */
extern bool stream_consumer_metadata(stream_consumer *consumer, int timeout_ms,
									 stream_metadata *metadata, stream_error *error);

/*
 * The offsets at an edge of the partitions that positions names; sets their
 * next_offset, and last_offset to -1.  Waits at most timeout_ms.  With
 * STREAM_LATEST this is the end as wait_for_source() means it.
 *
 * "Start at the latest" holds for partitions that are there when a source is
 * made.  One that is found later has to be read from STREAM_EARLIEST, or what
 * was written before it was found would be lost.
 */
extern bool stream_consumer_offsets(stream_consumer *consumer, stream_edge edge,
									stream_position *positions, size_t count, int timeout_ms,
									stream_error *error);

/*
 * Read these partitions, and no others, from these positions.  Messages that
 * were fetched and not polled are dropped; those that were polled stay valid.
 * Does not wait.
 */
extern bool stream_consumer_assign(stream_consumer *consumer, const stream_position *positions,
								   size_t count, stream_error *error);

/*
 * The next thing; waits at most timeout_ms for one, 0: not at all.
 *
 * A message belongs to the consumer.  All that were polled stay valid until
 * stream_consumer_release(), which the owner calls when a batch is done (or
 * has failed); so an owner that is thrown out of its code leaks nothing.
 *
 * STREAM_END moves the position too: behind the last record there may be marks of
 * transactions, which are never handed out.
 *
 * An error that may pass (stream_error_may_pass) needs no action: show it, and
 * forget it when a message, an end, or stream_consumer_metadata() says
 * otherwise.  After STREAM_OFFSET_GONE and STREAM_TOPIC_RECREATED with a
 * partition, that one is no longer read until the next assignment.  To tell the
 * two apart, and a mere failover from both, poll may ask the broker, for at
 * most 5 s; no other case waits longer than timeout_ms.
 */
extern stream_result stream_consumer_poll(stream_consumer *consumer, int timeout_ms,
										  stream_item *item);

/*
 * The position behind what was polled of a partition that is assigned, to be
 * stored with what was made of it.
 */
extern stream_position stream_consumer_position(const stream_consumer *consumer, int32_t partition);

/*
 * Whether the last record of every partition has been compared since a broker was
 * last asked for the topic's leaders: positions are of the topic that is there.
 */
extern bool stream_consumer_is_certain(const stream_consumer *consumer);

/* Free every message that was polled. */
extern void stream_consumer_release(stream_consumer *consumer);

/* Bytes that the messages take that are not yet released, with what is kept about each. */
extern size_t stream_consumer_held(const stream_consumer *consumer);

/*
 * A descriptor that becomes readable when there is something to poll after
 * STREAM_EMPTY was returned.  Owned by the consumer.
 */
extern int stream_consumer_wait_fd(const stream_consumer *consumer);

/*
 * The end of a partition as of the last fetch, without asking: the offset behind
 * the last record, also of transactions that are still open.  -1 if not known.
 * Lag is this less the position; with transactions it is 0 only after
 * STREAM_END was taken into the position.
 */
extern int64_t stream_consumer_high_watermark(stream_consumer *consumer, int32_t partition);

/* What librdkafka warned of; the oldest first.  False if there is nothing. */
extern bool stream_consumer_log(stream_consumer *consumer, char *line, size_t size);

#endif /* TOPOLOGY_STREAM_CONSUMER_H */
