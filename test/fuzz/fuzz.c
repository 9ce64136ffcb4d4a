/*
 * fuzz.c
 *		What fuzz targets require of what they are given.
 *
 * UTF-8 is checked here anew, not by the code under test.
 */
#include "fuzz.h"

#include <string.h>

/* The length of the UTF-8 character at text, NUL-terminated; 0 if malformed. */
static size_t
character_length(const unsigned char *text)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	uint32_t code = length == 1 ? text[0] : text[0] & (0xffu >> (length + 1));

	if ((text[0] >= 0x80 && text[0] < 0xc0) || text[0] >= 0xf8)
		return 0;
	for (size_t i = 1; i < length; i++)
	{
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

static bool
is_control(const unsigned char *text)
{
	return text[0] < 0x20 || text[0] == 0x7f || (text[0] == 0xc2 && text[1] < 0xa0);
}

static void
require_printable(const char *text, size_t room)
{
	const unsigned char *at = (const unsigned char *) text;

	REQUIRE(memchr(text, '\0', room) != NULL);
	while (*at != '\0')
	{
		size_t length = character_length(at);

		REQUIRE(length > 0 && !is_control(at));
		at += length;
	}
}

void
require_error(const decode_error *error)
{
	REQUIRE(error->message[0] != '\0');
	require_printable(error->field, sizeof(error->field));
	require_printable(error->message, sizeof(error->message));
}

static void
require_text(flow_text text)
{
	char copy[DECODE_MAX_TEXT + 1] = "";
	const unsigned char *at = (const unsigned char *) copy;

	REQUIRE((text.data == NULL) == (text.length == 0));
	REQUIRE(text.length <= DECODE_MAX_TEXT);
	if (text.data == NULL)
		return;
	REQUIRE(memchr(text.data, '\0', text.length) == NULL);
	memcpy(copy, text.data, text.length);
	while (*at != '\0')
	{
		size_t length = character_length(at);

		REQUIRE(length > 0);
		at += length;
	}
}

static void
require_address(flow_address address)
{
	REQUIRE(address.family == 4 || address.family == 6);
}

void
require_flow(const flow_record *record)
{
	const flow_counters *counters = &record->counters;

	REQUIRE(record->start_ns <= record->end_ns);
	REQUIRE(record->protocol == FLOW_PROTOCOL_TCP || record->protocol == FLOW_PROTOCOL_UDP);
	REQUIRE(record->role <= FLOW_ROLE_FORWARDER);
	REQUIRE(record->role != FLOW_ROLE_FORWARDER || record->nat_local.family != 0 ||
			record->nat_peer.family != 0);
	require_address(record->local);
	require_address(record->peer);
	REQUIRE(record->nat_local.family != 0 || record->nat_local_port == 0);
	REQUIRE(record->nat_peer.family != 0 || record->nat_peer_port == 0);
	REQUIRE(counters->connections <= FLOW_COUNTER_MAX && counters->failed <= FLOW_COUNTER_MAX);
	REQUIRE(counters->tx_bytes <= FLOW_COUNTER_MAX && counters->rx_bytes <= FLOW_COUNTER_MAX);
	REQUIRE(counters->tx_packets <= FLOW_COUNTER_MAX && counters->rx_packets <= FLOW_COUNTER_MAX);
	REQUIRE(counters->rtt_sum_us == 0 || counters->rtt_samples > 0);
	REQUIRE(counters->rtt_samples <= FLOW_COUNTER_MAX);
	require_text(record->host);
	require_text(record->app);
	require_text(record->cluster);
	require_text(record->instance);
	require_text(record->region);
	require_text(record->scope);
}

static bool
is_zero(const uint8_t *bytes, size_t length)
{
	while (length > 0)
		if (bytes[--length] != 0)
			return false;
	return true;
}

void
require_span(const span_record *record)
{
	REQUIRE(!is_zero(record->trace_id, sizeof(record->trace_id)));
	REQUIRE(!is_zero(record->span_id, sizeof(record->span_id)));
	REQUIRE(record->has_parent != is_zero(record->parent_span_id, sizeof(record->parent_span_id)));
	REQUIRE(record->start_ns > 0 && record->start_ns <= record->end_ns);
	REQUIRE(record->has_end || record->end_ns == record->start_ns);
	REQUIRE(record->kind <= SPAN_KIND_CONSUMER);
	REQUIRE(record->adjusted_count == 0 ||
			(record->adjusted_count >= 1 && record->adjusted_count <= SPAN_MAX_ADJUSTED_COUNT));
	REQUIRE(record->peer_kind <= SPAN_PEER_EXTERNAL);
	REQUIRE((record->peer_kind == SPAN_PEER_NONE) == (record->peer.data == NULL));
	require_text(record->service);
	require_text(record->cluster);
	require_text(record->instance);
	require_text(record->name);
	require_text(record->endpoint);
	require_text(record->peer);
}

static void
require_buckets(const call_record *record)
{
	uint64_t count = 0;

	REQUIRE(record->bucket_count <= CALL_MAX_BUCKETS);
	for (uint32_t i = 0; i < record->bucket_count; i++)
	{
		const call_bucket *bucket = &record->buckets[i];

		REQUIRE(bucket->count > 0 && bucket->value_ns <= FLOW_COUNTER_MAX);
		REQUIRE(i == 0 || bucket[-1].value_ns <= bucket->value_ns);
		count += bucket->count;
		REQUIRE(count <= FLOW_COUNTER_MAX);
	}
	REQUIRE(count == record->latency_count);
}

void
require_call(const call_record *record)
{
	REQUIRE(record->start_ns <= record->end_ns);
	REQUIRE(record->side <= CALL_SIDE_SERVER);
	REQUIRE(record->client_kind <= SPAN_PEER_EXTERNAL && record->server_kind <= SPAN_PEER_EXTERNAL);
	REQUIRE((record->client_kind == SPAN_PEER_NONE) == (record->client.data == NULL));
	REQUIRE((record->server_kind == SPAN_PEER_NONE) == (record->server.data == NULL));
	REQUIRE(record->requests <= FLOW_COUNTER_MAX && record->errors <= record->requests);
	REQUIRE(record->latency_sum_ns <= FLOW_COUNTER_MAX);
	require_buckets(record);
	require_text(record->client);
	require_text(record->server);
	require_text(record->client_cluster);
	require_text(record->server_cluster);
	require_text(record->protocol);
	require_text(record->endpoint);
}
