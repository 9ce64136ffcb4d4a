/*
 * time.h
 *		Times as text.
 */
#ifndef TOPOLOGY_DECODE_TIME_H
#define TOPOLOGY_DECODE_TIME_H

#include "decode/decode.h"

#define DECODE_NS_PER_SECOND INT64_C(1000000000)

/*
 * Read a time after RFC 3339, such as 2023-11-14T22:13:20.5+01:00, as Unix
 * nanoseconds; digits beyond nanoseconds are dropped, a leap second is the one
 * after it.  False: it is none, or not between the years 1678 and 2261, and ns
 * is untouched.
 */
extern bool decode_time(flow_text text, int64_t *ns);

#endif /* TOPOLOGY_DECODE_TIME_H */
