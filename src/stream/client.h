/*
 * client.h
 *		What a consumer and a producer have in common: the handle, what its threads
 *		report, and its log.  For this folder only.
 *
 * librdkafka's error and log callbacks run in stream_client_serve(), in the
 * thread of the caller.  They only write into the client: the last error of
 * each kind, and the last log lines.  So both are bounded.  One callback runs in
 * librdkafka's threads: it counts requests, in an atomic counter.
 */
#ifndef TOPOLOGY_STREAM_CLIENT_H
#define TOPOLOGY_STREAM_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "stream/setting.h"
#include "stream/stream.h"

#define STREAM_LOG_LINES     16
#define STREAM_LOG_LINE_SIZE 320

/* A ring: the oldest line gives way. */
typedef struct stream_log
{
	char lines[STREAM_LOG_LINES][STREAM_LOG_LINE_SIZE];
	unsigned int first;
	unsigned int count;
} stream_log;

typedef struct stream_client
{
	rd_kafka_t *handle;
	stream_secrets secrets;
	stream_error pending[STREAM_ERROR_KINDS]; /* kind is STREAM_NO_ERROR where none waits */
	stream_error refusal; /* that a broker refused us, until one is known to take us */
	stream_log log;
	_Atomic uint64_t metadata_requests; /* sent so far, by librdkafka itself too */
} stream_client;

/*
 * Make the handle.  Takes conf, whatever happens.  The client must not move
 * afterwards.  False: error says why, and stream_client_close() is still due.
 */
extern bool stream_client_open(stream_client *client, rd_kafka_type_t type, rd_kafka_conf_t *conf,
							   const char *brokers, stream_error *error);

/*
 * The queues that were made from the handle must be destroyed before.  False:
 * its threads do not come to an end, so nothing that they use may be freed; when
 * the program ends, it does so without the exit handlers of before.
 */
extern bool stream_client_close(stream_client *client);

/* Take in what librdkafka's threads had to say.  Waits at most timeout_ms. */
extern void stream_client_serve(stream_client *client, int timeout_ms);

/* A broker took us, or did what we asked. */
extern void stream_client_works(stream_client *client);

/* Have an error wait for the owner. */
extern void stream_client_keep(stream_client *client, const stream_error *error);

/* Take out the gravest error that waits; false if none does. */
extern bool stream_client_take_error(stream_client *client, stream_error *error);

/* Take out the oldest log line; false if there is none. */
extern bool stream_client_take_log(stream_client *client, char *line, size_t size);

/* Describe a failed call; where a graver error waits, that one.  Always false. */
extern bool stream_client_fail(stream_client *client, rd_kafka_resp_err_t code, const char *doing,
							   stream_error *error);

/* The kind and the hint of librdkafka's error; message as given, redacted. */
extern void stream_client_describe(const stream_client *client, rd_kafka_resp_err_t code,
								   int32_t partition, const char *message, stream_error *error);

/* Fill in an error; always returns false. */
extern bool stream_fail(stream_error *error, stream_error_kind kind, int code, const char *hint,
						const char *format, ...) __attribute__((format(printf, 5, 6)));

extern stream_error_kind stream_error_kind_of(rd_kafka_resp_err_t code);

#endif /* TOPOLOGY_STREAM_CLIENT_H */
