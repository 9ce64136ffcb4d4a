/*
 * kafka_outlet.c
 *		Records to a Kafka topic.
 *
 * The producer keeps records until a broker has them, and its own retries write
 * none twice.  A producer that reports a fatal error has lost its place in the
 * sequence of records: it is given up, and another one goes on.
 *
 * Troubles are told when they begin, when they change, once a minute while they
 * last, and when they are over.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/command.h"
#include "agent/outlet.h"

#define REMIND_SECONDS 60

/* Between the begins of two producers, where one after the other fails. */
#define ANEW_SECONDS 1

typedef struct kafka_outlet
{
	outlet base;
	stream_producer_options options;
	stream_producer *producer;
	stream_error_kind trouble; /* STREAM_NO_ERROR: none */
	time_t told_at;            /* CLOCK_MONOTONIC */
	time_t opened_at;          /* the same */
	bool fatal;                /* the producer is of no more use */
} kafka_outlet;

static time_t
now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void
tell_trouble(kafka_outlet *kafka, const stream_error *error)
{
	time_t now = now_seconds();

	if (error->kind == kafka->trouble && now - kafka->told_at < REMIND_SECONDS)
		return;
	kafka->trouble = error->kind;
	kafka->told_at = now;
	agent_say("kafka: %s: %s%s%s", stream_error_kind_name(error->kind), error->message,
			  error->hint[0] ? "; " : "", error->hint);
}

/* The producer's reports come by here. */
static void
pass_report(void *context, uintptr_t tag, stream_fate fate)
{
	kafka_outlet *kafka = context;

	if (fate == STREAM_DELIVERED && kafka->trouble != STREAM_NO_ERROR)
	{
		kafka->trouble = STREAM_NO_ERROR;
		agent_say("kafka: takes records again");
	}
	kafka->base.report(kafka->base.report_context, tag, fate);
}

static outlet_result
kafka_send(outlet *outlet, uintptr_t tag, const char *line, size_t length)
{
	kafka_outlet *kafka = (kafka_outlet *) outlet;
	/* a message is a record: it needs no end of line */
	stream_outgoing record = {.payload = line, .payload_length = length - 1, .tag = tag};
	stream_error error;

	if (kafka->fatal)
		return OUTLET_LATER;
	switch (stream_producer_send(kafka->producer, &record, &error))
	{
		case STREAM_SENT:
			return OUTLET_TAKEN;
		case STREAM_REFUSED:
			tell_trouble(kafka, &error);
			return OUTLET_LATER;
		case STREAM_FULL:
			break;
	}
	return OUTLET_LATER;
}

static bool
open_producer(kafka_outlet *kafka, stream_error *error)
{
	kafka->producer = stream_producer_open(&kafka->options, error);
	kafka->opened_at = now_seconds();
	kafka->fatal = false;
	return kafka->producer != NULL;
}

static bool
begin_anew(kafka_outlet *kafka)
{
	stream_error error;

	stream_producer_close(kafka->producer);
	if (open_producer(kafka, &error))
		return true;
	agent_fail(AGENT_FAILED, "%s", error.message);
	return false;
}

static bool
kafka_serve(outlet *outlet, int timeout_ms)
{
	kafka_outlet *kafka = (kafka_outlet *) outlet;
	stream_error error;

	if (stream_producer_serve(kafka->producer, timeout_ms, &error))
		tell_trouble(kafka, &error);
	else
		error.kind = STREAM_NO_ERROR;
	if (error.kind == STREAM_FATAL)
	{
		stream_producer_abandon(kafka->producer);
		kafka->fatal = true;
	}
	if (!kafka->fatal || now_seconds() - kafka->opened_at < ANEW_SECONDS)
		return true;
	return begin_anew(kafka);
}

static void
kafka_abandon(outlet *outlet)
{
	stream_producer_abandon(((kafka_outlet *) outlet)->producer);
}

static void
kafka_close(outlet *outlet)
{
	stream_producer_close(((kafka_outlet *) outlet)->producer);
	free(outlet);
}

static const outlet kafka_routines = {
	.send = kafka_send,
	.serve = kafka_serve,
	.abandon = kafka_abandon,
	.close = kafka_close,
};

static int
explain(const stream_error *error)
{
	int code = error->kind == STREAM_BAD_SETTING ? AGENT_USAGE : AGENT_FAILED;

	return agent_fail(code, "%s%s%s", error->message, error->hint[0] ? "\n" : "", error->hint);
}

outlet *
kafka_outlet_open(const run_options *options, size_t memory, int *code)
{
	kafka_outlet *kafka = calloc(1, sizeof(*kafka));
	stream_error error = {.kind = STREAM_OUT_OF_MEMORY, .message = "out of memory"};

	if (kafka != NULL)
	{
		kafka->base = kafka_routines;
		kafka->options = (stream_producer_options){.brokers = options->brokers,
												   .topic = options->topic,
												   .settings = options->settings.list,
												   .setting_count = options->settings.count,
												   .memory = memory,
												   .report = pass_report,
												   .report_context = kafka};
		if (open_producer(kafka, &error))
			return &kafka->base;
	}
	*code = explain(&error);
	free(kafka);
	return NULL;
}
