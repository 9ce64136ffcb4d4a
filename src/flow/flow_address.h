/*
 * flow_address.h
 *		IP addresses of flow records: made, read, written, compared.
 */
#ifndef TOPOLOGY_FLOW_ADDRESS_H
#define TOPOLOGY_FLOW_ADDRESS_H

#include "flow/flow.h"

/* Room for any address as text, with its NUL. */
#define FLOW_ADDRESS_TEXT_SIZE 46

/* From bytes in network order; an IPv4-mapped IPv6 address becomes IPv4. */
extern flow_address flow_address_from_ipv4(const uint8_t bytes[4]);
extern flow_address flow_address_from_ipv6(const uint8_t bytes[16]);

/*
 * Read an address as inet_pton(3) does: no port, no zone, no prefix length, no
 * octal.  text need not be NUL-terminated.  False: not an address, and address
 * is untouched.
 */
extern bool flow_address_parse(const char *text, size_t length, flow_address *address);

/*
 * Write an address into text, NUL-terminated, and return its length; nothing
 * and 0 for family 0.
 */
extern size_t flow_address_format(const flow_address *address, char text[FLOW_ADDRESS_TEXT_SIZE]);

/* 127.0.0.0/8 or ::1. */
extern bool flow_address_is_loopback(const flow_address *address);

/* Order by family, then by bytes: negative, 0 or positive. */
extern int flow_address_compare(const flow_address *a, const flow_address *b);

#endif /* TOPOLOGY_FLOW_ADDRESS_H */
