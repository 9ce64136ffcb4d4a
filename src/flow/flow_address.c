/*
 * flow_address.c
 *		IP addresses of flow records.
 *
 * One form for each address is what makes comparing bytes enough: unused bytes
 * are zero, and what is really IPv4 is stored as IPv4.  Owns no memory.
 */
#include "flow/flow_address.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t ipv4_mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t ipv6_loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

flow_address
flow_address_from_ipv4(const uint8_t bytes[4])
{
	flow_address address = {.family = 4};

	memcpy(address.bytes, bytes, 4);
	return address;
}

flow_address
flow_address_from_ipv6(const uint8_t bytes[16])
{
	flow_address address = {.family = 6};

	if (memcmp(bytes, ipv4_mapped_prefix, sizeof(ipv4_mapped_prefix)) == 0)
		return flow_address_from_ipv4(bytes + sizeof(ipv4_mapped_prefix));
	memcpy(address.bytes, bytes, 16);
	return address;
}

/* A number of at most 255 without leading zeros, and how many digits it has; 0: it is none. */
static size_t
parse_octet(const char *text, size_t length, uint8_t *octet)
{
	unsigned int value = 0;
	size_t at = 0;

	while (at < length && at < 3 && text[at] >= '0' && text[at] <= '9')
		value = value * 10 + (unsigned int) (text[at++] - '0');
	if (value > 255 || (at > 1 && text[0] == '0'))
		return 0;
	*octet = (uint8_t) value;
	return at;
}

/* Most addresses are of this form, and inet_pton takes its time. */
static bool
parse_ipv4(const char *text, size_t length, flow_address *address)
{
	uint8_t bytes[4];
	size_t at = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
	{
		size_t digits;

		if (i > 0 && (at == length || text[at++] != '.'))
			return false;
		digits = parse_octet(text + at, length - at, &bytes[i]);
		if (digits == 0)
			return false;
		at += digits;
	}
	if (at != length)
		return false;
	memset(address, 0, sizeof(*address));
	address->family = 4;
	memcpy(address->bytes, bytes, sizeof(bytes));
	return true;
}

static bool
parse_ipv6(const char *text, size_t length, flow_address *address)
{
	char terminated[FLOW_ADDRESS_TEXT_SIZE];
	uint8_t bytes[16];

	if (length >= sizeof(terminated) || memchr(text, '\0', length) != NULL)
		return false;
	memcpy(terminated, text, length);
	terminated[length] = '\0';
	if (inet_pton(AF_INET6, terminated, bytes) != 1)
		return false;
	*address = flow_address_from_ipv6(bytes);
	return true;
}

bool
flow_address_parse(const char *text, size_t length, flow_address *address)
{
	return parse_ipv4(text, length, address) || parse_ipv6(text, length, address);
}

size_t
flow_address_format(const flow_address *address, char text[FLOW_ADDRESS_TEXT_SIZE])
{
	text[0] = '\0';
	if (address->family != 0)
		inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, text,
				  FLOW_ADDRESS_TEXT_SIZE);
	return strlen(text);
}

bool
flow_address_is_loopback(const flow_address *address)
{
	if (address->family == 4)
		return address->bytes[0] == 127;
	return address->family == 6 &&
		   memcmp(address->bytes, ipv6_loopback, sizeof(ipv6_loopback)) == 0;
}

int
flow_address_compare(const flow_address *a, const flow_address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}
