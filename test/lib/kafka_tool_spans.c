/*
 * kafka_tool_spans.c
 *		Traces of a fleet, as its services export them: OTLP, protobuf.
 *
 * SERVICES services call each other as a binary tree: service i is called by
 * (i - 1) / 2.  Every trace goes through all of them, and has in each a server
 * span, an internal one, and a client span for each service that it calls.  A
 * message is what one service has to say of GROUP traces, so who calls and who
 * is called are in different messages: of SERVICES messages in a row, all are of
 * the same traces.
 */
#include "kafka_tool.h"

#include <string.h>

#define SERVICES     32
#define GROUP        24
#define MESSAGE_SIZE 65536

/* OTLP's span kinds. */
enum
{
	KIND_INTERNAL = 1,
	KIND_SERVER = 2,
	KIND_CLIENT = 3
};

/* Bytes of a message, or of a part that will be put into another. */
typedef struct proto
{
	uint8_t bytes[MESSAGE_SIZE];
	size_t length;
} proto;

static void
put(proto *into, const void *bytes, size_t length)
{
	if (length > sizeof(into->bytes) - into->length)
		tool_die("a message is too large");
	memcpy(into->bytes + into->length, bytes, length);
	into->length += length;
}

static void
put_varint(proto *into, uint64_t value)
{
	do
	{
		uint8_t byte = (uint8_t) ((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

		put(into, &byte, 1);
		value >>= 7;
	} while (value > 0);
}

static void
put_bytes(proto *into, uint32_t field, const void *bytes, size_t length)
{
	put_varint(into, field << 3 | 2);
	put_varint(into, length);
	put(into, bytes, length);
}

static void
put_number(proto *into, uint32_t field, uint64_t value)
{
	put_varint(into, field << 3);
	put_varint(into, value);
}

static void
put_fixed64(proto *into, uint32_t field, uint64_t value)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) (value >> 8 * i);
	put_varint(into, field << 3 | 1);
	put(into, bytes, sizeof(bytes));
}

/* A KeyValue whose value is a text, or a number where text is NULL. */
static void
put_attribute(proto *into, uint32_t field, const char *key, const char *text, uint64_t number)
{
	static proto value, pair;

	value.length = pair.length = 0;
	if (text != NULL)
		put_bytes(&value, 1, text, strlen(text));
	else
		put_number(&value, 3, number);
	put_bytes(&pair, 1, key, strlen(key));
	put_bytes(&pair, 2, value.bytes, value.length);
	put_bytes(into, field, pair.bytes, pair.length);
}

/* Eight bytes that belong to a number, and look like chance. */
static void
make_id(uint8_t id[8], uint64_t number)
{
	number = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	number = (number ^ number >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	number ^= number >> 32;
	memcpy(id, &number, 8);
}

/* Of a trace, a service, and which of its spans. */
static void
make_span_id(uint8_t id[8], uint64_t trace, uint64_t service, uint64_t number)
{
	make_id(id, (trace * SERVICES + service) * 4 + number);
}

static void
put_server_attributes(proto *span, uint64_t service)
{
	char path[64];

	snprintf(path, sizeof(path), "/api/v1/service-%02llu/items/{id}", (unsigned long long) service);
	put_attribute(span, 9, "http.request.method", "POST", 0);
	put_attribute(span, 9, "http.route", path, 0);
	put_attribute(span, 9, "url.scheme", "http", 0);
	put_attribute(span, 9, "url.path", path, 0);
	put_attribute(span, 9, "http.response.status_code", NULL, 200);
	put_attribute(span, 9, "network.protocol.version", "1.1", 0);
	put_attribute(span, 9, "client.address", "10.42.7.19", 0);
	put_attribute(span, 9, "user_agent.original", "okhttp/4.12.0", 0);
}

static void
put_client_attributes(proto *span, uint64_t callee)
{
	char host[32], url[96];

	snprintf(host, sizeof(host), "service-%02llu.shop", (unsigned long long) callee);
	snprintf(url, sizeof(url), "http://%s:8080/api/v1/service-%02llu/items/4711", host,
			 (unsigned long long) callee);
	put_attribute(span, 9, "http.request.method", "POST", 0);
	put_attribute(span, 9, "url.full", url, 0);
	put_attribute(span, 9, "server.address", host, 0);
	put_attribute(span, 9, "server.port", NULL, 8080);
	put_attribute(span, 9, "http.response.status_code", NULL, 200);
	put_attribute(span, 9, "network.protocol.version", "1.1", 0);
}

static void
put_internal_attributes(proto *span)
{
	put_attribute(span, 9, "code.namespace", "com.shop.items.ItemService", 0);
	put_attribute(span, 9, "code.function", "findByIdAndReserve", 0);
	put_attribute(span, 9, "thread.id", NULL, 57);
}

/* One span of a service; parent NULL: none.  callee is of a client span. */
static void
put_span(proto *scope, uint64_t trace, const uint8_t id[8], const uint8_t *parent, uint64_t kind,
		 uint64_t service, uint64_t callee, int64_t start_ns)
{
	static proto span;
	uint8_t trace_id[16];
	char name[64];

	span.length = 0;
	make_id(trace_id, trace);
	make_id(trace_id + 8, ~trace);
	snprintf(name, sizeof(name), "POST /api/v1/service-%02llu/items/{id}",
			 (unsigned long long) (kind == KIND_CLIENT ? callee : service));
	put_bytes(&span, 1, trace_id, sizeof(trace_id));
	put_bytes(&span, 2, id, 8);
	if (parent != NULL)
		put_bytes(&span, 4, parent, 8);
	put_bytes(&span, 5, kind == KIND_INTERNAL ? "ItemService.findByIdAndReserve" : name,
			  kind == KIND_INTERNAL ? 30 : strlen(name));
	put_number(&span, 6, kind);
	put_fixed64(&span, 7, (uint64_t) start_ns);
	put_fixed64(&span, 8, (uint64_t) (start_ns + 1000000 * (int64_t) (1 + trace % 50)));
	if (kind == KIND_SERVER)
		put_server_attributes(&span, service);
	else if (kind == KIND_CLIENT)
		put_client_attributes(&span, callee);
	else
		put_internal_attributes(&span);
	put_bytes(scope, 2, span.bytes, span.length);
}

/* What a service has of a trace. */
static void
put_spans(proto *scope, uint64_t trace, uint64_t service, int64_t now_ns)
{
	uint8_t server[8], internal[8], other[8];

	make_span_id(server, trace, service, 0);
	make_span_id(internal, trace, service, 1);
	/* 2 and 3 are the client spans, of the left and the right callee */
	if (service > 0)
		make_span_id(other, trace, (service - 1) / 2, 2 + (service - 1) % 2);
	put_span(scope, trace, server, service > 0 ? other : NULL, KIND_SERVER, service, 0, now_ns);
	put_span(scope, trace, internal, server, KIND_INTERNAL, service, 0, now_ns);
	for (uint64_t i = 0; i < 2 && 2 * service + 1 + i < SERVICES; i++)
	{
		make_span_id(other, trace, service, 2 + i);
		put_span(scope, trace, other, internal, KIND_CLIENT, service, 2 * service + 1 + i, now_ns);
	}
}

static void
put_resource(proto *group, uint64_t service)
{
	static proto resource;
	char name[32], pod[64];

	resource.length = 0;
	snprintf(name, sizeof(name), "service-%02llu", (unsigned long long) service);
	snprintf(pod, sizeof(pod), "%s-6f9c7d5b8-x2k4q", name);
	put_attribute(&resource, 1, "service.name", name, 0);
	put_attribute(&resource, 1, "service.version", "1.8.3", 0);
	put_attribute(&resource, 1, "service.instance.id", pod, 0);
	put_attribute(&resource, 1, "telemetry.sdk.name", "opentelemetry", 0);
	put_attribute(&resource, 1, "telemetry.sdk.language", "java", 0);
	put_attribute(&resource, 1, "telemetry.sdk.version", "1.40.0", 0);
	put_attribute(&resource, 1, "host.name", "ip-10-42-7-19", 0);
	put_attribute(&resource, 1, "os.type", "linux", 0);
	put_attribute(&resource, 1, "k8s.pod.name", pod, 0);
	put_attribute(&resource, 1, "k8s.namespace.name", "shop", 0);
	put_bytes(group, 1, resource.bytes, resource.length);
}

size_t
tool_fill_spans(char *out, size_t size, int64_t number, int64_t now_ns)
{
	static proto scope, group, request;
	uint64_t service = (uint64_t) number % SERVICES;
	uint64_t first = (uint64_t) number / SERVICES * GROUP;

	scope.length = group.length = request.length = 0;
	for (uint64_t trace = first; trace < first + GROUP; trace++)
		put_spans(&scope, trace, service, now_ns);
	put_resource(&group, service);
	put_bytes(&group, 2, scope.bytes, scope.length);
	put_bytes(&request, 1, group.bytes, group.length);
	if (request.length > size)
		tool_die("a message is too large");
	memcpy(out, request.bytes, request.length);
	return request.length;
}
