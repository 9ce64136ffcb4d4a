/*
 * setting.h
 *		Settings become a configuration of librdkafka, and secrets are kept out of
 *		texts.  For this folder only.
 */
#ifndef TOPOLOGY_STREAM_SETTING_H
#define TOPOLOGY_STREAM_SETTING_H

#include <librdkafka/rdkafka.h>

#include "stream/stream.h"

/* Copies of the values that no text may hold. */
typedef struct stream_secrets
{
	char **values;
	size_t count;
} stream_secrets;

/* A list of settings, as given by a caller. */
typedef struct stream_settings
{
	const stream_setting *settings;
	size_t count;
} stream_settings;

/*
 * A configuration: defaults, then the user's settings, then those that cannot
 * be changed.  NULL on failure with error filled in; secrets is filled in
 * either way, and the caller frees it.  The caller owns the result until
 * rd_kafka_new() took it.
 */
extern rd_kafka_conf_t *stream_conf_create(stream_settings defaults, stream_settings user,
										   stream_settings fixed, stream_secrets *secrets,
										   stream_error *error);

extern void stream_secrets_free(stream_secrets *secrets);

/* Replace every secret in text, which has room for size bytes, in place. */
extern void stream_secrets_redact(const stream_secrets *secrets, char *text, size_t size);

/* Set one property; on failure, error says why without showing a secret. */
extern bool stream_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
							stream_error *error);

#endif /* TOPOLOGY_STREAM_SETTING_H */
