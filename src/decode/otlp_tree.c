/*
 * otlp_tree.c
 *		What traces and metrics of OTLP have in common, JSON.
 *
 * The parts of a JSON object come in any order, and what a group holds cannot
 * be read without its resource: where the resource stands behind it, the reader
 * goes back.  Nothing is kept of a payload but the item at hand.
 */
#include "decode/otlp_tree.h"

#include <string.h>

typedef struct any_value
{
	otlp_value value;
	uint8_t other; /* stands for kinds of values that are none of ours */
} any_value;

typedef struct key_value
{
	flow_text key;
	any_value any;
} key_value;

static bool
read_string(json_decoder *decoder, const json_field *field, json_event event)
{
	otlp_value *value = json_field_place(decoder, field);

	if (event.kind != JSON_KIND_STRING)
		return json_field_refuse(decoder, field);
	value->kind = OTLP_VALUE_STRING;
	value->text = json_text(event);
	return true;
}

static bool
read_integer(json_decoder *decoder, const json_field *field, json_event event)
{
	otlp_value *value = json_field_place(decoder, field);

	if ((event.kind != JSON_KIND_STRING && event.kind != JSON_KIND_NUMBER) ||
		!decode_integer(json_text(event), INT64_MIN, INT64_MAX, &value->integer))
		return json_field_refuse(decoder, field);
	value->kind = OTLP_VALUE_INTEGER;
	return true;
}

static bool
read_real(json_decoder *decoder, const json_field *field, json_event event)
{
	otlp_value *value = json_field_place(decoder, field);

	if ((event.kind != JSON_KIND_STRING && event.kind != JSON_KIND_NUMBER) ||
		!json_number(json_text(event), &value->real))
		return json_field_refuse(decoder, field);
	value->kind = OTLP_VALUE_REAL;
	return true;
}

#define VALUE_FIELD(name, read, demand)                                                            \
	JSON_FIELD_OF_READER("attributes.value.", name, read, demand, any_value, value, 0)

static const json_field value_fields[] = {
	VALUE_FIELD("stringValue", read_string, "must be a string"),
	VALUE_FIELD("intValue", read_integer, "must be an integer of 64 bits"),
	VALUE_FIELD("doubleValue", read_real, "must be a number"),
};

static const json_object value_object = JSON_OBJECT(value_fields);

static bool
read_value(json_decoder *decoder, const json_field *field, json_event event)
{
	any_value *any = json_field_place(decoder, field);
	json_decoder values = {.reader = decoder->reader, .error = decoder->error, .record = any};

	if (event.kind != JSON_KIND_OBJECT_START)
		return json_field_refuse(decoder, field);
	any->value.kind = OTLP_VALUE_OTHER;
	return json_fields_read(&values, &value_object);
}

static const json_field pair_fields[] = {
	JSON_FIELD("attributes.", "key", JSON_FIELD_STRING, key_value, key, 0),
	JSON_FIELD_OF_READER("attributes.", "value", read_value, OTLP_TREE_OBJECT, key_value, any, 0),
};

static const json_object pair_object = JSON_OBJECT(pair_fields);

/* One KeyValue; the decoder's record is the attributes that it goes to. */
static bool
read_pair(json_decoder *decoder)
{
	key_value pair = {.key = {NULL, 0}, .any = {.value = {.kind = OTLP_VALUE_OTHER}}};
	json_decoder pairs = {.reader = decoder->reader, .error = decoder->error, .record = &pair};
	otlp_key key;

	if (!json_fields_read(&pairs, &pair_object))
		return false;
	key = pair.key.data != NULL ? otlp_key_of(pair.key) : OTLP_KEY_NONE;
	if (key != OTLP_KEY_NONE)
		otlp_attributes_set(decoder->record, key, pair.any.value);
	return true;
}

bool
otlp_tree_attributes(json_decoder *decoder, const json_field *field, json_event event,
					 otlp_attributes *attributes)
{
	json_decoder pairs = {.reader = decoder->reader, .error = decoder->error, .record = attributes};

	attributes->has = 0;
	return json_field_each_object(&pairs, field, event, read_pair);
}

static bool
read_resource_attributes(json_decoder *decoder, const json_field *field, json_event event)
{
	otlp_resource *resource = decoder->record;

	return otlp_tree_attributes(decoder, field, event, &resource->attributes);
}

static const json_field resource_fields[] = {
	JSON_FIELD_OF_READER("resource.", "attributes", read_resource_attributes, OTLP_TREE_ARRAY,
						 otlp_resource, attributes.has, 0),
};

static const json_object resource_object = JSON_OBJECT(resource_fields);

bool
otlp_tree_resource(json_decoder *decoder, const json_field *field, json_event event)
{
	otlp_tree *tree = decoder->context;
	json_decoder resources = {
		.reader = decoder->reader, .error = decoder->error, .record = &tree->resource};

	if (event.kind != JSON_KIND_OBJECT_START)
		return json_field_refuse(decoder, field);
	tree->resource.attributes.has = 0;
	if (!json_fields_read(&resources, &resource_object))
		return false;
	otlp_resource_settle(&tree->resource);
	return true;
}

static bool
read_scope(json_decoder *decoder)
{
	otlp_tree *tree = decoder->context;

	return json_fields_read(decoder, tree->scope);
}

bool
otlp_tree_scopes(json_decoder *decoder, const json_field *field, json_event event)
{
	otlp_tree *tree = decoder->context;

	if (event.kind != JSON_KIND_ARRAY_START)
		return json_field_refuse(decoder, field);
	if (decoder->has & OTLP_TREE_HAS_RESOURCE)
		return json_field_each_object(decoder, field, event, read_scope);
	tree->has_scopes = true;
	tree->scopes_field = field;
	tree->scopes = json_reader_tell(decoder->reader);
	return json_reader_skip(decoder->reader, event);
}

/* One ResourceSpans or ResourceMetrics. */
static bool
read_group(json_decoder *decoder)
{
	otlp_tree *tree = decoder->context;
	json_position end;

	tree->has_scopes = false;
	tree->resource.attributes.has = 0;
	otlp_resource_settle(&tree->resource);
	decoder->has &= ~(uint32_t) OTLP_TREE_HAS_RESOURCE;
	if (!json_fields_read(decoder, tree->group))
		return false;
	if (!tree->has_scopes)
		return true;
	end = json_reader_tell(decoder->reader);
	json_reader_seek(decoder->reader, tree->scopes);
	if (!json_field_each_object(decoder, tree->scopes_field,
								(json_event){.kind = JSON_KIND_ARRAY_START}, read_scope))
		return false;
	json_reader_seek(decoder->reader, end);
	return true;
}

bool
otlp_tree_groups(json_decoder *decoder, const json_field *field, json_event event)
{
	return json_field_each_object(decoder, field, event, read_group);
}

bool
otlp_tree_time(json_decoder *decoder, const json_field *field, json_event event)
{
	int64_t *ns = json_field_place(decoder, field);

	if ((event.kind == JSON_KIND_STRING || event.kind == JSON_KIND_NUMBER) &&
		decode_integer(json_text(event), 0, INT64_MAX, ns))
		return true;
	return json_field_refuse(decoder, field);
}

static bool
read_requests(json_decoder *decoder)
{
	const otlp_tree *tree = decoder->context;

	for (;;)
	{
		json_event event = json_reader_next(decoder->reader);

		if (event.kind == JSON_KIND_END)
			return true;
		if (event.kind == JSON_KIND_ERROR)
			return false;
		if (event.kind != JSON_KIND_OBJECT_START)
		{
			decode_error_set(decoder->error, NULL, "must be a JSON object");
			return false;
		}
		if (!json_fields_read(decoder, tree->request))
			return false;
	}
}

bool
otlp_tree_read(const char *payload, size_t length, otlp_tree *tree, decode_error *error)
{
	json_reader *reader = json_reader_create();
	json_decoder decoder = {.reader = reader, .error = error, .record = tree, .context = tree};
	bool read;

	memset(error, 0, sizeof(*error));
	read = json_reader_begin_sequence(reader, payload, length, DECODE_MAX_MESSAGE, error) &&
		   read_requests(&decoder);
	if (!read)
		error->line = json_reader_line(reader);
	json_reader_destroy(reader);
	return read;
}
