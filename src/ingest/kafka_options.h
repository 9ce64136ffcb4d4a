/*
 * kafka_options.h
 *		The options of a source of kind kafka, as its worker uses them.
 */
#ifndef TOPOLOGY_INGEST_KAFKA_OPTIONS_H
#define TOPOLOGY_INGEST_KAFKA_OPTIONS_H

#include "postgres.h"

#include "stream/consumer.h"

/* How the name of an option begins that is passed on to librdkafka. */
#define KAFKA_PASSED_ON "rdkafka."

/* What to do when records between a position and the topic's begin are gone. */
typedef enum kafka_gap
{
	KAFKA_GAP_STOP,
	KAFKA_GAP_EARLIEST,
	KAFKA_GAP_LATEST
} kafka_gap;

typedef struct kafka_options
{
	char *topic;
	bool start_latest;
	kafka_gap on_gap;
	stream_consumer_options consumer;
} kafka_options;

/* Read a source's options, in the current memory context.  Needs SPI. */
extern kafka_options *kafka_options_load(int32 source);

#endif /* TOPOLOGY_INGEST_KAFKA_OPTIONS_H */
