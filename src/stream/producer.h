/*
 * producer.h
 *		Writes records to one Kafka topic, in order and without duplicates.
 *
 * A record that was taken is kept until a broker has it: a broker that is away
 * costs waiting, not records.  What waits is bounded; when it is full, send
 * says so at once and the owner decides.  Idempotent: librdkafka's own retries
 * write no record twice.
 *
 * An object belongs to one thread; see stream.h.
 */
#ifndef TOPOLOGY_STREAM_PRODUCER_H
#define TOPOLOGY_STREAM_PRODUCER_H

#include "stream/stream.h"

/* What became of a record that was taken. */
typedef enum stream_fate
{
	STREAM_DELIVERED,   /* a broker has it */
	STREAM_NOT_WRITTEN, /* given up, and no broker has it: sent again, it is there once */
	STREAM_UNCERTAIN    /* given up, and a broker may have it: sent again, it may be there twice */
} stream_fate;

/* Called once for each record that was taken, with the tag that it was sent with. */
typedef void (*stream_report)(void *context, uintptr_t tag, stream_fate fate);

typedef struct stream_producer_options
{
	const char *brokers; /* host:port, ... */
	const char *topic;
	const stream_setting *settings; /* of librdkafka, by the user; NULL if none */
	size_t setting_count;
	size_t memory;        /* bytes that waiting records may take; 0: 16 MB */
	stream_report report; /* runs in serve, flush and abandon; NULL: the counts will do */
	void *report_context;
} stream_producer_options;

/* A record to be sent; key NULL: it has none. */
typedef struct stream_outgoing
{
	const void *key;
	size_t key_length;
	const void *payload;
	size_t payload_length;
	uintptr_t tag; /* for its report */
} stream_outgoing;

typedef struct stream_producer stream_producer;

/* taken = delivered + failed + in_flight */
typedef struct stream_producer_counts
{
	uint64_t taken;
	uint64_t delivered; /* a broker has them */
	uint64_t failed; /* given up: refused by the broker, abandoned, or message.timeout.ms was set */
	uint64_t uncertain; /* of those that failed: a broker may have them all the same */
	uint64_t in_flight; /* neither is known yet */
} stream_producer_counts;

typedef enum stream_sent
{
	STREAM_SENT,
	STREAM_FULL,   /* no room: serve, and try again later */
	STREAM_REFUSED /* error says why: a record too large, no such topic */
} stream_sent;

/* As stream_consumer_open(). */
extern stream_producer *stream_producer_open(const stream_producer_options *options,
											 stream_error *error);

/* What is in flight is lost, without a report: flush or abandon before.  NULL is ignored. */
extern void stream_producer_close(stream_producer *producer);

/*
 * Take a copy of a record.  Does not wait.  Records of one key go to one
 * partition, in order.
 */
extern stream_sent stream_producer_send(stream_producer *producer, const stream_outgoing *record,
										stream_error *error);

/*
 * Take in delivery reports; waits at most timeout_ms for the first.  To be called
 * about every 100 ms while there are records in flight.  True: there is an error
 * that the owner has not seen yet; the kinds are as with the consumer, and
 * STREAM_FATAL means to abandon and close it, and to open another.
 */
extern bool stream_producer_serve(stream_producer *producer, int timeout_ms, stream_error *error);

/* Wait until nothing is in flight, at most timeout_ms; true if so. */
extern bool stream_producer_flush(stream_producer *producer, int timeout_ms);

/*
 * Give up what is in flight, and report it.  Records that no broker was sent are
 * not written, of the others it is not known.
 */
extern void stream_producer_abandon(stream_producer *producer);

extern stream_producer_counts stream_producer_count(const stream_producer *producer);

/* As stream_consumer_log(). */
extern bool stream_producer_log(stream_producer *producer, char *line, size_t size);

#endif /* TOPOLOGY_STREAM_PRODUCER_H */
