/*
 * setting.c
 *		Settings become a configuration of librdkafka, and secrets are kept out of
 *		texts.
 *
 * A user may pass almost any property of librdkafka.  Refused are those that
 * would break what this layer promises, and those with which librdkafka loads a
 * library or runs a shell command, as the program may be a database server:
 * Kerberos (GSSAPI) is refused for its kinit command.
 *
 * librdkafka's own error texts may quote a value.  So every text that leaves
 * this folder goes through stream_secrets_redact().
 */
#include "stream/setting.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stream/client.h"

#define REDACTED      "***"
#define SHORTEST_PART 4

/* A name that ends in '*' stands for all that begin so. */
static const char *const refused[] = {
	"auto.commit.enable",
	"auto.offset.reset",
	"bootstrap.servers",
	"debug",
	"enable.auto.commit",
	"enable.auto.offset.store",
	"enable.idempotence",
	"enable.partition.eof",
	"fetch.max.bytes",
	"fetch.message.max.bytes",
	"fetch.queue.backoff.ms",
	"isolation.level",
	"log.queue",
	"log_level",
	"max.partition.fetch.bytes",
	"max.poll.interval.ms",
	"metadata.broker.list",
	"plugin.library.paths",
	"queue.buffering.*",
	"queued.*",
	"sasl.kerberos.*",
	"ssl.engine.*",
	"statistics.interval.ms",
	"transactional.id",
};

/* Values of the last two groups: paths and mechanisms help who reads an error. */
static const char *const secret_words[] = {"password", "secret",       "token",    "credential",
										   ".pem",     "jaas",         "username", "ssl.key.",
										   "sasl.",    "ssl.keystore."};
static const char *const no_secrets[] = {
	"sasl.mechanism",          "sasl.mechanisms",
	"sasl.oauthbearer.method", "sasl.oauthbearer.token.endpoint.url",
	"ssl.key.location",        "ssl.keystore.location"};

static bool
matches(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);

	if (pattern[length - 1] == '*')
		return strncasecmp(pattern, name, length - 1) == 0;
	return strcasecmp(pattern, name) == 0;
}

bool
stream_setting_is_allowed(const char *name)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (matches(refused[i], name))
			return false;
	return true;
}

bool
stream_setting_is_secret(const char *name)
{
	for (size_t i = 0; i < sizeof(no_secrets) / sizeof(*no_secrets); i++)
		if (strcasecmp(no_secrets[i], name) == 0)
			return false;
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(*secret_words); i++)
		if (strcasestr(name, secret_words[i]) != NULL)
			return true;
	return false;
}

void
stream_secrets_free(stream_secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
	{
		explicit_bzero(secrets->values[i], strlen(secrets->values[i]));
		free(secrets->values[i]);
	}
	free(secrets->values);
	memset(secrets, 0, sizeof(*secrets));
}

static bool
secrets_collect(stream_secrets *secrets, stream_settings user)
{
	memset(secrets, 0, sizeof(*secrets));
	if (user.count == 0)
		return true;
	secrets->values = calloc(user.count, sizeof(*secrets->values));
	if (secrets->values == NULL)
		return false;
	for (size_t i = 0; i < user.count; i++)
	{
		if (!stream_setting_is_secret(user.settings[i].name) || !user.settings[i].value[0])
			continue;
		secrets->values[secrets->count] = strdup(user.settings[i].value);
		if (secrets->values[secrets->count] == NULL)
			return false;
		secrets->count++;
	}
	return true;
}

/* The replacement is never longer than what stays within size: the end is cut off. */
static void
redact_one(const char *secret, char *text, size_t size)
{
	size_t length = strlen(secret), mark = strlen(REDACTED);
	char *found = text;

	while ((found = strstr(found, secret)) != NULL)
	{
		size_t at = (size_t) (found - text), rest = strlen(found + length);

		if (at + mark >= size)
		{
			*found = '\0';
			return;
		}
		if (at + mark + rest >= size)
			rest = size - 1 - at - mark;
		memmove(found + mark, found + length, rest);
		memcpy(found, REDACTED, mark);
		found[mark + rest] = '\0';
		found += mark;
	}
}

/* A text that was cut may end in the begin of a secret. */
static void
redact_end(const char *secret, char *text)
{
	size_t length = strlen(text), most = strlen(secret);

	for (size_t part = most < length ? most : length; part >= SHORTEST_PART; part--)
		if (strncmp(text + length - part, secret, part) == 0)
		{
			text[length - part] = '\0';
			return;
		}
}

void
stream_secrets_redact(const stream_secrets *secrets, char *text, size_t size)
{
	for (size_t i = 0; i < secrets->count; i++)
	{
		redact_one(secrets->values[i], text, size);
		redact_end(secrets->values[i], text);
	}
}

bool
stream_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, stream_error *error)
{
	char reason[256];

	switch (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)))
	{
		case RD_KAFKA_CONF_OK:
			return true;
		case RD_KAFKA_CONF_UNKNOWN:
			return stream_fail(error, STREAM_BAD_SETTING, 0,
							   "The names are those of librdkafka's CONFIGURATION.md.",
							   "librdkafka has no setting \"%s\"", name);
		default:
			break;
	}
	/* the reason may quote a part of the value, which no redaction would find */
	if (stream_setting_is_secret(name))
		return stream_fail(error, STREAM_BAD_SETTING, 0, "", "the value of \"%s\" is not valid",
						   name);
	return stream_fail(error, STREAM_BAD_SETTING, 0, "", "the setting \"%s\" was refused: %s", name,
					   reason);
}

static bool
set_all(rd_kafka_conf_t *conf, stream_settings list, stream_error *error)
{
	for (size_t i = 0; i < list.count; i++)
		if (!stream_conf_set(conf, list.settings[i].name, list.settings[i].value, error))
			return false;
	return true;
}

static const char *
value_of(stream_settings list, const char *name)
{
	for (size_t i = 0; i < list.count; i++)
		if (strcasecmp(list.settings[i].name, name) == 0)
			return list.settings[i].value;
	return NULL;
}

static bool
refuse_names(stream_settings user, stream_error *error)
{
	for (size_t i = 0; i < user.count; i++)
		if (!stream_setting_is_allowed(user.settings[i].name))
			return stream_fail(error, STREAM_BAD_SETTING, 0,
							   "It is set by the program itself, or would load or run other code.",
							   "the setting \"%s\" may not be given", user.settings[i].name);
	return true;
}

/* librdkafka's own default mechanism is GSSAPI, which runs a command. */
static bool
choose_mechanism(rd_kafka_conf_t *conf, stream_settings user, stream_error *error)
{
	const char *protocol = value_of(user, "security.protocol");
	const char *mechanism = value_of(user, "sasl.mechanisms");

	if (mechanism == NULL)
		mechanism = value_of(user, "sasl.mechanism");
	if (mechanism != NULL && strcasecmp(mechanism, "GSSAPI") == 0)
		return stream_fail(error, STREAM_BAD_SETTING, 0,
						   "Use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.",
						   "the SASL mechanism GSSAPI is not supported");
	if (mechanism == NULL && protocol != NULL && strncasecmp(protocol, "sasl", 4) == 0)
		return stream_conf_set(conf, "sasl.mechanisms", "PLAIN", error);
	return true;
}

rd_kafka_conf_t *
stream_conf_create(stream_settings defaults, stream_settings user, stream_settings fixed,
				   stream_secrets *secrets, stream_error *error)
{
	rd_kafka_conf_t *conf;

	if (!secrets_collect(secrets, user))
	{
		stream_fail(error, STREAM_OUT_OF_MEMORY, 0, "", "out of memory");
		return NULL;
	}
	conf = rd_kafka_conf_new();
	if (refuse_names(user, error) && set_all(conf, defaults, error) &&
		choose_mechanism(conf, user, error) && set_all(conf, user, error) &&
		set_all(conf, fixed, error))
		return conf;
	stream_secrets_redact(secrets, error->message, sizeof(error->message));
	rd_kafka_conf_destroy(conf);
	return NULL;
}
