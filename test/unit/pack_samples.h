/*
 * pack_samples.h
 *		Random windows for tests of packs: of all shapes, times and sizes.
 */
#ifndef TOPOLOGY_TEST_PACK_SAMPLES_H
#define TOPOLOGY_TEST_PACK_SAMPLES_H

#include "store/pack.h"

/* The span of the packs. */
#define SAMPLE_BEGIN  INT64_C(658972800000000)
#define SAMPLE_LENGTH INT64_C(60000000)

#define SAMPLE_WAYS 4

typedef struct sample
{
	pack_window window;
	int64_t via[SAMPLE_WAYS];
	traffic_value traffic;
} sample;

/* xorshift64: the same numbers in every run.  The state is any but 0. */
extern uint64_t next_random(uint64_t *state);

/* Of any size, mostly small. */
extern uint64_t any_number(uint64_t *state);

/* A window between two nodes, of any kind.  Its traffic is yours to clear. */
extern void sample_fill(sample *s, int64_t src, int64_t dst, uint64_t *state);

extern void samples_clear(sample *samples, int count);

/* The pack of samples, in memory of just its size, which you free. */
extern uint8_t *samples_pack(pack_writer *writer, const sample *samples, int count, size_t *length);

/* Fail the test unless what was read, or given, is the sample. */
extern void assert_read(const pack_reader *reader, const sample *s);
extern void assert_window(const pack_window *window, const int64_t *via,
						  const traffic_value *traffic, const sample *s);

#endif /* TOPOLOGY_TEST_PACK_SAMPLES_H */
