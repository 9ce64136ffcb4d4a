/*
 * hex.c
 *		Hexadecimal digits.
 *
 * Owns no memory.
 */
#include "decode/hex.h"

int
decode_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
decode_hex(flow_text text, uint8_t *bytes)
{
	for (uint32_t at = 0; at + 1 < text.length; at += 2)
	{
		int high = decode_hex_digit(text.data[at]);
		int low = decode_hex_digit(text.data[at + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[at / 2] = (uint8_t) (high << 4 | low);
	}
	return true;
}
