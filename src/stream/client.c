/*
 * client.c
 *		The handle of librdkafka, what its threads report, and its log.
 *
 * The handle's main queue carries errors and log lines, and is served apart
 * from the messages: so an error is seen at once, also behind a backlog.
 */
#include "stream/client.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of the levels of syslog: warnings, and what is graver. */
#define LOG_LEVEL "4"

/* How long librdkafka's threads have to end. */
#define CLOSE_SECONDS 1

/* Of Kafka's protocol */
#define API_METADATA 3

static void
keep_error(stream_client *client, rd_kafka_resp_err_t code, const char *message)
{
	stream_error error;

	stream_client_describe(client, code, -1, message, &error);
	stream_client_keep(client, &error);
}

/* Brokers that refuse us are "down" too, but that is not what has to be known. */
void
stream_client_keep(stream_client *client, const stream_error *error)
{
	if (error->kind == STREAM_BROKER_AWAY && client->refusal.kind != STREAM_NO_ERROR)
		return;
	if (error->kind == STREAM_AUTHENTICATION || error->kind == STREAM_TLS)
		client->refusal = *error;
	client->pending[error->kind] = *error;
}

void
stream_client_works(stream_client *client)
{
	client->refusal.kind = STREAM_NO_ERROR;
}

static void
on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
	char text[512];

	if (code != RD_KAFKA_RESP_ERR__FATAL)
	{
		keep_error(opaque, (rd_kafka_resp_err_t) code, reason);
		return;
	}
	rd_kafka_fatal_error(handle, text, sizeof(text));
	keep_error(opaque, RD_KAFKA_RESP_ERR__FATAL, text);
}

static void
keep_line(stream_client *client, const char *facility, const char *text)
{
	stream_log *log = &client->log;
	char *line = log->lines[(log->first + log->count) % STREAM_LOG_LINES];

	snprintf(line, STREAM_LOG_LINE_SIZE, "%s: %s", facility, text);
	stream_secrets_redact(&client->secrets, line, STREAM_LOG_LINE_SIZE);
	if (log->count < STREAM_LOG_LINES)
		log->count++;
	else
		log->first = (log->first + 1) % STREAM_LOG_LINES;
}

/* Called by whoever serves the main queue, as log.queue is set. */
static void
on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	stream_client *client = rd_kafka_opaque(handle);

	(void) level;
	keep_line(client, facility, text);
	/* librdkafka reports this nowhere else */
	if (strcmp(facility, "CLUSTERID") == 0)
	{
		stream_error *error = &client->pending[STREAM_TOPIC_RECREATED];

		stream_fail(error, STREAM_TOPIC_RECREATED, 0, "", "%s", text);
		stream_secrets_redact(&client->secrets, error->message, sizeof(error->message));
	}
}

/* Runs in a thread of librdkafka's. */
static rd_kafka_resp_err_t
on_request(rd_kafka_t *handle, int socket, const char *broker, int32_t broker_id, int16_t api,
		   int16_t version, int32_t correlation, size_t size, void *opaque)
{
	stream_client *client = opaque;

	(void) handle, (void) socket, (void) broker, (void) broker_id;
	(void) version, (void) correlation, (void) size;
	if (api == API_METADATA)
		atomic_fetch_add(&client->metadata_requests, 1);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_new(rd_kafka_t *handle, const rd_kafka_conf_t *conf, void *opaque, char *reason,
	   size_t reason_size)
{
	(void) conf, (void) reason, (void) reason_size;
	return rd_kafka_interceptor_add_on_request_sent(handle, "topology", on_request, opaque);
}

static bool
set_callbacks(stream_client *client, rd_kafka_conf_t *conf, stream_error *error)
{
	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	return stream_conf_set(conf, "log.queue", "true", error) &&
		   stream_conf_set(conf, "log_level", LOG_LEVEL, error);
}

/* Takes conf if it succeeds. */
static rd_kafka_t *
make_handle(stream_client *client, rd_kafka_type_t type, rd_kafka_conf_t *conf, stream_error *error)
{
	char reason[512];
	rd_kafka_t *handle = rd_kafka_new(type, conf, reason, sizeof(reason));

	if (handle != NULL)
		return handle;
	stream_secrets_redact(&client->secrets, reason, sizeof(reason));
	stream_fail(error, STREAM_BAD_SETTING, rd_kafka_last_error(), "",
				"the settings were refused: %s", reason);
	return NULL;
}

/*
 * When rd_kafka_new() fails, librdkafka before 2.12 has freed a configuration's
 * interceptors, and its destruction would free them again.  So try the settings
 * with a handle that has neither interceptors nor brokers.
 */
static bool
try_settings(stream_client *client, rd_kafka_type_t type, const rd_kafka_conf_t *conf,
			 stream_error *error)
{
	rd_kafka_conf_t *copy = rd_kafka_conf_dup(conf);
	rd_kafka_t *handle = make_handle(client, type, copy, error);

	if (handle != NULL)
		rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	else
		rd_kafka_conf_destroy(copy);
	return handle != NULL;
}

bool
stream_client_open(stream_client *client, rd_kafka_type_t type, rd_kafka_conf_t *conf,
				   const char *brokers, stream_error *error)
{
	client->handle = NULL;
	if (!set_callbacks(client, conf, error) || !try_settings(client, type, conf, error) ||
		!stream_conf_set(conf, "bootstrap.servers", brokers, error))
	{
		rd_kafka_conf_destroy(conf);
		return false;
	}
	rd_kafka_conf_interceptor_add_on_new(conf, "topology", on_new, client);
	/* if it fails now, for want of threads, conf is lost */
	client->handle = make_handle(client, type, conf, error);
	if (client->handle == NULL)
		return false;
	rd_kafka_set_log_queue(client->handle, NULL);
	return true;
}

static void *
destroy_handle(void *handle)
{
	rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return NULL;
}

/* No signal of the program's is to be delivered in that thread. */
static bool
start_destroying(rd_kafka_t *handle, pthread_t *thread)
{
	sigset_t all, before;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(thread, NULL, destroy_handle, handle);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed == 0;
}

/* Threads that go on would use what other exit handlers free. */
static void
leave_at_once(int status, void *unused)
{
	(void) unused;
	fflush(NULL);
	_exit(status);
}

/*
 * librdkafka 2.0 waits for ever for the thread of a broker that had a partition
 * which the topic no longer has.
 */
static bool
destroy_in_time(rd_kafka_t *handle)
{
	struct timespec end;
	pthread_t thread;

	if (!start_destroying(handle, &thread))
	{
		destroy_handle(handle);
		return true;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += CLOSE_SECONDS;
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end) == 0)
		return true;
	pthread_detach(thread);
	on_exit(leave_at_once, NULL);
	return false;
}

bool
stream_client_close(stream_client *client)
{
	rd_kafka_t *handle = client->handle;

	client->handle = NULL;
	if (handle != NULL && !destroy_in_time(handle))
		return false;
	stream_secrets_free(&client->secrets);
	return true;
}

void
stream_client_serve(stream_client *client, int timeout_ms)
{
	rd_kafka_poll(client->handle, timeout_ms);
}

bool
stream_client_take_error(stream_client *client, stream_error *error)
{
	for (int kind = STREAM_FATAL; kind > STREAM_NO_ERROR; kind--)
	{
		if (client->pending[kind].kind == STREAM_NO_ERROR)
			continue;
		*error = client->pending[kind];
		client->pending[kind].kind = STREAM_NO_ERROR;
		return true;
	}
	return false;
}

bool
stream_client_take_log(stream_client *client, char *line, size_t size)
{
	stream_log *log = &client->log;

	if (log->count == 0)
		return false;
	snprintf(line, size, "%s", log->lines[log->first]);
	log->first = (log->first + 1) % STREAM_LOG_LINES;
	log->count--;
	return true;
}

void
stream_client_describe(const stream_client *client, rd_kafka_resp_err_t code, int32_t partition,
					   const char *message, stream_error *error)
{
	char text[512];

	/* redacted before it is cut, or a part of a secret could stay */
	snprintf(text, sizeof(text), "%s", message);
	stream_secrets_redact(&client->secrets, text, sizeof(text));
	stream_fail(error, stream_error_kind_of(code), code, "", "%.*s",
				(int) sizeof(error->message) - 1, text);
	error->partition = partition;
}

bool
stream_client_fail(stream_client *client, rd_kafka_resp_err_t code, const char *doing,
				   stream_error *error)
{
	stream_error cause;
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", doing, rd_kafka_err2str(code));
	stream_client_describe(client, code, -1, text, error);
	if (error->kind != STREAM_BROKER_AWAY)
		return false;
	/* why the broker did not answer is known to the thread that tried */
	stream_client_serve(client, 0);
	if (stream_client_take_error(client, &cause))
		*error = cause;
	if (error->kind == STREAM_BROKER_AWAY && client->refusal.kind != STREAM_NO_ERROR)
		*error = client->refusal;
	return false;
}
