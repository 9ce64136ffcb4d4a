/*
 * otlp_attributes.c
 *		The attributes of OpenTelemetry that mean something to the map.
 *
 * A name is looked for among those of its length, which are few: most of the
 * attributes of a span are none of ours, and cost a few comparisons of integers.
 * Owns no memory.
 */
#include "decode/otlp_attributes.h"

#include "decode/json_fields.h"

#include <string.h>

#define KEY(name)                                                                                  \
	{                                                                                              \
		sizeof(name) - 1, name                                                                     \
	}

/* By otlp_key. */
static const struct
{
	uint32_t length;
	const char *name;
} keys[OTLP_KEY_COUNT] = {
	[OTLP_DB_NAME] = KEY("db.name"),
	[OTLP_DB_SYSTEM] = KEY("db.system"),
	[OTLP_ERROR_TYPE] = KEY("error.type"),
	[OTLP_HTTP_ROUTE] = KEY("http.route"),
	[OTLP_RPC_METHOD] = KEY("rpc.method"),
	[OTLP_RPC_SYSTEM] = KEY("rpc.system"),
	[OTLP_SAMPLE_RATE] = KEY("SampleRate"),
	[OTLP_HTTP_METHOD] = KEY("http.method"),
	[OTLP_RPC_SERVICE] = KEY("rpc.service"),
	[OTLP_DB_NAMESPACE] = KEY("db.namespace"),
	[OTLP_K8S_POD_NAME] = KEY("k8s.pod.name"),
	[OTLP_PEER_SERVICE] = KEY("peer.service"),
	[OTLP_SERVICE_NAME] = KEY("service.name"),
	[OTLP_URL_TEMPLATE] = KEY("url.template"),
	[OTLP_NET_PEER_NAME] = KEY("net.peer.name"),
	[OTLP_DB_SYSTEM_NAME] = KEY("db.system.name"),
	[OTLP_SERVER_ADDRESS] = KEY("server.address"),
	[OTLP_RPC_SYSTEM_NAME] = KEY("rpc.system.name"),
	[OTLP_SERVICE_VERSION] = KEY("service.version"),
	[OTLP_HTTP_STATUS_CODE] = KEY("http.status_code"),
	[OTLP_MESSAGING_SYSTEM] = KEY("messaging.system"),
	[OTLP_SERVICE_PEER_NAME] = KEY("service.peer.name"),
	[OTLP_K8S_DAEMONSET_NAME] = KEY("k8s.daemonset.name"),
	[OTLP_HTTP_REQUEST_METHOD] = KEY("http.request.method"),
	[OTLP_K8S_DEPLOYMENT_NAME] = KEY("k8s.deployment.name"),
	[OTLP_SERVICE_INSTANCE_ID] = KEY("service.instance.id"),
	[OTLP_K8S_STATEFULSET_NAME] = KEY("k8s.statefulset.name"),
	[OTLP_RPC_GRPC_STATUS_CODE] = KEY("rpc.grpc.status_code"),
	[OTLP_SAMPLING_PROBABILITY] = KEY("sampling.probability"),
	[OTLP_MESSAGING_DESTINATION] = KEY("messaging.destination"),
	[OTLP_HTTP_RESPONSE_STATUS_CODE] = KEY("http.response.status_code"),
	[OTLP_MESSAGING_DESTINATION_NAME] = KEY("messaging.destination.name"),
};

otlp_key
otlp_key_of(flow_text name)
{
	uint32_t least = 0;
	uint32_t greatest = OTLP_KEY_COUNT;

	while (least < greatest)
	{
		uint32_t at = (least + greatest) / 2;

		if (keys[at].length < name.length)
			least = at + 1;
		else
			greatest = at;
	}
	for (; least < OTLP_KEY_COUNT && keys[least].length == name.length; least++)
		if (memcmp(keys[least].name, name.data, name.length) == 0)
			return (otlp_key) least;
	return OTLP_KEY_NONE;
}

void
otlp_attributes_set(otlp_attributes *attributes, otlp_key key, otlp_value value)
{
	attributes->has |= UINT64_C(1) << key;
	attributes->values[key] = value;
}

static const otlp_value *
value_of(const otlp_attributes *attributes, otlp_key key)
{
	return attributes->has >> key & 1 ? &attributes->values[key] : NULL;
}

flow_text
otlp_text(const otlp_attributes *attributes, otlp_key key)
{
	const otlp_value *value = value_of(attributes, key);

	if (value == NULL || value->kind != OTLP_VALUE_STRING || value->text.length == 0 ||
		value->text.length > DECODE_MAX_TEXT)
		return (flow_text){NULL, 0};
	return value->text;
}

flow_text
otlp_first_text(const otlp_attributes *attributes, const otlp_key *wanted, size_t count)
{
	flow_text text = {NULL, 0};

	for (size_t i = 0; i < count && text.data == NULL; i++)
		text = otlp_text(attributes, wanted[i]);
	return text;
}

bool
otlp_number(const otlp_attributes *attributes, otlp_key key, double *number)
{
	const otlp_value *value = value_of(attributes, key);

	if (value == NULL)
		return false;
	switch (value->kind)
	{
		case OTLP_VALUE_INTEGER:
			*number = (double) value->integer;
			return true;
		case OTLP_VALUE_REAL:
			*number = value->real;
			return true;
		case OTLP_VALUE_STRING:
			return json_number(value->text, number);
		default:
			return false;
	}
}
