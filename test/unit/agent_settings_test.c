/*
 * agent_settings_test.c
 *		Settings of the agent, from its command line and from a file.
 */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "agent/option_values.h"
#include "agent/settings.h"

static char path[] = "/tmp/agent-settings-XXXXXX";

static int
make_file(void **state)
{
	int fd = mkstemp(path);

	(void) state;
	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static int
remove_file(void **state)
{
	(void) state;
	return unlink(path);
}

static void
write_file(const char *text, size_t length, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static bool
read_text(settings *settings, const char *text, mode_t mode)
{
	write_file(text, strlen(text), mode);
	return settings_read(settings, path);
}

static void
assert_setting(const settings *settings, size_t index, const char *name, const char *value)
{
	assert_true(index < settings->count);
	assert_string_equal(settings->list[index].name, name);
	assert_string_equal(settings->list[index].value, value);
}

static void
a_pair_is_a_name_and_a_value(void **state)
{
	settings settings = {.count = 0};

	(void) state;
	assert_true(settings_add(&settings, "here", "a.b=c"));
	assert_true(settings_add(&settings, "here", " a.b \t= c = d "));
	assert_true(settings_add(&settings, "here", "empty="));
	assert_false(settings_add(&settings, "here", "=c"));
	assert_false(settings_add(&settings, "here", " =c"));
	assert_false(settings_add(&settings, "here", "name"));
	assert_false(settings_add(&settings, "here", ""));
	assert_int_equal(settings.count, 3);
	assert_setting(&settings, 0, "a.b", "c");
	/* of a value, every byte counts: it may be a password */
	assert_setting(&settings, 1, "a.b", " c = d ");
	assert_setting(&settings, 2, "empty", "");
	settings_free(&settings);
	assert_int_equal(settings.count, 0);
}

static void
a_file_has_one_a_line(void **state)
{
	settings settings = {.count = 0};

	(void) state;
	assert_true(settings_add(&settings, "here", "first=1"));
	assert_true(read_text(&settings, "# comment=1\n\n  \t\n second=2\r\n\t# x=y\nthird=#3", 0644));
	assert_int_equal(settings.count, 3);
	assert_setting(&settings, 1, "second", "2");
	assert_setting(&settings, 2, "third", "#3");
	settings_free(&settings);
	assert_true(read_text(&settings, "", 0600));
	assert_int_equal(settings.count, 0);
}

static void
a_file_that_is_none_is_refused(void **state)
{
	settings settings = {.count = 0};
	char *large = calloc(1, (1 << 20) + 1);

	(void) state;
	assert_false(read_text(&settings, "a=b\nnonsense\n", 0600));
	write_file("a=b\0c=d\n", 8, 0600);
	assert_false(settings_read(&settings, path));
	assert_false(settings_read(&settings, "/nonexistent/settings"));
	assert_false(settings_read(&settings, "/"));
	memset(large, '#', (1 << 20) + 1);
	write_file(large, (1 << 20) + 1, 0600);
	assert_false(settings_read(&settings, path));
	write_file(large, 1 << 20, 0600);
	assert_true(settings_read(&settings, path));
	free(large);
	settings_free(&settings);
}

static void
a_secret_is_not_taken_from_a_file_that_all_may_read(void **state)
{
	settings settings = {.count = 0};

	(void) state;
	assert_false(read_text(&settings, "sasl.password=x\n", 0644));
	assert_false(read_text(&settings, "a=b\nSSL.Key.PEM=x\n", 0604));
	assert_true(read_text(&settings, "sasl.password=x\n", 0640));
	assert_true(read_text(&settings, "security.protocol=ssl\nssl.ca.location=/ca.pem\n", 0644));
	settings_free(&settings);
}

static void
no_more_are_taken_than_there_is_room_for(void **state)
{
	settings settings = {.count = 0};

	(void) state;
	for (size_t i = 0; i < SETTINGS_MAX; i++)
		assert_true(settings_add(&settings, "here", "a=b"));
	assert_false(settings_add(&settings, "here", "a=b"));
	settings_free(&settings);
}

static void
values_of_options_are_read_or_refused(void **state)
{
	uint64_t number = 0;
	int64_t ms = 0;

	(void) state;
	assert_true(option_size("x", "16MB", &number));
	assert_int_equal(number, 16 << 20);
	assert_true(option_size("x", "512kb", &number));
	assert_int_equal(number, 512 << 10);
	assert_true(option_size("x", "7", &number));
	assert_int_equal(number, 7);
	assert_true(option_size("x", "1024MB", &number));
	assert_false(option_size("x", "1025MB", &number));
	assert_false(option_size("x", "9999999999999MB", &number));
	assert_false(option_size("x", "0", &number));
	assert_false(option_size("x", "-1MB", &number));
	assert_false(option_size("x", "1 MB", &number));
	assert_false(option_size("x", "", &number));
	assert_true(option_fraction("x", "0.5", 100, 60000, &ms));
	assert_int_equal(ms, 500);
	assert_true(option_fraction("x", "60", 100, 60000, &ms));
	assert_int_equal(ms, 60000);
	assert_false(option_fraction("x", "60.1", 100, 60000, &ms));
	assert_false(option_fraction("x", "nan", 100, 60000, &ms));
	assert_false(option_fraction("x", "inf", 100, 60000, &ms));
	assert_false(option_fraction("x", "-1", 0, 60000, &ms));
	assert_false(option_fraction("x", "1s", 0, 60000, &ms));
	assert_true(option_seconds("x", "30", &number));
	assert_int_equal(number, 30000000000);
	assert_false(option_seconds("x", "0", &number));
	assert_false(option_number("x", "17", 1, 16, &number));
	assert_true(option_number("x", "16", 1, 16, &number));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_is_a_name_and_a_value),
		cmocka_unit_test(a_file_has_one_a_line),
		cmocka_unit_test(a_file_that_is_none_is_refused),
		cmocka_unit_test(a_secret_is_not_taken_from_a_file_that_all_may_read),
		cmocka_unit_test(no_more_are_taken_than_there_is_room_for),
		cmocka_unit_test(values_of_options_are_read_or_refused),
	};

	return cmocka_run_group_tests_name("agent_settings", tests, make_file, remove_file);
}
