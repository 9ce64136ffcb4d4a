/*
 * join.c
 *		Names made of two texts.
 *
 * Owns no memory: the caller's room lives as long as the name has to.
 */
#include "decode/join.h"

#include <string.h>

flow_text
decode_join(flow_text first, const char *separator, flow_text second, char *room, size_t size)
{
	size_t between = strlen(separator);

	if (first.length == 0)
		return second;
	if (second.length == 0)
		return first;
	if (first.length + between + second.length > size)
		return (flow_text){NULL, 0};
	memcpy(room, first.data, first.length);
	memcpy(room + first.length, separator, between);
	memcpy(room + first.length + between, second.data, second.length);
	return (flow_text){room, (uint32_t) (first.length + between + second.length)};
}
