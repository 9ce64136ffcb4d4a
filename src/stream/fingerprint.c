/*
 * fingerprint.c
 *		Recognises a record that was read before.
 *
 * librdkafka 2.0 knows no topic ids.  A topic of the same name that was made
 * again differs in the record at a given offset, if only in its time.
 *
 * The mixing step is that of splitmix64 (Steele, Lea, Flood 2014).  It guards
 * against mistakes, not against an attacker.
 */
#include "stream/consumer_state.h"

/* Of a key, and of either end of a payload. */
#define SAMPLE 64

static uint64_t
mix(uint64_t state, uint64_t word)
{
	state = (state ^ word) + 0x9e3779b97f4a7c15U;
	state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9U;
	state = (state ^ (state >> 27)) * 0x94d049bb133111ebU;
	return state ^ (state >> 31);
}

/* Bytes as little-endian words, the last one filled with zeros. */
static uint64_t
mix_bytes(uint64_t state, const unsigned char *bytes, size_t length)
{
	uint64_t word = 0;

	for (size_t i = 0; i < length; i++)
	{
		word |= (uint64_t) bytes[i] << (8 * (i % 8));
		if (i % 8 == 7 || i == length - 1)
		{
			state = mix(state, word);
			word = 0;
		}
	}
	return state;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

uint64_t
consumer_fingerprint(const stream_message *message)
{
	size_t half = smaller(message->payload_length, SAMPLE / 2);
	const unsigned char *payload = message->payload;
	uint64_t state = mix(0, (uint64_t) message->timestamp_ms);

	state = mix(state, message->key == NULL ? UINT64_MAX : message->key_length);
	state = mix(state, payload == NULL ? UINT64_MAX : message->payload_length);
	state = mix_bytes(state, message->key, smaller(message->key_length, SAMPLE));
	if (half == 0)
		return state;
	state = mix_bytes(state, payload, half);
	return mix_bytes(state, payload + message->payload_length - half, half);
}
