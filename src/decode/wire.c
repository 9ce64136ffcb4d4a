/*
 * wire.c
 *		The wire format of Protocol Buffers, read in place.
 *
 * After the encoding guide of Protocol Buffers.  Owns no memory.
 */
#include "decode/wire.h"

#include <string.h>

static const char ends_too_early[] = "it ends too early";
static const char bad_varint[] = "a varint of more than 64 bits";

wire_reader
wire_reader_of(const char *payload, size_t length, const char *path, decode_error *error)
{
	/* No payload has no bytes, but a pointer that can be added to. */
	const uint8_t *bytes = (const uint8_t *) (payload != NULL ? payload : "");

	return (wire_reader){bytes, bytes, bytes + length, path, error};
}

wire_reader
wire_reader_within(const wire_reader *reader, const wire_field *field, const char *path)
{
	const uint8_t *bytes = (const uint8_t *) field->bytes.data;

	return (wire_reader){reader->payload, bytes, bytes + field->bytes.length, path, reader->error};
}

bool
wire_reader_failed(const wire_reader *reader)
{
	return reader->error->message[0] != '\0';
}

void
wire_fail(wire_reader *reader, const char *path, const char *message)
{
	decode_error_set(reader->error, path, "%s", message);
	reader->at = reader->end;
}

/* Fail at a byte of the payload. */
static bool
fail_at(wire_reader *reader, const uint8_t *at, const char *what)
{
	decode_error_set(reader->error, reader->path, "invalid protobuf at byte %zu: %s",
					 (size_t) (at - reader->payload) + 1, what);
	reader->at = reader->end;
	return false;
}

static bool
read_long_varint(wire_reader *reader, uint64_t *value)
{
	const uint8_t *start = reader->at;
	uint64_t total = 0;

	for (unsigned shift = 0; shift < 64; shift += 7)
	{
		uint8_t byte;

		if (reader->at == reader->end)
			return fail_at(reader, reader->end, ends_too_early);
		byte = *reader->at++;
		/* Of the tenth byte there is room for one bit. */
		if (shift == 63 && byte > 1)
			break;
		total |= (uint64_t) (byte & 0x7f) << shift;
		if (!(byte & 0x80))
		{
			*value = total;
			return true;
		}
	}
	return fail_at(reader, start, bad_varint);
}

/* Nearly all are of one byte. */
static inline bool
read_varint(wire_reader *reader, uint64_t *value)
{
	if (reader->at == reader->end || (*reader->at & 0x80))
		return read_long_varint(reader, value);
	*value = *reader->at++;
	return true;
}

/* Little-endian, on any machine. */
static bool
read_fixed(wire_reader *reader, unsigned size, uint64_t *value)
{
	if ((size_t) (reader->end - reader->at) < size)
		return fail_at(reader, reader->end, ends_too_early);
	*value = 0;
	for (unsigned i = 0; i < size; i++)
		*value |= (uint64_t) reader->at[i] << 8 * i;
	reader->at += size;
	return true;
}

static bool
read_bytes(wire_reader *reader, flow_text *bytes)
{
	uint64_t length;

	if (!read_varint(reader, &length))
		return false;
	if (length > (uint64_t) (reader->end - reader->at))
		return fail_at(reader, reader->end, ends_too_early);
	*bytes = (flow_text){(const char *) reader->at, (uint32_t) length};
	reader->at += length;
	return true;
}

static bool
read_value(wire_reader *reader, wire_field *field)
{
	switch (field->type)
	{
		case WIRE_VARINT:
			return read_varint(reader, &field->value);
		case WIRE_FIXED64:
			return read_fixed(reader, 8, &field->value);
		case WIRE_FIXED32:
			return read_fixed(reader, 4, &field->value);
		case WIRE_BYTES:
			return read_bytes(reader, &field->bytes);
	}
	return false;
}

bool
wire_reader_next(wire_reader *reader, wire_field *field)
{
	const uint8_t *start = reader->at;
	uint64_t tag;

	if (start == reader->end || !read_varint(reader, &tag))
		return false;
	if (tag >> 3 == 0 || tag > UINT32_MAX)
		return fail_at(reader, start, "a field number that there is not");
	field->number = (uint32_t) (tag >> 3);
	field->type = (wire_type) (tag & 7);
	if (field->type > WIRE_BYTES && field->type != WIRE_FIXED32)
		return fail_at(reader, start, "a field of a type that there is not");
	return read_value(reader, field);
}

bool
wire_expect(wire_reader *reader, const wire_field *field, wire_type type, const char *path)
{
	if (field->type == type)
		return true;
	wire_fail(reader, path, "is of the wrong wire type");
	return false;
}

static bool
read_number(wire_reader *reader, wire_type type, uint64_t *number)
{
	if (type == WIRE_VARINT)
		return read_varint(reader, number);
	return read_fixed(reader, type == WIRE_FIXED64 ? 8 : 4, number);
}

bool
wire_each_number(wire_reader *reader, const wire_field *field, wire_type type, const char *path,
				 bool (*add)(void *context, uint64_t number), void *context)
{
	wire_reader packed;
	uint64_t number;

	if (field->type == type)
		return add(context, field->value);
	if (!wire_expect(reader, field, WIRE_BYTES, path))
		return false;
	packed = wire_reader_within(reader, field, path);
	while (packed.at < packed.end)
		if (!read_number(&packed, type, &number) || !add(context, number))
			return false;
	return true;
}

double
wire_double(uint64_t value)
{
	double number;

	memcpy(&number, &value, sizeof(number));
	return number;
}

int64_t
wire_zigzag(uint64_t value)
{
	return (int64_t) (value >> 1 ^ -(value & 1));
}
