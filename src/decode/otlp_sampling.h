/*
 * otlp_sampling.h
 *		How many operations a sampled span stands for.
 */
#ifndef TOPOLOGY_DECODE_OTLP_SAMPLING_H
#define TOPOLOGY_DECODE_OTLP_SAMPLING_H

#include "decode/otlp_meaning.h"

/*
 * 1 over the probability with which a span was sampled, as otlp_meaning.h says.
 *
 * ot=th:H is the threshold of consistent probability sampling, up to 14
 * hexadecimal digits of a fraction T of 1: the span was kept with probability
 * 1 - T.  ot=p:N is what came before it: kept with probability 2^-N, and N = 63
 * a span that counts for none.  SampleRate N: one of N was kept.
 */
extern double otlp_adjusted_count(flow_text trace_state, const otlp_attributes *attributes);

#endif /* TOPOLOGY_DECODE_OTLP_SAMPLING_H */
