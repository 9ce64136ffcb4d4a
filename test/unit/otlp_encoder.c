/*
 * otlp_encoder.c
 *		OTLP written both ways from one description.
 */
#include "otlp_encoder.h"

void
buffer_add(buffer *into, const void *bytes, size_t length)
{
	if (length == 0)
		return;
	if (into->length + length > into->room)
	{
		into->room = 2 * (into->length + length);
		into->data = realloc(into->data, into->room);
		assert_non_null(into->data);
	}
	memcpy(into->data + into->length, bytes, length);
	into->length += length;
}

void
buffer_printf(buffer *into, const char *format, ...)
{
	char text[1000];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	assert_true(length >= 0 && length < (int) sizeof(text));
	buffer_add(into, text, (size_t) length);
}

void
buffer_free(buffer *what)
{
	free(what->data);
	*what = (buffer){NULL, 0, 0};
}

static void write_json_fields(buffer *into, const otlp_node *fields, size_t count);

static void
write_json_list(buffer *into, const otlp_node *node)
{
	buffer_printf(into, "[");
	for (size_t i = 0; i < node->count; i++)
	{
		buffer_printf(into, i > 0 ? "," : "");
		if (node->kind == NODE_DOUBLES)
			buffer_printf(into, "%.17g", node->reals[i]);
		else
			buffer_printf(into, "\"%lld\"", (long long) node->integers[i]);
	}
	buffer_printf(into, "]");
}

static void
write_json_value(buffer *into, const otlp_node *node)
{
	switch (node->kind)
	{
		case NODE_STRING:
		case NODE_ID:
			buffer_printf(into, "\"%s\"", node->text);
			break;
		case NODE_VARINT:
		case NODE_SINT32:
			buffer_printf(into, "%lld", (long long) node->integer);
			break;
		case NODE_FIXED64:
			buffer_printf(into, "\"%lld\"", (long long) node->integer);
			break;
		case NODE_DOUBLE:
			buffer_printf(into, "%.17g", node->real);
			break;
		case NODE_MESSAGE:
			buffer_printf(into, "{");
			write_json_fields(into, node->children, node->count);
			buffer_printf(into, "}");
			break;
		default:
			write_json_list(into, node);
			break;
	}
}

static bool
is_same_list(const otlp_node *a, const otlp_node *b)
{
	return a->repeated && b->repeated && strcmp(a->name, b->name) == 0;
}

static void
write_json_fields(buffer *into, const otlp_node *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		bool goes_on = i > 0 && is_same_list(&fields[i - 1], &fields[i]);

		buffer_printf(into, i > 0 ? "," : "");
		if (!goes_on)
			buffer_printf(into, fields[i].repeated ? "\"%s\":[" : "\"%s\":", fields[i].name);
		write_json_value(into, &fields[i]);
		if (fields[i].repeated && !(i + 1 < count && is_same_list(&fields[i], &fields[i + 1])))
			buffer_printf(into, "]");
	}
}

buffer
otlp_to_json(const otlp_node *fields, size_t count)
{
	buffer json = {NULL, 0, 0};

	buffer_printf(&json, "{");
	write_json_fields(&json, fields, count);
	buffer_printf(&json, "}");
	return json;
}

static void
write_varint(buffer *into, uint64_t value)
{
	do
	{
		uint8_t byte = (uint8_t) ((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

		buffer_add(into, &byte, 1);
		value >>= 7;
	} while (value > 0);
}

static void
write_fixed64(buffer *into, uint64_t value)
{
	for (int i = 0; i < 8; i++)
	{
		uint8_t byte = (uint8_t) (value >> 8 * i);

		buffer_add(into, &byte, 1);
	}
}

static uint64_t
bits_of(double real)
{
	uint64_t bits;

	memcpy(&bits, &real, sizeof(bits));
	return bits;
}

static void write_proto_fields(buffer *into, const otlp_node *fields, size_t count);

static void
write_hex(buffer *into, const char *digits)
{
	for (; digits[0] != '\0'; digits += 2)
	{
		unsigned value;
		uint8_t byte;

		assert_int_equal(sscanf(digits, "%2x", &value), 1);
		byte = (uint8_t) value;
		buffer_add(into, &byte, 1);
	}
}

/* What stands between the length of a field of wire type 2 and its end. */
static void
write_proto_content(buffer *into, const otlp_node *node)
{
	if (node->kind == NODE_STRING)
		buffer_add(into, node->text, strlen(node->text));
	else if (node->kind == NODE_ID)
		write_hex(into, node->text);
	else if (node->kind == NODE_MESSAGE)
		write_proto_fields(into, node->children, node->count);
	else
		for (size_t i = 0; i < node->count; i++)
			if (node->kind == NODE_VARINTS)
				write_varint(into, (uint64_t) node->integers[i]);
			else
				write_fixed64(into, node->kind == NODE_DOUBLES ? bits_of(node->reals[i])
															   : (uint64_t) node->integers[i]);
}

static void
write_proto_scalar(buffer *into, const otlp_node *node)
{
	switch (node->kind)
	{
		case NODE_VARINT:
			write_varint(into, node->number << 3);
			write_varint(into, (uint64_t) node->integer);
			break;
		case NODE_SINT32:
			write_varint(into, node->number << 3);
			write_varint(
				into, (uint64_t) (node->integer < 0 ? -2 * node->integer - 1 : 2 * node->integer));
			break;
		default:
			write_varint(into, node->number << 3 | 1);
			write_fixed64(into, node->kind == NODE_DOUBLE ? bits_of(node->real)
														  : (uint64_t) node->integer);
			break;
	}
}

static void
write_proto_fields(buffer *into, const otlp_node *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		const otlp_node *node = &fields[i];
		buffer content = {NULL, 0, 0};

		if (node->kind == NODE_VARINT || node->kind == NODE_SINT32 || node->kind == NODE_FIXED64 ||
			node->kind == NODE_DOUBLE)
		{
			write_proto_scalar(into, node);
			continue;
		}
		write_proto_content(&content, node);
		write_varint(into, node->number << 3 | 2);
		write_varint(into, content.length);
		buffer_add(into, content.data, content.length);
		buffer_free(&content);
	}
}

buffer
otlp_to_proto(const otlp_node *fields, size_t count)
{
	buffer proto = {NULL, 0, 0};

	write_proto_fields(&proto, fields, count);
	return proto;
}
