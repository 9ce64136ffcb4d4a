/*
 * capture_record.c
 *		From the kernel's event to the flow record that all sources share.
 *
 * Events carry CLOCK_BOOTTIME, records Unix time.  Their difference is measured
 * once a batch: a clock that is being set moves whole batches, never the begin
 * of an event against its end.
 */
#include "capture/capture_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flow/flow_address.h"
#include "flow/utf8.h"

#define NANOSECONDS INT64_C(1000000000)

struct capture_recorder
{
	identity_rules *rules;
	process_identities *identities;
	int64_t unix_minus_boot; /* ns */
	char host[128];
	char region[128];
	char scope[128];
};

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NANOSECONDS + now.tv_nsec;
}

static void
set_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
	utf8_make_printable(to);
}

static bool
set_host(capture_recorder *recorder, const char *host)
{
	if (host == NULL)
	{
		if (gethostname(recorder->host, sizeof(recorder->host) - 1) != 0)
			return false;
		utf8_make_printable(recorder->host);
	}
	else
		set_text(recorder->host, sizeof(recorder->host), host);
	return true;
}

static bool
set_rules(capture_recorder *recorder, const char *text, capture_error *error)
{
	identity_rules_error wrong;

	recorder->rules = identity_rules_parse(text != NULL ? text : identity_rules_default(), &wrong);
	if (recorder->rules != NULL)
		return true;
	if (wrong.line == 0)
		return capture_fail(error, ENOMEM, "", "%s", wrong.message);
	return capture_fail(error, EINVAL, "A rule is: target attribute expression template.",
						"identity rule %d: %s", wrong.line, wrong.message);
}

static bool
set_up(capture_recorder *recorder, int process_map, const capture_recorder_options *options,
	   capture_error *error)
{
	if (!set_host(recorder, options->host))
		return capture_fail(error, errno, "", "could not get the host's name");
	set_text(recorder->region, sizeof(recorder->region), options->region);
	set_text(recorder->scope, sizeof(recorder->scope), options->scope);
	if (!set_rules(recorder, options->rules, error))
		return false;
	recorder->identities = process_identities_create(process_map, recorder->host, recorder->rules);
	return recorder->identities != NULL || capture_fail(error, ENOMEM, "", "out of memory");
}

capture_recorder *
capture_recorder_create(int process_map, const capture_recorder_options *options,
						capture_error *error)
{
	capture_recorder *recorder = calloc(1, sizeof(*recorder));

	if (recorder == NULL)
		capture_fail(error, ENOMEM, "", "out of memory");
	else if (set_up(recorder, process_map, options, error))
	{
		capture_recorder_begin(recorder);
		return recorder;
	}
	capture_recorder_free(recorder);
	return NULL;
}

void
capture_recorder_free(capture_recorder *recorder)
{
	if (recorder == NULL)
		return;
	process_identities_free(recorder->identities);
	identity_rules_free(recorder->rules);
	free(recorder);
}

void
capture_recorder_begin(capture_recorder *recorder)
{
	recorder->unix_minus_boot = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
	process_identities_begin(recorder->identities);
}

static flow_text
text_of(const char *text)
{
	if (text[0] == '\0')
		return (flow_text){0};
	return (flow_text){.data = text, .length = (uint32_t) strlen(text)};
}

flow_text
capture_recorder_host(const capture_recorder *recorder)
{
	return text_of(recorder->host);
}

const process_identity *
capture_recorder_identity(capture_recorder *recorder, const struct flow_event *event)
{
	return process_identities_find(recorder->identities, event);
}

static flow_address
address_of(uint8_t family, const uint8_t *bytes)
{
	flow_address address = {.family = family};

	memcpy(address.bytes, bytes, family == 4 ? 4 : sizeof(address.bytes));
	return address;
}

static void
count(const struct flow_event *event, flow_counters *counters)
{
	*counters = (flow_counters){.connections = event->connections,
								.failed = event->failed,
								.tx_bytes = event->tx_bytes,
								.rx_bytes = event->rx_bytes,
								.tx_packets = event->tx_packets,
								.rx_packets = event->rx_packets,
								.retransmits = event->retransmits,
								.rtt_sum_us = event->rtt_us,
								.rtt_samples = event->rtt_us > 0};
}

static bool
has_loopback(const flow_record *record)
{
	return flow_address_is_loopback(&record->local) || flow_address_is_loopback(&record->peer) ||
		   flow_address_is_loopback(&record->nat_local) ||
		   flow_address_is_loopback(&record->nat_peer);
}

/* A forwarder's record is of no process here. */
static bool
describe_local(capture_recorder *recorder, const struct flow_event *event, flow_record *record)
{
	const process_identity *identity;

	record->host = text_of(recorder->host);
	record->region = text_of(recorder->region);
	record->scope = text_of(recorder->scope);
	if (record->role == FLOW_ROLE_FORWARDER)
		return true;
	identity = process_identities_find(recorder->identities, event);
	if (identity == NULL)
		return false;
	record->app = text_of(identity->app);
	record->cluster = text_of(identity->cluster);
	record->instance = text_of(identity->instance);
	if (has_loopback(record))
		record->scope = text_of(identity->loopback_scope);
	return true;
}

static void
set_translation(const struct flow_tuple *translated, flow_record *record)
{
	if (translated->family == 0)
		return;
	record->nat_local = address_of(translated->family, translated->local);
	record->nat_peer = address_of(translated->family, translated->peer);
	record->nat_local_port = translated->local_port;
	record->nat_peer_port = translated->peer_port;
	flow_record_settle_translation(record);
}

bool
capture_recorder_record(capture_recorder *recorder, const struct flow_event *event,
						flow_record *record)
{
	*record = (flow_record){.start_ns = (int64_t) event->start_ns + recorder->unix_minus_boot,
							.end_ns = (int64_t) event->end_ns + recorder->unix_minus_boot,
							.protocol = event->protocol,
							.role = event->role,
							.local = address_of(event->family, event->local),
							.peer = address_of(event->family, event->peer),
							.local_port = event->local_port,
							.peer_port = event->peer_port};
	set_translation(&event->translated, record);
	count(event, &record->counters);
	return describe_local(recorder, event, record);
}
