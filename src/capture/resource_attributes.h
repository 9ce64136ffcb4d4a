/*
 * resource_attributes.h
 *		Reads OTEL_RESOURCE_ATTRIBUTES.
 *
 * Source: the OpenTelemetry specification, "Resource SDK": key=value pairs
 * joined by commas; a value may hold percent-encoded bytes.
 */
#ifndef TOPOLOGY_RESOURCE_ATTRIBUTES_H
#define TOPOLOGY_RESOURCE_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The decoded value of key, NUL-terminated and cut off at size.  False: the
 * key is not there, or its value is empty or wrongly encoded.
 */
extern bool resource_attribute(const char *attributes, const char *key, char *value, size_t size);

#endif /* TOPOLOGY_RESOURCE_ATTRIBUTES_H */
