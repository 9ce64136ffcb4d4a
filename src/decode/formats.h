/*
 * formats.h
 *		Every format by its name: what it is and how it is decoded.
 */
#ifndef TOPOLOGY_DECODE_FORMATS_H
#define TOPOLOGY_DECODE_FORMATS_H

#include "decode/decode.h"

/* What records a format has. */
typedef enum decode_kind
{
	DECODE_FLOWS,
	DECODE_CALLS,
	DECODE_SPANS
} decode_kind;

typedef struct decode_format
{
	const char *name;
	const char *description; /* one line, for users */
	decode_kind kind;        /* which of these it is decoded by */
	union
	{
		decode_flows flows;
		decode_calls calls;
		decode_spans spans;
	};
} decode_format;

/* The format of a name, or NULL. */
extern const decode_format *decode_format_find(const char *name);

/* The formats in the order in which they are listed, 0 <= index < count. */
extern size_t decode_format_count(void);
extern const decode_format *decode_format_at(size_t index);

#endif /* TOPOLOGY_DECODE_FORMATS_H */
