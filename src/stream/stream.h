/*
 * stream.h
 *		What the Kafka consumer and the producer share: settings and errors.
 *
 * Both are thin, exact layers over librdkafka (2.0 or newer).  librdkafka runs
 * threads of its own; none of them calls back into the program: whatever they
 * have to say waits in queues until the owner calls a function here.  So an
 * object belongs to one thread, and no signal of the program's is delivered to
 * another.  Never fork after one was opened.
 */
#ifndef TOPOLOGY_STREAM_H
#define TOPOLOGY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A property of librdkafka by its own name, without any prefix. */
typedef struct stream_setting
{
	const char *name;
	const char *value;
} stream_setting;

/* Why something failed, by what can be done about it. */
typedef enum stream_error_kind
{
	STREAM_NO_ERROR,
	STREAM_BAD_SETTING,     /* an option or setting was refused: stop */
	STREAM_OUT_OF_MEMORY,   /* stop, or try later */
	STREAM_BROKER_AWAY,     /* passes by itself: librdkafka keeps trying */
	STREAM_TLS,             /* librdkafka keeps trying; likely stays until someone acts */
	STREAM_AUTHENTICATION,  /* the same */
	STREAM_AUTHORIZATION,   /* the same */
	STREAM_UNKNOWN_TOPIC,   /* passes when the topic is made */
	STREAM_OFFSET_GONE,     /* records between the position and the topic's begin were removed */
	STREAM_TOPIC_RECREATED, /* the topic, or the cluster, is not the one that was read before */
	STREAM_BAD_MESSAGE,     /* a record or batch that librdkafka cannot read */
	STREAM_FATAL            /* this object is of no more use: close it, open another */
} stream_error_kind;

#define STREAM_ERROR_KINDS (STREAM_FATAL + 1)

/*
 * No text here ever holds the value of a secret setting.  code is librdkafka's,
 * 0 without one; partition is -1 where no one partition is concerned; hint says
 * what to do, "" if unknown.
 */
typedef struct stream_error
{
	stream_error_kind kind;
	int code;
	int32_t partition;
	char message[448];
	char hint[192];
} stream_error;

/* Whether waiting alone may help, so that the owner need not give up. */
extern bool stream_error_may_pass(stream_error_kind kind);

/* "broker away", "authentication", ...: for logs and tests. */
extern const char *stream_error_kind_name(stream_error_kind kind);

/* Whether the value of this setting may be shown to nobody. */
extern bool stream_setting_is_secret(const char *name);

/*
 * Whether a user may give this setting.  Refused are those that this layer
 * depends on, those that its memory bound depends on, and those that load
 * code or run commands.
 */
extern bool stream_setting_is_allowed(const char *name);

#endif /* TOPOLOGY_STREAM_H */
