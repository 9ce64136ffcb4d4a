/*
 * option_values.h
 *		Values of options of the command line: numbers, sizes, times.
 *
 * Each prints what was expected and returns false where the text is none.
 */
#ifndef TOPOLOGY_OPTION_VALUES_H
#define TOPOLOGY_OPTION_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/* Print "--option "value": expected ..."; returns false. */
extern bool option_refuse(const char *option, const char *value, const char *expected);

/* A whole number, least to most. */
extern bool option_number(const char *option, const char *text, uint64_t least, uint64_t most,
						  uint64_t *number);

/* Bytes, 1 to 1024 MB: a number and one of the units B, kB, MB, or none. */
extern bool option_size(const char *option, const char *text, uint64_t *bytes);

/* Whole seconds, 1 to 86400; in nanoseconds. */
extern bool option_seconds(const char *option, const char *text, uint64_t *ns);

/* Seconds, which may have a fraction, least_ms to most_ms; in milliseconds. */
extern bool option_fraction(const char *option, const char *text, int64_t least_ms, int64_t most_ms,
							int64_t *ms);

#endif /* TOPOLOGY_OPTION_VALUES_H */
