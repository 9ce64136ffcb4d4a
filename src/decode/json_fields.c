/*
 * json_fields.c
 *		JSON objects read into structs, after tables of their fields.
 *
 * A struct is filled in place, so an object costs no memory of its own; its
 * texts are the reader's.  Recursion goes as deep as the tables do, not the
 * text.
 */
#include "decode/json_fields.h"

#include "flow/flow_address.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* By json_field_type: what it takes. */
static const char *const demands[] = {
	[JSON_FIELD_TIME] = "must be Unix nanoseconds, an integer of 64 bits",
	[JSON_FIELD_COUNTER] = "must be an integer between 0 and 9223372036854775807",
	[JSON_FIELD_PORT] = "must be an integer between 0 and 65535",
	[JSON_FIELD_ADDRESS] = "must be an IPv4 or IPv6 address",
	[JSON_FIELD_TEXT] = "must be a string of at most 255 bytes",
	[JSON_FIELD_STRING] = "must be a string",
	[JSON_FIELD_PROTOCOL] = "must be \"tcp\" or \"udp\"",
	[JSON_FIELD_ROLE] = "must be \"client\", \"server\" or \"forwarder\"",
	[JSON_FIELD_INTEGER] = "must be an integer of 64 bits",
	[JSON_FIELD_NUMBER] = "must be a number",
	[JSON_FIELD_BOOLEAN] = "must be true or false",
	[JSON_FIELD_OBJECT] = "must be an object",
};

bool
json_field_refuse(json_decoder *decoder, const json_field *field)
{
	decode_error_set(decoder->error, field->path, "%s",
					 field->demand != NULL ? field->demand : demands[field->type]);
	return false;
}

/*
 * The field of a name.  *guess is where to look first and becomes the place after
 * it: a producer writes its fields in one order.
 */
static const json_field *
find_field(const json_object *object, flow_text name, size_t *guess)
{
	size_t at = *guess;

	for (size_t tried = 0; tried < object->count; tried++)
	{
		const json_field *field = &object->fields[at];

		at = at + 1 < object->count ? at + 1 : 0;
		if (field->name_length == name.length &&
			memcmp(field->path + field->name_at, name.data, name.length) == 0)
		{
			*guess = at;
			return field;
		}
	}
	return NULL;
}

/* Make a field what it is in a record that does not have it. */
static void
clear_field(json_decoder *decoder, const json_field *field)
{
	decoder->has &= ~field->bit;
	if (field->type != JSON_FIELD_OBJECT)
	{
		memset(json_field_place(decoder, field), 0, field->size);
		return;
	}
	for (size_t i = 0; i < field->members->count; i++)
		clear_field(decoder, &field->members->fields[i]);
}

static bool
set_counter(uint64_t *place, flow_text text)
{
	int64_t value;

	if (!decode_integer(text, 0, (int64_t) FLOW_COUNTER_MAX, &value))
		return false;
	*place = (uint64_t) value;
	return true;
}

static bool
set_port(uint16_t *place, flow_text text)
{
	int64_t value;

	if (!decode_integer(text, 0, UINT16_MAX, &value))
		return false;
	*place = (uint16_t) value;
	return true;
}

static bool
set_text(flow_text *place, flow_text text)
{
	if (text.length > DECODE_MAX_TEXT)
		return false;
	*place = text.length > 0 ? text : (flow_text){NULL, 0};
	return true;
}

static bool
set_protocol(uint8_t *place, json_event event)
{
	bool number = event.kind == JSON_KIND_NUMBER;

	if (decode_text_is(json_text(event), number ? "6" : "tcp"))
		*place = FLOW_PROTOCOL_TCP;
	else if (decode_text_is(json_text(event), number ? "17" : "udp"))
		*place = FLOW_PROTOCOL_UDP;
	else
		return false;
	return true;
}

static bool
set_role(uint8_t *place, flow_text text)
{
	if (decode_text_is(text, "client"))
		*place = FLOW_ROLE_CLIENT;
	else if (decode_text_is(text, "server"))
		*place = FLOW_ROLE_SERVER;
	else if (decode_text_is(text, "forwarder"))
		*place = FLOW_ROLE_FORWARDER;
	else
		return false;
	return true;
}

static bool
set_boolean(bool *place, json_event event)
{
	*place = event.kind == JSON_KIND_TRUE;
	return *place || event.kind == JSON_KIND_FALSE;
}

/* Set a field of a type that strings do. */
static bool
set_from_string(json_decoder *decoder, const json_field *field, flow_text text)
{
	void *place = json_field_place(decoder, field);

	switch ((json_field_type) field->type)
	{
		case JSON_FIELD_ADDRESS:
			return flow_address_parse(text.data, text.length, place);
		case JSON_FIELD_TEXT:
			return set_text(place, text);
		case JSON_FIELD_STRING:
			*(flow_text *) place = text;
			return true;
		case JSON_FIELD_ROLE:
			return set_role(place, text);
		default:
			return false;
	}
}

static bool
set_scalar(json_decoder *decoder, const json_field *field, json_event event)
{
	bool string = event.kind == JSON_KIND_STRING;
	void *place = json_field_place(decoder, field);

	if (field->type == JSON_FIELD_BOOLEAN)
		return set_boolean(place, event);
	if (!string && event.kind != JSON_KIND_NUMBER)
		return false;
	switch ((json_field_type) field->type)
	{
		case JSON_FIELD_TIME:
		case JSON_FIELD_INTEGER:
			return decode_integer(json_text(event), INT64_MIN, INT64_MAX, place);
		case JSON_FIELD_COUNTER:
			return set_counter(place, json_text(event));
		case JSON_FIELD_PORT:
			return set_port(place, json_text(event));
		case JSON_FIELD_NUMBER:
			return json_number(json_text(event), place);
		case JSON_FIELD_PROTOCOL:
			return set_protocol(place, event);
		default:
			return string && set_from_string(decoder, field, json_text(event));
	}
}

bool
json_field_set(json_decoder *decoder, const json_field *field, json_event event)
{
	if (event.kind == JSON_KIND_ERROR)
		return false;
	if (!set_scalar(decoder, field, event))
		return json_field_refuse(decoder, field);
	return true;
}

/* Read the value of field, which begins with event. */
static bool
read_value(json_decoder *decoder, const json_field *field, json_event event)
{
	bool taken;

	if (event.kind == JSON_KIND_ERROR)
		return false;
	/* An object that was not there yet has nothing to clear. */
	if (event.kind == JSON_KIND_NULL ||
		(field->type == JSON_FIELD_OBJECT && (field->bit == 0 || (decoder->has & field->bit))))
		clear_field(decoder, field);
	if (event.kind == JSON_KIND_NULL)
		return true;
	decoder->has |= field->bit;
	if (field->type == JSON_FIELD_OBJECT)
		taken = event.kind == JSON_KIND_OBJECT_START ? json_fields_read(decoder, field->members)
													 : json_field_refuse(decoder, field);
	else if (field->type == JSON_FIELD_CUSTOM)
		taken = field->read(decoder, field, event);
	else
		taken = json_field_set(decoder, field, event);
	return taken;
}

/* Take the name of the next field if it is the one at *guess, as in find_field. */
static const json_field *
take_guessed_field(json_decoder *decoder, const json_object *object, size_t *guess)
{
	const json_field *field = &object->fields[*guess];

	if (!json_reader_take_field(decoder->reader, field->path + field->name_at, field->name_length))
		return NULL;
	*guess = *guess + 1 < object->count ? *guess + 1 : 0;
	return field;
}

bool
json_fields_read(json_decoder *decoder, const json_object *object)
{
	size_t guess = 0;

	for (;;)
	{
		const json_field *field = take_guessed_field(decoder, object, &guess);
		json_event event = json_reader_next(decoder->reader);

		if (field == NULL && event.kind != JSON_KIND_FIELD)
			return event.kind == JSON_KIND_OBJECT_END;
		if (field == NULL)
		{
			field = find_field(object, json_text(event), &guess);
			event = json_reader_next(decoder->reader);
		}
		if (field == NULL ? !json_reader_skip(decoder->reader, event)
						  : !read_value(decoder, field, event))
			return false;
	}
}

bool
json_fields_read_text(json_decoder *decoder, const json_object *object, const char *text,
					  size_t length)
{
	json_event event;

	if (!json_reader_begin(decoder->reader, text, length, decoder->error))
		return false;
	event = json_reader_next(decoder->reader);
	if (event.kind == JSON_KIND_ERROR)
		return false;
	if (event.kind != JSON_KIND_OBJECT_START)
	{
		decode_error_set(decoder->error, NULL, "must be a JSON object");
		return false;
	}
	return json_fields_read(decoder, object) &&
		   json_reader_next(decoder->reader).kind == JSON_KIND_END;
}

bool
json_fields_require(json_decoder *decoder, const json_required *required, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (decoder->has & required[i].bit)
			continue;
		decode_error_set(decoder->error, required[i].path, "is required");
		return false;
	}
	return true;
}

bool
json_field_each_object(json_decoder *decoder, const json_field *field, json_event event,
					   bool (*element)(json_decoder *decoder))
{
	if (event.kind != JSON_KIND_ARRAY_START)
		return json_field_refuse(decoder, field);
	for (;;)
	{
		event = json_reader_next(decoder->reader);
		if (event.kind == JSON_KIND_ARRAY_END)
			return true;
		if (event.kind == JSON_KIND_ERROR)
			return false;
		if (event.kind != JSON_KIND_OBJECT_START)
			return json_field_refuse(decoder, field);
		if (!element(decoder))
			return false;
	}
}

/* Digits, a point and an exponent: LC_NUMERIC is C, in the server too. */
static bool
finite_number(flow_text text, double *value)
{
	char digits[64];
	char *end;

	if (text.length == 0 || text.length >= sizeof(digits))
		return false;
	memcpy(digits, text.data, text.length);
	digits[text.length] = '\0';
	if (strspn(digits, "+-.0123456789eE") != text.length)
		return false;
	*value = strtod(digits, &end);
	return *end == '\0' && isfinite(*value);
}

bool
json_number(flow_text text, double *value)
{
	static const struct
	{
		const char *word;
		double value;
	} words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (text.length != strlen(words[i].word) ||
			memcmp(text.data, words[i].word, text.length) != 0)
			continue;
		*value = words[i].value;
		return true;
	}
	return finite_number(text, value);
}
