/*
 * json_fields.h
 *		JSON objects read into structs, after tables of their fields.
 *
 * A format describes each object by a table: the name of a field, what it is,
 * and where in the struct it goes.  What a field is decides how it is read and
 * what is said of a value that it does not take.  In every format a field that
 * is null is absent, an unknown one is ignored, of two of one name the last
 * counts (of an object as a whole), and integers may be given as strings.
 */
#ifndef TOPOLOGY_DECODE_JSON_FIELDS_H
#define TOPOLOGY_DECODE_JSON_FIELDS_H

#include "decode/decode.h"
#include "decode/json.h"

/* What a field is, and the member that it goes to. */
typedef enum json_field_type
{
	JSON_FIELD_TIME,     /* Unix nanoseconds; int64_t */
	JSON_FIELD_COUNTER,  /* 0 .. FLOW_COUNTER_MAX; uint64_t */
	JSON_FIELD_PORT,     /* uint16_t */
	JSON_FIELD_ADDRESS,  /* flow_address */
	JSON_FIELD_TEXT,     /* at most DECODE_MAX_TEXT bytes, empty is absent; flow_text */
	JSON_FIELD_STRING,   /* of any length, and any string; flow_text */
	JSON_FIELD_PROTOCOL, /* "tcp", "udp", 6 or 17; uint8_t */
	JSON_FIELD_ROLE,     /* "client", "server" or "forwarder"; uint8_t */
	JSON_FIELD_INTEGER,  /* 64 bits; int64_t */
	JSON_FIELD_NUMBER,   /* also as a string, "NaN" and "Infinity" too; double */
	JSON_FIELD_BOOLEAN,  /* bool */
	JSON_FIELD_OBJECT,   /* members, which go to the same struct */
	JSON_FIELD_CUSTOM    /* what read makes of it */
} json_field_type;

typedef struct json_decoder json_decoder;
typedef struct json_field json_field;
typedef struct json_object json_object;

/*
 * Reads a value, which is not null, that begins with event, to its end.  False:
 * error is filled, by json_field_refuse if the value is of the wrong kind.
 */
typedef bool (*json_field_reader)(json_decoder *decoder, const json_field *field, json_event event);

struct json_field
{
	const char *path; /* its name, after the names of the objects around it */
	uint8_t name_at;
	uint8_t name_length;
	uint8_t type; /* json_field_type */
	uint8_t size; /* of the member */
	uint16_t offset;
	uint32_t bit; /* set in json_decoder.has once the field was there, till it is null; 0: none */
	const json_object *members;
	json_field_reader read;
	const char *demand; /* of a custom field: what it takes */
};

struct json_object
{
	const json_field *fields;
	size_t count;
};

/* What an object cannot do without. */
typedef struct json_required
{
	uint32_t bit;
	const char *path;
} json_required;

struct json_decoder
{
	json_reader *reader;
	decode_error *error;
	void *record;  /* the struct that offsets are in */
	void *context; /* for custom readers */
	uint32_t has;
};

/* A row of a table: prefix is the path of the object around, with its dot. */
#define JSON_FIELD(prefix, name, type, record, member, bit)                                        \
	{                                                                                              \
		prefix name, sizeof(prefix) - 1, sizeof(name) - 1, type,                                   \
			sizeof(((record *) NULL)->member), offsetof(record, member), bit, NULL, NULL, NULL     \
	}
#define JSON_FIELD_OF_OBJECT(prefix, name, members, bit)                                           \
	{                                                                                              \
		prefix name, sizeof(prefix) - 1, sizeof(name) - 1, JSON_FIELD_OBJECT, 0, 0, bit, &members, \
			NULL, NULL                                                                             \
	}
#define JSON_FIELD_OF_READER(prefix, name, read, demand, record, member, bit)                      \
	{                                                                                              \
		prefix name, sizeof(prefix) - 1, sizeof(name) - 1, JSON_FIELD_CUSTOM,                      \
			sizeof(((record *) NULL)->member), offsetof(record, member), bit, NULL, read, demand   \
	}
#define JSON_OBJECT(fields)                                                                        \
	{                                                                                              \
		fields, sizeof(fields) / sizeof(fields[0])                                                 \
	}

/*
 * Read the fields of an object whose start has been read, and its end.  The
 * record keeps what it holds where the object has no such field.
 */
extern bool json_fields_read(json_decoder *decoder, const json_object *object);

/*
 * The same for a text that has to be one object, and nothing else: from
 * json_reader_begin to the end.
 */
extern bool json_fields_read_text(json_decoder *decoder, const json_object *object,
								  const char *text, size_t length);

/* Whether the object had all of these; else the first that is missing is told. */
extern bool json_fields_require(json_decoder *decoder, const json_required *required, size_t count);

/* Where the field goes in the record. */
static inline void *
json_field_place(const json_decoder *decoder, const json_field *field)
{
	return (char *) decoder->record + field->offset;
}

/* Say that a value is none that the field takes.  Returns false. */
extern bool json_field_refuse(json_decoder *decoder, const json_field *field);

/* Set what is no object and not custom, from a string, number or boolean. */
extern bool json_field_set(json_decoder *decoder, const json_field *field, json_event event);

/*
 * Read an array whose elements are objects: element is called after the start
 * of each, and reads to its end.  event begins the array.
 */
extern bool json_field_each_object(json_decoder *decoder, const json_field *field, json_event event,
								   bool (*element)(json_decoder *decoder));

/* A JSON number, or a string that is one, "NaN", "Infinity" or "-Infinity". */
extern bool json_number(flow_text text, double *value);

#endif /* TOPOLOGY_DECODE_JSON_FIELDS_H */
