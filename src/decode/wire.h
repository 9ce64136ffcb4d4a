/*
 * wire.h
 *		The wire format of Protocol Buffers, read in place.
 *
 * Why not a library: protobuf-c and the like build a tree of the whole message
 * on the heap before the first record can be used, from code generated after
 * .proto files that are not ours.  What OTLP needs of the format is four kinds
 * of fields; this reader gives them one by one, copies and allocates nothing,
 * and cannot recurse: a message in a message is another reader over its bytes.
 */
#ifndef TOPOLOGY_DECODE_WIRE_H
#define TOPOLOGY_DECODE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/decode.h"

typedef enum wire_type
{
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2, /* a string, bytes, a message, or packed numbers */
	WIRE_FIXED32 = 5
} wire_type;

/* One field: bytes for WIRE_BYTES, value for the others. */
typedef struct wire_field
{
	uint32_t number;
	wire_type type;
	uint64_t value;
	flow_text bytes;
} wire_field;

/* error is filled once, by the first reader of a payload that fails. */
typedef struct wire_reader
{
	const uint8_t *payload; /* where offsets in errors count from */
	const uint8_t *at;
	const uint8_t *end;
	const char *path; /* of the message, for errors */
	decode_error *error;
} wire_reader;

extern wire_reader wire_reader_of(const char *payload, size_t length, const char *path,
								  decode_error *error);

/* The message in a field of WIRE_BYTES of reader's message. */
extern wire_reader wire_reader_within(const wire_reader *reader, const wire_field *field,
									  const char *path);

/*
 * Read the next field.  False: at the end, or error is filled, which
 * wire_reader_failed tells: it ends too early, a varint has more than ten bytes
 * or 64 bits, a field's number is 0, its type is a group or unknown.
 */
extern bool wire_reader_next(wire_reader *reader, wire_field *field);
extern bool wire_reader_failed(const wire_reader *reader);

/*
 * Whether a field is of the type that it must be; else error says so, with its
 * path, and the reader has failed.
 */
extern bool wire_expect(wire_reader *reader, const wire_field *field, wire_type type,
						const char *path);

/* Fail with a message about a field of that path. */
extern void wire_fail(wire_reader *reader, const char *path, const char *message);

/*
 * The numbers of a repeated field, one or packed: hand each to add.  type is
 * that of a single one.  False: failed, or add refused.
 */
extern bool wire_each_number(wire_reader *reader, const wire_field *field, wire_type type,
							 const char *path, bool (*add)(void *context, uint64_t number),
							 void *context);

/* A value as double, and one that is zigzag-encoded (sint32, sint64). */
extern double wire_double(uint64_t value);
extern int64_t wire_zigzag(uint64_t value);

#endif /* TOPOLOGY_DECODE_WIRE_H */
