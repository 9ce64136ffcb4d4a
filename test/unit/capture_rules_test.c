/*
 * capture_rules_test.c
 *		Names of control groups, OpenTelemetry attributes, and the rules that
 *		make an app and a cluster of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "capture/cgroup_name.h"
#include "capture/identity_rules.h"
#include "capture/resource_attributes.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
#define UID "2b0f7a52-0c64-4c6e-9d1d-5a1c3f9e7b10"

/* Attributes as name and value in turn, ended by NULL. */
static bool
attribute_of(void *context, const char *name, char *value, size_t size)
{
	for (const char **pair = context; *pair != NULL; pair += 2)
		if (strcmp(pair[0], name) == 0)
			return snprintf(value, size, "%s", pair[1]) > 0;
	return false;
}

static void
assert_names(const char *rules_text, const char **attributes, const char *app, const char *cluster)
{
	identity_rules_error error = {0};
	identity_rules *rules = identity_rules_parse(rules_text, &error);
	char got_app[64], got_cluster[64];

	assert_non_null(rules);
	identity_rules_apply(rules, attribute_of, attributes, got_app, sizeof(got_app), got_cluster,
						 sizeof(got_cluster));
	identity_rules_free(rules);
	assert_string_equal(got_app, app);
	assert_string_equal(got_cluster, cluster);
}

static void
assert_rejected(const char *rules_text, int line, const char *message)
{
	identity_rules_error error = {0};

	assert_null(identity_rules_parse(rules_text, &error));
	assert_int_equal(error.line, line);
	assert_non_null(strstr(error.message, message));
}

static void
assert_path(const char *path, const char *container, const char *pod, const char *unit)
{
	cgroup_identity identity = {0};

	cgroup_take_path(&identity, path);
	assert_string_equal(identity.container_id, container);
	assert_string_equal(identity.pod_uid, pod);
	assert_string_equal(identity.unit, unit);
}

static void
containers_of_every_runtime_are_recognised(void **state)
{
	(void) state;
	assert_path("/docker/" ID, ID, "", "");
	assert_path("/system.slice/docker-" ID ".scope", ID, "", "");
	assert_path("/machine.slice/libpod-" ID ".scope", ID, "", "");
	assert_path("/system.slice/cri-containerd-" ID ".scope", ID, "", "");
	assert_path("/kubepods.slice/crio-" ID ".scope", ID, "", "");
}

static void
pods_are_recognised_with_both_cgroup_drivers(void **state)
{
	(void) state;
	assert_path("/kubepods.slice/kubepods-burstable.slice/"
				"kubepods-burstable-pod2b0f7a52_0c64_4c6e_9d1d_5a1c3f9e7b10.slice/"
				"cri-containerd-" ID ".scope",
				ID, UID, "");
	assert_path("/kubepods/besteffort/pod" UID "/" ID, ID, UID, "");
}

static void
units_are_recognised_the_innermost_first(void **state)
{
	(void) state;
	assert_path("/system.slice/nginx.service", "", "", "nginx.service");
	assert_path("/system.slice/system-postgresql.slice/postgresql@15-main.service", "", "",
				"postgresql@15-main.service");
	assert_path("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", "", "",
				"web.service");
	assert_path("/user.slice/user-0.slice/session-3.scope", "", "", "session-3.scope");
}

static void
other_names_say_nothing(void **state)
{
	(void) state;
	assert_path("/", "", "", "");
	assert_path("", "", "", "");
	assert_path("/.service/x.slice/0123abc", "", "", "");
	assert_path("/machine.slice/libpod-conmon-" ID ".scope", "", "", "");
	assert_path("/kubepods/podnot-a-uid", "", "", "");
	assert_path("/x" ID, "", "", "");
}

static void
a_part_longer_than_a_name_is_ignored(void **state)
{
	char path[1024];

	(void) state;
	memset(path, 'a', sizeof(path));
	strcpy(path + sizeof(path) - 20, ".service");
	assert_path(path, "", "", "");
}

static void
resource_attributes_are_split_trimmed_and_decoded(void **state)
{
	const char *text = "service.name=front%20end, service.version = 2%2e1 ,empty=,k=a=b";
	char value[64];

	(void) state;
	assert_true(resource_attribute(text, "service.name", value, sizeof(value)));
	assert_string_equal(value, "front end");
	assert_true(resource_attribute(text, "service.version", value, sizeof(value)));
	assert_string_equal(value, "2.1");
	assert_true(resource_attribute(text, "k", value, sizeof(value)));
	assert_string_equal(value, "a=b");
	assert_false(resource_attribute(text, "empty", value, sizeof(value)));
	assert_false(resource_attribute(text, "service", value, sizeof(value)));
}

static void
wrongly_encoded_values_are_refused(void **state)
{
	char value[64];

	(void) state;
	assert_false(resource_attribute("a=%2", "a", value, sizeof(value)));
	assert_false(resource_attribute("a=%zz", "a", value, sizeof(value)));
	assert_false(resource_attribute("a=x%00y", "a", value, sizeof(value)));
	assert_false(resource_attribute(",,=,a", "a", value, sizeof(value)));
	assert_false(resource_attribute("", "a", value, sizeof(value)));
}

static void
a_long_value_is_cut_off(void **state)
{
	char value[4];

	(void) state;
	assert_true(resource_attribute("a=bcdefg", "a", value, sizeof(value)));
	assert_string_equal(value, "bcd");
}

static void
default_rules_prefer_opentelemetry_then_unit_then_process(void **state)
{
	const char *all[] = {"otel.service.name",
						 "checkout",
						 "otel.service.version",
						 "v12",
						 "unit",
						 "web.service",
						 "process",
						 "java",
						 NULL};
	const char *unit[] = {"unit", "postgresql@15-main.service", "process", "postgres", NULL};
	const char *process[] = {"process", "redis-server", NULL};
	const char *nothing[] = {NULL};

	(void) state;
	assert_names(identity_rules_default(), all, "checkout", "checkout-v12");
	assert_names(identity_rules_default(), unit, "postgresql", "");
	assert_names(identity_rules_default(), process, "redis-server", "");
	assert_names(identity_rules_default(), nothing, "", "");
}

static void
default_rules_look_through_units_that_run_other_programs(void **state)
{
	static const char *const units[] = {"docker.service", "containerd.service",
										"ssh.service",    "ssh@7.service",
										"cron.service",   "user@1000.service"};

	(void) state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		const char *attributes[] = {"unit", units[i], "process", "curl", NULL};

		assert_names(identity_rules_default(), attributes, "curl", "");
	}
}

static void
the_first_rule_that_yields_a_name_wins(void **state)
{
	const char *attributes[] = {"process", "b", "netns", "shop", NULL};

	(void) state;
	assert_names("app process ^a$ first\napp netns (.*) \\1\napp process b third\n", attributes,
				 "shop", "");
	assert_names("app process b {unit}\napp process b {netns}/\\0\n", attributes, "shop/b", "");
	assert_names("app process (x)?b \\1\napp process b second\n", attributes, "second", "");
}

static void
a_cluster_without_an_app_is_none(void **state)
{
	const char *attributes[] = {"otel.service.version", "v1", NULL};

	(void) state;
	assert_names(identity_rules_default(), attributes, "", "");
}

static void
comments_blank_lines_and_spaces_are_skipped(void **state)
{
	const char *attributes[] = {"process", "b", NULL};

	(void) state;
	assert_names("\n  # app process b no\n\t\n app\tprocess  b   two words \r\n", attributes,
				 "two words", "");
}

static void
a_name_longer_than_its_room_is_cut_off(void **state)
{
	const char *attributes[] = {"process", "0123456789012345678901234567890123456789", NULL};

	(void) state;
	assert_names("app process .+ \\0\\0\n", attributes,
				 "012345678901234567890123456789012345678901234567890123456789012", "");
}

static void
a_name_is_valid_whatever_a_process_calls_itself(void **state)
{
	const char *attributes[] = {"process", "a\x01\xff\xc3\xa9", "host", "h\n", NULL};

	(void) state;
	assert_names("app process ^(.+)$ \\1\ncluster process .* {app}-{host}\n", attributes,
				 "a??\xc3\xa9", "a??\xc3\xa9-h?");
	/* cut within a character */
	attributes[1] = "0123456789012345678901234567890123456789012345678901234567890\xe2\x82\xac";
	assert_names("app process ^(.+)$ \\1\n", attributes,
				 "0123456789012345678901234567890123456789012345678901234567890??", "");
}

static void
wrong_rules_are_refused_with_their_line(void **state)
{
	(void) state;
	assert_rejected("app process .* x\nnode process .* x\n", 2, "neither");
	assert_rejected("\n\napp colour .* x\n", 3, "no attribute");
	assert_rejected("app process .*\n", 1, "expected");
	assert_rejected("app\n", 1, "expected");
	assert_rejected("app process ( x\n", 1, "regular expression");
	assert_rejected("app otel. .* x\n", 1, "no attribute");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_of_every_runtime_are_recognised),
		cmocka_unit_test(pods_are_recognised_with_both_cgroup_drivers),
		cmocka_unit_test(units_are_recognised_the_innermost_first),
		cmocka_unit_test(other_names_say_nothing),
		cmocka_unit_test(a_part_longer_than_a_name_is_ignored),
		cmocka_unit_test(resource_attributes_are_split_trimmed_and_decoded),
		cmocka_unit_test(wrongly_encoded_values_are_refused),
		cmocka_unit_test(a_long_value_is_cut_off),
		cmocka_unit_test(default_rules_prefer_opentelemetry_then_unit_then_process),
		cmocka_unit_test(default_rules_look_through_units_that_run_other_programs),
		cmocka_unit_test(the_first_rule_that_yields_a_name_wins),
		cmocka_unit_test(a_cluster_without_an_app_is_none),
		cmocka_unit_test(comments_blank_lines_and_spaces_are_skipped),
		cmocka_unit_test(a_name_longer_than_its_room_is_cut_off),
		cmocka_unit_test(a_name_is_valid_whatever_a_process_calls_itself),
		cmocka_unit_test(wrong_rules_are_refused_with_their_line),
	};

	return cmocka_run_group_tests_name("capture rules", tests, NULL, NULL);
}
