/*
 * otlp_encoder.h
 *		OTLP written both ways from one description, to see both decoders agree.
 *
 * A tree of values, each with its name in JSON and its number in protobuf.  What
 * is written is the least that the specifications ask for, and nothing of it is
 * shared with the code under test.
 */
#ifndef TOPOLOGY_UNIT_OTLP_ENCODER_H
#define TOPOLOGY_UNIT_OTLP_ENCODER_H

#include "unit.h"

typedef struct buffer
{
	char *data;
	size_t length;
	size_t room;
} buffer;

extern void buffer_add(buffer *into, const void *bytes, size_t length);
extern void buffer_printf(buffer *into, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern void buffer_free(buffer *what);

typedef enum otlp_node_kind
{
	NODE_STRING,   /* string */
	NODE_ID,       /* bytes, hexadecimal in JSON; text holds the digits */
	NODE_VARINT,   /* int64, enum, bool */
	NODE_SINT32,   /* zigzag */
	NODE_FIXED64,  /* a string of digits in JSON */
	NODE_DOUBLE,   /* double */
	NODE_DOUBLES,  /* packed */
	NODE_FIXED64S, /* packed */
	NODE_VARINTS,  /* packed */
	NODE_MESSAGE   /* of the children; repeated: those of one name are adjacent */
} otlp_node_kind;

typedef struct otlp_node
{
	otlp_node_kind kind;
	bool repeated;
	uint32_t number;
	const char *name;
	const char *text;
	int64_t integer;
	double real;
	const int64_t *integers;
	const double *reals;
	const struct otlp_node *children;
	size_t count; /* of children, integers or reals */
} otlp_node;

#define NODE(a_kind, a_number, a_name, ...)                                                        \
	{                                                                                              \
		.kind = a_kind, .number = a_number, .name = a_name, __VA_ARGS__                            \
	}
#define STRING_NODE(number, name, value)  NODE(NODE_STRING, number, name, .text = value)
#define ID_NODE(number, name, digits)     NODE(NODE_ID, number, name, .text = digits)
#define VARINT_NODE(number, name, value)  NODE(NODE_VARINT, number, name, .integer = value)
#define SINT32_NODE(number, name, value)  NODE(NODE_SINT32, number, name, .integer = value)
#define FIXED64_NODE(number, name, value) NODE(NODE_FIXED64, number, name, .integer = value)
#define DOUBLE_NODE(number, name, value)  NODE(NODE_DOUBLE, number, name, .real = value)
#define DOUBLES_NODE(number, name, values)                                                         \
	NODE(NODE_DOUBLES, number, name, .reals = values, .count = LENGTH_OF(values))
#define FIXED64S_NODE(number, name, values)                                                        \
	NODE(NODE_FIXED64S, number, name, .integers = values, .count = LENGTH_OF(values))
#define VARINTS_NODE(number, name, values)                                                         \
	NODE(NODE_VARINTS, number, name, .integers = values, .count = LENGTH_OF(values))
#define MESSAGE_NODE(number, name, fields)                                                         \
	NODE(NODE_MESSAGE, number, name, .children = fields, .count = LENGTH_OF(fields))
#define ELEMENT_NODE(number, name, fields)                                                         \
	NODE(NODE_MESSAGE, number, name, .repeated = true, .children = fields,                         \
		 .count = LENGTH_OF(fields))

/* A KeyValue of attributes that have a number. */
#define ATTRIBUTE(number, a_key, any_value)                                                        \
	ELEMENT_NODE(number, "attributes",                                                             \
				 ((const otlp_node[]){                                                             \
					 STRING_NODE(1, "key", a_key),                                                 \
					 MESSAGE_NODE(2, "value", ((const otlp_node[]){any_value})),                   \
				 }))
#define TEXT_ATTRIBUTE(number, key, text)                                                          \
	ATTRIBUTE(number, key, STRING_NODE(1, "stringValue", text))
#define INTEGER_ATTRIBUTE(number, key, value)                                                      \
	ATTRIBUTE(number, key, VARINT_NODE(3, "intValue", value))
#define REAL_ATTRIBUTE(number, key, value)                                                         \
	ATTRIBUTE(number, key, DOUBLE_NODE(4, "doubleValue", value))

/* Write the children of a message that is not in another.  To be freed. */
extern buffer otlp_to_json(const otlp_node *fields, size_t count);
extern buffer otlp_to_proto(const otlp_node *fields, size_t count);

#endif /* TOPOLOGY_UNIT_OTLP_ENCODER_H */
