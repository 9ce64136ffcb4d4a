/*
 * traffic_io.c
 *		topo.traffic as text, JSON and binary.
 *
 * Text is a JSON object of the counters that are not zero; "latency" is an
 * object of its own, whose buckets are keyed by index:
 *		{"connections": 3, "latency": {"sum_ns": 7000, "buckets": {"412": 3}}}
 * Input is parsed by jsonb, hence a key that comes twice counts as the last one
 * did.  Everything else that is not exactly of that form is refused, and the
 * detail names the key.  Binary is the bytes of traffic_value.h, of which only
 * the canonical form is taken.
 *
 * Memory: all is in the caller's context; text takes about 12 bytes a bucket.
 */
#include "store/traffic.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(traffic_in);
PG_FUNCTION_INFO_V1(traffic_out);
PG_FUNCTION_INFO_V1(traffic_recv);
PG_FUNCTION_INFO_V1(traffic_send);
PG_FUNCTION_INFO_V1(traffic_to_json);
PG_FUNCTION_INFO_V1(traffic_to_jsonb);

/* The counters of the outer object; the last counter is "sum_ns" in "latency". */
static const char *const counter_keys[] = {
	"connections", "failed",   "bytes_sent", "bytes_received", "packets_sent", "packets_received",
	"retransmits", "requests", "errors",     "rtt_sum_us",     "rtt_samples"};

StaticAssertDecl(lengthof(counter_keys) == TRAFFIC_LATENCY_SUM_NS,
				 "every counter but latency_sum_ns has a key");

/* How much of a wrong value a message repeats. */
#define SHOWN_MAX 40

/* Takes one member of an object: its key, and its value as the iterator gave it. */
typedef void (*member_handler)(traffic_value *value, const char *key, JsonbValue *member);

_Noreturn static void
refuse(const char *detail, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("invalid input syntax for type %s", "traffic"),
					errdetail_internal("%s", detail), errhint("%s", hint)));
}

/* The member is not of the JSON type that its key wants. */
_Noreturn static void
refuse_type(const char *key, const char *wanted)
{
	refuse(psprintf("\"%s\" is not %s.", key, wanted),
		   "Traffic looks like {\"connections\": 3, \"bytes_sent\": 1200, "
		   "\"latency\": {\"sum_ns\": 7000, \"buckets\": {\"412\": 3}}}.");
}

_Noreturn static void
refuse_number(const char *key, const char *number)
{
	refuse(psprintf("\"%s\" is %.*s%s.", key, SHOWN_MAX, number,
					strlen(number) > SHOWN_MAX ? "..." : ""),
		   psprintf("Counters are whole numbers from 0 to " INT64_FORMAT
					", written without a fraction.",
					PG_INT64_MAX));
}

/*
 * Digits to a number up to max.  False: something else than digits, or beyond.
 * "00" is one digit too many, so that a number can be written in one way.
 */
static bool
parse_digits(const char *digits, int64 max, int64 *number)
{
	const char *c;

	*number = 0;
	if (digits[0] == '\0' || (digits[0] == '0' && digits[1] != '\0'))
		return false;
	for (c = digits; *c >= '0' && *c <= '9'; c++)
	{
		if (*number > (max - (*c - '0')) / 10)
			return false;
		*number = *number * 10 + (*c - '0');
	}
	return *c == '\0';
}

static int64
member_number(const char *key, const JsonbValue *member)
{
	char *digits;
	int64 number;

	if (member->type != jbvNumeric)
		refuse_type(key, "a number");
	digits =
		DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(member->val.numeric)));
	if (!parse_digits(digits, PG_INT64_MAX, &number))
		refuse_number(key, digits);
	pfree(digits);
	return number;
}

static void
each_member(JsonbContainer *object, member_handler handle, traffic_value *value)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue item;

	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		char *key;

		if (token != WJB_KEY)
			continue;
		key = pnstrdup(item.val.string.val, item.val.string.len);
		JsonbIteratorNext(&iterator, &item, true);
		handle(value, key, &item);
		pfree(key);
	}
}

static void
each_member_of(const char *key, const JsonbValue *object, member_handler handle,
			   traffic_value *value)
{
	if (object->type != jbvBinary || !JsonContainerIsObject(object->val.binary.data))
		refuse_type(key, "an object");
	each_member(object->val.binary.data, handle, value);
}

static void
take_bucket(traffic_value *value, const char *key, JsonbValue *member)
{
	int64 index;

	if (!parse_digits(key, SKETCH_INDEX_MAX, &index))
		refuse(psprintf("Unknown key \"%s\" in \"buckets\".", key),
			   psprintf("Buckets are keyed by their index, \"%d\" to \"%d\".", SKETCH_INDEX_MIN,
						SKETCH_INDEX_MAX));
	sketch_add_bucket(&value->latency, (int) index, member_number(key, member));
}

static void
take_latency(traffic_value *value, const char *key, JsonbValue *member)
{
	if (strcmp(key, "sum_ns") == 0)
		value->counters[TRAFFIC_LATENCY_SUM_NS] = member_number(key, member);
	else if (strcmp(key, "zero") == 0)
		value->latency.zero = member_number(key, member);
	else if (strcmp(key, "buckets") == 0)
		each_member_of(key, member, take_bucket, value);
	else
		refuse(psprintf("Unknown key \"%s\" in \"latency\".", key),
			   "The keys are \"sum_ns\", \"zero\" and \"buckets\".");
}

/* The keys of the outer object, for a person who mistyped one. */
static const char *
list_keys(void)
{
	StringInfoData list;

	initStringInfo(&list);
	appendStringInfoString(&list, "The keys are ");
	for (int i = 0; i < (int) lengthof(counter_keys); i++)
		appendStringInfo(&list, "\"%s\", ", counter_keys[i]);
	appendStringInfoString(&list, "and \"latency\".");
	return list.data;
}

static void
take_counter(traffic_value *value, const char *key, JsonbValue *member)
{
	if (strcmp(key, "latency") == 0)
	{
		each_member_of(key, member, take_latency, value);
		return;
	}
	for (int i = 0; i < (int) lengthof(counter_keys); i++)
	{
		if (strcmp(key, counter_keys[i]) == 0)
		{
			value->counters[i] = member_number(key, member);
			return;
		}
	}
	refuse(psprintf("Unknown key \"%s\".", key), list_keys());
}

Datum
traffic_in(PG_FUNCTION_ARGS)
{
	Jsonb *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, PG_GETARG_DATUM(0)));
	traffic_value value;

	if (!JB_ROOT_IS_OBJECT(json))
		refuse("The value is not a JSON object.",
			   psprintf("No traffic at all is {}.  %s", list_keys()));
	traffic_value_init(&value, CurrentMemoryContext);
	each_member(&json->root, take_counter, &value);
	PG_RETURN_POINTER(traffic_form(&value));
}

/* Append a member if it is not zero, after a comma if it is not the first. */
static void
append_member(StringInfo out, const char *key, int64 number)
{
	if (number == 0)
		return;
	if (out->data[out->len - 1] != '{')
		appendStringInfoString(out, ", ");
	appendStringInfo(out, "\"%s\": " INT64_FORMAT, key, number);
}

/* Open an object that is a member itself. */
static void
append_object(StringInfo out, const char *key)
{
	if (out->data[out->len - 1] != '{')
		appendStringInfoString(out, ", ");
	appendStringInfo(out, "\"%s\": {", key);
}

static void
append_buckets(StringInfo out, const sketch *latency)
{
	char index[16];

	append_object(out, "buckets");
	for (uint32 i = 0; i < latency->bucket_count; i++)
	{
		snprintf(index, sizeof(index), "%d", latency->buckets[i].index);
		append_member(out, index, latency->buckets[i].count);
	}
	appendStringInfoChar(out, '}');
}

static void
append_latency(StringInfo out, const traffic_value *value)
{
	append_object(out, "latency");
	append_member(out, "sum_ns", value->counters[TRAFFIC_LATENCY_SUM_NS]);
	append_member(out, "zero", value->latency.zero);
	if (value->latency.bucket_count > 0)
		append_buckets(out, &value->latency);
	appendStringInfoChar(out, '}');
}

/* The argument as JSON text, palloc'd. */
static char *
argument_to_text(FunctionCallInfo fcinfo)
{
	StringInfoData out;
	traffic_value value;

	traffic_deform(traffic_argument(fcinfo, 0), &value);
	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (int i = 0; i < (int) lengthof(counter_keys); i++)
		append_member(&out, counter_keys[i], value.counters[i]);
	if (value.counters[TRAFFIC_LATENCY_SUM_NS] != 0 || sketch_count(&value.latency) != 0)
		append_latency(&out, &value);
	appendStringInfoChar(&out, '}');
	traffic_value_clear(&value);
	return out.data;
}

Datum
traffic_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(argument_to_text(fcinfo));
}

Datum
traffic_to_json(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(argument_to_text(fcinfo)));
}

Datum
traffic_to_jsonb(PG_FUNCTION_ARGS)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(argument_to_text(fcinfo)));
}

Datum
traffic_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int length = message->len - message->cursor;
	const char *bytes = pq_getmsgbytes(message, length);
	traffic_value value;
	const char *problem;

	traffic_value_init(&value, CurrentMemoryContext);
	problem = traffic_value_decode((const uint8_t *) bytes, length, &value);
	if (problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary value for type %s", "traffic"),
						errdetail("The value %s.", problem),
						errhint("Send the bytes that topo.traffic_send() gave, or text.")));
	/* The form is canonical, so these are the bytes that were sent. */
	PG_RETURN_POINTER(traffic_form(&value));
}

Datum
traffic_send(PG_FUNCTION_ARGS)
{
	struct varlena *traffic = traffic_argument(fcinfo, 0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbytes(&message, VARDATA_ANY(traffic), VARSIZE_ANY_EXHDR(traffic));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
