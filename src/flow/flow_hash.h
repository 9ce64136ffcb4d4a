/*
 * flow_hash.h
 *		A keyed hash of words and texts, for tables in memory only.
 *
 * Whoever sends traffic chooses addresses and ports, and so the keys of our
 * tables; a secret drawn for each table keeps him from choosing keys that
 * collide.  Each word is multiplied with the secret to 128 bits, whose halves
 * are folded together.
 */
#ifndef TOPOLOGY_FLOW_HASH_H
#define TOPOLOGY_FLOW_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct flow_hash_secret
{
	uint64_t start;
	uint64_t multiplier; /* odd */
} flow_hash_secret;

extern flow_hash_secret flow_hash_secret_draw(void);

static inline uint64_t
flow_hash_word(const flow_hash_secret *secret, uint64_t hash, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128) (hash ^ word) * secret->multiplier;

	return (uint64_t) product ^ (uint64_t) (product >> 64) ^ secret->start;
}

static inline uint64_t
flow_hash_bytes(const flow_hash_secret *secret, uint64_t hash, const void *bytes, size_t length)
{
	const char *rest = bytes;
	uint64_t word;

	hash = flow_hash_word(secret, hash, length);
	for (; length >= sizeof(word); rest += sizeof(word), length -= sizeof(word))
	{
		memcpy(&word, rest, sizeof(word));
		hash = flow_hash_word(secret, hash, word);
	}
	word = 0;
	memcpy(&word, rest, length);
	return flow_hash_word(secret, hash, word);
}

#endif /* TOPOLOGY_FLOW_HASH_H */
