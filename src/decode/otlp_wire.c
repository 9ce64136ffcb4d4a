/*
 * otlp_wire.c
 *		What traces and metrics of OTLP have in common, protobuf.
 *
 * The numbers are those of opentelemetry/proto/{collector,trace,metrics,common,
 * resource}/v1: for traces and metrics they are the same down to the item.  A
 * group is read twice, since its resource may stand behind what is of it;
 * passing over a field costs no more than its tag.
 *
 * Owns no memory.
 */
#include "decode/otlp_wire.h"

#include "flow/utf8.h"

/* ExportTraceServiceRequest, ExportMetricsServiceRequest */
#define REQUEST_GROUPS 1

/* ResourceSpans, ResourceMetrics */
#define GROUP_RESOURCE 1
#define GROUP_SCOPES   2

/* ScopeSpans, ScopeMetrics */
#define SCOPE_ITEMS 2

/* Resource */
#define RESOURCE_ATTRIBUTES 1

/* KeyValue, AnyValue */
#define PAIR_KEY      1
#define PAIR_VALUE    2
#define VALUE_STRING  1
#define VALUE_BOOLEAN 2
#define VALUE_INTEGER 3
#define VALUE_DOUBLE  4

typedef struct request
{
	const otlp_wire_paths *paths;
	otlp_wire_item take;
	void *context;
	otlp_resource resource; /* of the group at hand */
} request;

bool
otlp_wire_text(wire_reader *reader, const wire_field *field, const char *path, flow_text *text)
{
	if (!wire_expect(reader, field, WIRE_BYTES, path))
		return false;
	if (utf8_valid_length(field->bytes.data, field->bytes.length) < field->bytes.length)
	{
		wire_fail(reader, path, "must be UTF-8 without NUL");
		return false;
	}
	*text = field->bytes;
	return true;
}

bool
otlp_wire_time(wire_reader *reader, const wire_field *field, const char *path, int64_t *ns)
{
	if (!wire_expect(reader, field, WIRE_FIXED64, path))
		return false;
	if (field->value > INT64_MAX)
	{
		wire_fail(reader, path, "must be Unix nanoseconds of at most 63 bits");
		return false;
	}
	*ns = (int64_t) field->value;
	return true;
}

static bool
read_any_value(wire_reader *reader, otlp_value *value)
{
	wire_field field;

	value->kind = OTLP_VALUE_OTHER;
	while (wire_reader_next(reader, &field))
	{
		value->kind = OTLP_VALUE_OTHER;
		if (field.number == VALUE_STRING &&
			otlp_wire_text(reader, &field, reader->path, &value->text))
			value->kind = OTLP_VALUE_STRING;
		else if (field.number == VALUE_INTEGER &&
				 wire_expect(reader, &field, WIRE_VARINT, reader->path))
		{
			value->kind = OTLP_VALUE_INTEGER;
			value->integer = (int64_t) field.value;
		}
		else if (field.number == VALUE_DOUBLE &&
				 wire_expect(reader, &field, WIRE_FIXED64, reader->path))
		{
			value->kind = OTLP_VALUE_REAL;
			value->real = wire_double(field.value);
		}
	}
	return !wire_reader_failed(reader);
}

bool
otlp_wire_attribute(wire_reader *reader, const wire_field *field, const char *path,
					otlp_attributes *attributes)
{
	otlp_key key = OTLP_KEY_NONE;
	wire_field part, value_field = {.number = 0};
	wire_reader pair, any;
	otlp_value value;

	if (!wire_expect(reader, field, WIRE_BYTES, path))
		return false;
	pair = wire_reader_within(reader, field, path);
	while (wire_reader_next(&pair, &part))
	{
		if ((part.number == PAIR_KEY || part.number == PAIR_VALUE) &&
			!wire_expect(&pair, &part, WIRE_BYTES, path))
			return false;
		if (part.number == PAIR_KEY)
			key = otlp_key_of(part.bytes);
		else if (part.number == PAIR_VALUE)
			value_field = part;
	}
	if (wire_reader_failed(&pair))
		return false;
	if (key == OTLP_KEY_NONE || value_field.number == 0)
		return true;
	any = wire_reader_within(&pair, &value_field, path);
	if (!read_any_value(&any, &value))
		return false;
	otlp_attributes_set(attributes, key, value);
	return true;
}

static bool
read_resource(request *request, wire_reader *reader)
{
	wire_field field;

	while (wire_reader_next(reader, &field))
		if (field.number == RESOURCE_ATTRIBUTES &&
			!otlp_wire_attribute(reader, &field, reader->path, &request->resource.attributes))
			return false;
	return !wire_reader_failed(reader);
}

static bool
read_scope(request *request, wire_reader *reader)
{
	wire_field field;

	while (wire_reader_next(reader, &field))
	{
		wire_reader item;

		if (field.number != SCOPE_ITEMS)
			continue;
		if (!wire_expect(reader, &field, WIRE_BYTES, request->paths->items))
			return false;
		item = wire_reader_within(reader, &field, request->paths->items);
		if (!request->take(request->context, &request->resource, &item))
			return false;
	}
	return !wire_reader_failed(reader);
}

/* Read the fields of a group that have a number. */
static bool
read_fields(request *request, wire_reader group, uint32_t number, const char *path,
			bool (*read)(struct request *request, wire_reader *reader))
{
	wire_field field;

	while (wire_reader_next(&group, &field))
	{
		wire_reader within;

		if (field.number != number)
			continue;
		if (!wire_expect(&group, &field, WIRE_BYTES, path))
			return false;
		within = wire_reader_within(&group, &field, path);
		if (!read(request, &within))
			return false;
	}
	return !wire_reader_failed(&group);
}

static bool
read_group(request *request, wire_reader *group)
{
	request->resource.attributes.has = 0;
	if (!read_fields(request, *group, GROUP_RESOURCE, request->paths->resource, read_resource))
		return false;
	otlp_resource_settle(&request->resource);
	return read_fields(request, *group, GROUP_SCOPES, request->paths->scopes, read_scope);
}

bool
otlp_wire_request(const char *payload, size_t length, const otlp_wire_paths *paths,
				  otlp_wire_item take, void *context, decode_error *error)
{
	request request = {.paths = paths, .take = take, .context = context};

	error->line = 0;
	error->field[0] = error->message[0] = '\0';
	if (length > DECODE_MAX_MESSAGE)
	{
		decode_error_set(error, NULL, "longer than %zu bytes", DECODE_MAX_MESSAGE);
		return false;
	}
	return read_fields(&request, wire_reader_of(payload, length, "", error), REQUEST_GROUPS,
					   paths->groups, read_group);
}
