/*
 * fuzz.h
 *		What fuzz targets require of what they are given.
 */
#ifndef TOPOLOGY_FUZZ_H
#define TOPOLOGY_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "decode/decode.h"

#define REQUIRE(condition)                                                                         \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

/* A record is as its header promises. */
extern void require_flow(const flow_record *record);
extern void require_span(const span_record *record);
extern void require_call(const call_record *record);

/* An error is filled, and can be shown to anybody. */
extern void require_error(const decode_error *error);

#endif /* TOPOLOGY_FUZZ_H */
