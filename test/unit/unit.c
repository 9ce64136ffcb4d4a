/*
 * unit.c
 *		What the unit tests share.
 */
#include "unit.h"

#include <locale.h>
#include <wchar.h>

#include "flow/flow_address.h"

flow_address
address_of(const char *text)
{
	flow_address address = {0};

	assert_true(flow_address_parse(text, strlen(text), &address));
	return address;
}

flow_text
text_of(const char *text)
{
	return (flow_text){text, (uint32_t) strlen(text)};
}

void
assert_text(flow_text text, const char *expected)
{
	if (expected == NULL)
	{
		assert_null(text.data);
		assert_int_equal(text.length, 0);
		return;
	}
	assert_non_null(text.data);
	assert_int_equal(text.length, strlen(expected));
	assert_memory_equal(text.data, expected, text.length);
}

void
assert_address(flow_address address, const char *expected)
{
	char text[FLOW_ADDRESS_TEXT_SIZE];

	flow_address_format(&address, text);
	assert_string_equal(text, expected);
}

void
assert_printable(const char *bytes)
{
	mbstate_t state = {0};
	wchar_t wide;
	size_t length;

	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	while (*bytes != '\0')
	{
		length = mbrtowc(&wide, bytes, strlen(bytes), &state);
		assert_true(length != (size_t) -1 && length != (size_t) -2);
		assert_true(wide >= 0x20 && !(wide >= 0x7f && wide < 0xa0));
		bytes += length;
	}
}
