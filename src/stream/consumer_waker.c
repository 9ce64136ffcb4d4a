/*
 * consumer_waker.c
 *		Keeps librdkafka fetching while its queue is kept small.
 *
 * What wakes every broker's thread without a request to a broker is, in the
 * public interface, rd_kafka_sasl_set_credentials().  It is given what was set
 * already; without SASL nothing reads it.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stream/consumer_state.h"

/* fetch.queue.backoff.ms came with this one. */
#define VERSION_WITH_BACKOFF 0x02020000

/* How often in the time that a full queue takes to be polled. */
#define PARTS 4

static char *
copy_setting(const stream_consumer_options *options, const char *name)
{
	for (size_t i = options->setting_count; i-- > 0;)
		if (strcasecmp(options->settings[i].name, name) == 0)
			return strdup(options->settings[i].value);
	return strdup("");
}

bool
consumer_waker_init(consumer_waker *waker, const stream_consumer_options *options,
					size_t queue_bytes, size_t queue_messages)
{
	waker->every_bytes = queue_bytes / PARTS;
	waker->every_messages = queue_messages / PARTS;
	waker->username = copy_setting(options, "sasl.username");
	waker->password = copy_setting(options, "sasl.password");
	return waker->username != NULL && waker->password != NULL;
}

void
consumer_waker_free(consumer_waker *waker)
{
	if (waker->password != NULL)
		explicit_bzero(waker->password, strlen(waker->password));
	free(waker->username);
	free(waker->password);
}

void
consumer_waker_count(stream_consumer *consumer, size_t bytes)
{
	consumer_waker *waker = &consumer->waker;

	waker->bytes += bytes;
	waker->messages++;
	if (waker->bytes < waker->every_bytes && waker->messages < waker->every_messages)
		return;
	waker->bytes = 0;
	waker->messages = 0;
	if (rd_kafka_version() < VERSION_WITH_BACKOFF)
		rd_kafka_error_destroy(rd_kafka_sasl_set_credentials(consumer->client.handle,
															 waker->username, waker->password));
}
