/*
 * flow_address_test.c
 *		IP addresses of flow records.
 */
#include "unit.h"

#include "flow/flow_address.h"

static void
addresses_are_read_and_written(void **state)
{
	static const struct
	{
		const char *text;
		const char *written;
		uint8_t family;
	} cases[] = {
		{"10.0.0.7", "10.0.0.7", 4},
		{"255.255.255.255", "255.255.255.255", 4},
		{"0.0.0.0", "0.0.0.0", 4},
		{"::", "::", 6},
		{"2001:DB8:0:0:0:0:0:1", "2001:db8::1", 6},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6},
		{"::ffff:10.0.0.7", "10.0.0.7", 4},
		{"::ffff:a00:7", "10.0.0.7", 4},
		{"64:ff9b::10.0.0.7", "64:ff9b::a00:7", 6},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		flow_address address = address_of(cases[i].text);
		char text[FLOW_ADDRESS_TEXT_SIZE];

		assert_int_equal(address.family, cases[i].family);
		assert_int_equal(flow_address_format(&address, text), strlen(cases[i].written));
		assert_string_equal(text, cases[i].written);
	}
}

static void
only_the_given_length_is_read(void **state)
{
	flow_address address;

	(void) state;
	assert_true(flow_address_parse("10.0.0.77", 8, &address));
	assert_address(address, "10.0.0.7");
}

static void
what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"10",
		"10.0.0",
		"10.0.0.256",
		"10.0.0.1/8",
		"10.0.0.1:80",
		" 10.0.0.1",
		"10.0.0.1 ",
		"010.0.0.1",
		"fe80::1%lo",
		"[::1]",
		"::1::",
		"localhost",
		"1.2.3.4.5",
		":",
		"12345::",
		"0000:0000:0000:0000:0000:0000:255.255.255.2555",
	};
	flow_address address = {.family = 9};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(texts); i++)
		assert_false(flow_address_parse(texts[i], strlen(texts[i]), &address));
	assert_false(flow_address_parse("10.0.0.1\0", 9, &address));
	assert_int_equal(address.family, 9);
}

static void
an_address_from_bytes_is_the_same_as_from_text(void **state)
{
	const uint8_t ipv4[4] = {10, 0, 0, 7};
	const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 7};
	flow_address from_text = address_of("10.0.0.7");
	flow_address from_bytes = flow_address_from_ipv4(ipv4);
	flow_address from_mapped = flow_address_from_ipv6(mapped);

	(void) state;
	assert_memory_equal(&from_text, &from_bytes, sizeof(from_text));
	assert_memory_equal(&from_text, &from_mapped, sizeof(from_text));
	assert_address(flow_address_from_ipv6(ipv6), "2001:db8::1");
}

static void
no_address_is_written_as_nothing(void **state)
{
	flow_address none = {0};
	char text[FLOW_ADDRESS_TEXT_SIZE] = "x";

	(void) state;
	assert_int_equal(flow_address_format(&none, text), 0);
	assert_string_equal(text, "");
}

static void
loopback_is_127_slash_8_and_colon_colon_1(void **state)
{
	static const char *const loopback[] = {"127.0.0.1", "127.255.255.254", "::1",
										   "::ffff:127.0.0.1"};
	static const char *const other[] = {"126.255.255.255", "128.0.0.1", "::", "::2",
										"7f00::1",         "1.0.0.127"};
	flow_address none = {0};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(loopback); i++)
	{
		flow_address address = address_of(loopback[i]);

		assert_true(flow_address_is_loopback(&address));
	}
	for (size_t i = 0; i < LENGTH_OF(other); i++)
	{
		flow_address address = address_of(other[i]);

		assert_false(flow_address_is_loopback(&address));
	}
	assert_false(flow_address_is_loopback(&none));
}

static void
addresses_are_ordered_by_family_and_value(void **state)
{
	static const char *const ordered[] = {"9.255.0.0", "10.0.0.0", "10.0.0.1", "255.0.0.0",
										  "::",        "::1",      "2001::"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(ordered); i++)
		for (size_t j = 0; j < LENGTH_OF(ordered); j++)
		{
			flow_address a = address_of(ordered[i]);
			flow_address b = address_of(ordered[j]);
			int order = flow_address_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(only_the_given_length_is_read),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(an_address_from_bytes_is_the_same_as_from_text),
		cmocka_unit_test(no_address_is_written_as_nothing),
		cmocka_unit_test(loopback_is_127_slash_8_and_colon_colon_1),
		cmocka_unit_test(addresses_are_ordered_by_family_and_value),
	};

	return cmocka_run_group_tests_name("flow_address", tests, NULL, NULL);
}
