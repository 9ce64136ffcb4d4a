/*
 * flow_hash.c
 *		The secret of a keyed hash.
 */
#include "flow/flow_hash.h"

#include <sys/random.h>

flow_hash_secret
flow_hash_secret_draw(void)
{
	/* The bits of pi and e, for the kernel that has no entropy yet. */
	flow_hash_secret secret = {UINT64_C(0x243f6a8885a308d3), UINT64_C(0xb7e151628aed2a6a)};
	flow_hash_secret drawn;

	if (getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) == (ssize_t) sizeof(drawn))
		secret = drawn;
	secret.multiplier |= 1;
	return secret;
}
