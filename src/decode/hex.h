/*
 * hex.h
 *		Hexadecimal digits.
 */
#ifndef TOPOLOGY_DECODE_HEX_H
#define TOPOLOGY_DECODE_HEX_H

#include "flow/flow.h"

/* The value of a hexadecimal digit of either case, or -1. */
extern int decode_hex_digit(char c);

/* Bytes, two digits each, of which text has an even number.  False: it has others. */
extern bool decode_hex(flow_text text, uint8_t *bytes);

#endif /* TOPOLOGY_DECODE_HEX_H */
