/*
 * otlp_names.c
 *		Names that resources, spans and data points of OpenTelemetry give.
 *
 * Owns no memory.
 */
#include "decode/otlp_names.h"

#include "decode/join.h"

#define FIRST(attributes, ...)                                                                     \
	otlp_first_text(attributes, (const otlp_key[]){__VA_ARGS__},                                   \
					sizeof((const otlp_key[]){__VA_ARGS__}) / sizeof(otlp_key))

static flow_text
join(flow_text first, const char *separator, flow_text second, otlp_name_room *room)
{
	return decode_join(first, separator, second, room->bytes, sizeof(room->bytes));
}

void
otlp_resource_settle(otlp_resource *resource)
{
	const otlp_attributes *attributes = &resource->attributes;
	flow_text version = otlp_text(attributes, OTLP_SERVICE_VERSION);
	flow_text owner = FIRST(attributes, OTLP_K8S_DEPLOYMENT_NAME, OTLP_K8S_STATEFULSET_NAME,
							OTLP_K8S_DAEMONSET_NAME);

	resource->service = otlp_text(attributes, OTLP_SERVICE_NAME);
	if (resource->service.data == NULL)
		resource->service = owner;
	resource->cluster = owner;
	if (version.data != NULL && resource->service.data != NULL)
		resource->cluster = join(resource->service, "-", version, &resource->cluster_room);
	resource->instance = FIRST(attributes, OTLP_SERVICE_INSTANCE_ID, OTLP_K8S_POD_NAME);
}

flow_text
otlp_endpoint(const otlp_attributes *attributes, otlp_name_room *room)
{
	flow_text route = FIRST(attributes, OTLP_HTTP_ROUTE, OTLP_URL_TEMPLATE);
	flow_text endpoint;

	if (route.data == NULL)
		return join(otlp_text(attributes, OTLP_RPC_SERVICE), "/",
					otlp_text(attributes, OTLP_RPC_METHOD), room);
	endpoint =
		join(FIRST(attributes, OTLP_HTTP_REQUEST_METHOD, OTLP_HTTP_METHOD), " ", route, room);
	return endpoint.data != NULL ? endpoint : route;
}

static span_peer
kind_of_peer(flow_text name, flow_text address, flow_text database, flow_text messaging)
{
	if (database.data != NULL)
		return SPAN_PEER_DATABASE;
	if (messaging.data != NULL)
		return SPAN_PEER_MESSAGING;
	if (name.data != NULL)
		return SPAN_PEER_APP;
	return address.data != NULL ? SPAN_PEER_EXTERNAL : SPAN_PEER_NONE;
}

/* The peer of a client: who may be no app. */
static flow_text
callee(const otlp_attributes *attributes, flow_text name, otlp_name_room *room, uint8_t *kind)
{
	flow_text address = FIRST(attributes, OTLP_SERVER_ADDRESS, OTLP_NET_PEER_NAME);
	flow_text database = FIRST(attributes, OTLP_DB_SYSTEM_NAME, OTLP_DB_SYSTEM);
	flow_text messaging = otlp_text(attributes, OTLP_MESSAGING_SYSTEM);
	flow_text system = database.data != NULL ? database : messaging;
	flow_text within = database.data != NULL ? FIRST(attributes, OTLP_DB_NAMESPACE, OTLP_DB_NAME)
											 : FIRST(attributes, OTLP_MESSAGING_DESTINATION_NAME,
													 OTLP_MESSAGING_DESTINATION);

	*kind = (uint8_t) kind_of_peer(name, address, database, messaging);
	if (name.data != NULL)
		return name;
	if (system.data == NULL)
		return address;
	name = join(system, "/", within.data != NULL ? within : address, room);
	return name.data != NULL ? name : system;
}

flow_text
otlp_peer(const otlp_attributes *attributes, bool serves, otlp_name_room *room, uint8_t *kind)
{
	flow_text name = FIRST(attributes, OTLP_SERVICE_PEER_NAME, OTLP_PEER_SERVICE);

	if (!serves)
		return callee(attributes, name, room, kind);
	*kind = name.data != NULL ? SPAN_PEER_APP : SPAN_PEER_NONE;
	return name;
}
