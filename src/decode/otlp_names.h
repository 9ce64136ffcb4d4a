/*
 * otlp_names.h
 *		Names that spans and data points have in common.
 */
#ifndef TOPOLOGY_DECODE_OTLP_NAMES_H
#define TOPOLOGY_DECODE_OTLP_NAMES_H

#include "decode/otlp_meaning.h"

/* The endpoint after the attributes, or absent; as otlp_meaning.h says. */
extern flow_text otlp_endpoint(const otlp_attributes *attributes, otlp_name_room *room);

/*
 * Who is at the other end, and in kind what it is; as otlp_meaning.h says.  Of
 * one that serves, whose addresses and systems are its own, only a named app.
 */
extern flow_text otlp_peer(const otlp_attributes *attributes, bool serves, otlp_name_room *room,
						   uint8_t *kind);

#endif /* TOPOLOGY_DECODE_OTLP_NAMES_H */
