/*
 * pin_commands.c
 *		pin, attach and unpin: the capture for a reader that is no root.
 */
#include <grp.h>
#include <unistd.h>

#include "agent/bpffs.h"
#include "agent/command.h"
#include "agent/forward.h"
#include "agent/pin.h"
#include "capture/pins.h"

static int
check_root(void)
{
	if (geteuid() == 0)
		return AGENT_OK;
	return agent_fail(AGENT_NOT_PERMITTED, "only root may pin, attach and unpin the capture");
}

static int
find_group(const char *name, gid_t *gid)
{
	struct group *group = getgrnam(name);

	if (group == NULL)
		return agent_fail(AGENT_FAILED, "there is no group \"%s\"; name the reader's with --group",
						  name);
	*gid = group->gr_gid;
	return AGENT_OK;
}

/* Of a capture that looks at what is forwarded. */
static int
follow(const char *dir)
{
	return !bpffs_has(dir, PIN_FORWARD) || forward_follow(dir) ? AGENT_OK : AGENT_FAILED;
}

int
command_pin(int argc, char **argv)
{
	pin_options options;
	gid_t gid = 0;
	int result;

	if (!pin_options_parse(argc, argv, &options))
		return AGENT_USAGE;
	if ((result = check_root()) != AGENT_OK)
		return result;
	if ((result = find_group(options.group, &gid)) != AGENT_OK)
		return result;
	if (options.replace || !pin_is_whole(options.dir))
		return pin_capture(&options, gid);
	agent_say("capture is pinned in %s already", options.dir);
	return follow(options.dir);
}

int
command_attach(int argc, char **argv)
{
	pin_options options;
	int result;

	if (!pin_options_parse(argc, argv, &options))
		return AGENT_USAGE;
	if ((result = check_root()) != AGENT_OK)
		return result;
	if (!bpffs_has(options.dir, PIN_ABOUT))
		return agent_fail(AGENT_FAILED, "nothing is pinned in \"%s\"", options.dir);
	if (!bpffs_has(options.dir, PIN_FORWARD))
		agent_say("the capture in %s does not look at what is forwarded", options.dir);
	return follow(options.dir);
}

int
command_unpin(int argc, char **argv)
{
	pin_options options;
	int result;

	if (!pin_options_parse(argc, argv, &options))
		return AGENT_USAGE;
	if ((result = check_root()) != AGENT_OK)
		return result;
	if (!bpffs_remove(options.dir))
		return AGENT_FAILED;
	agent_say("nothing is pinned in %s", options.dir);
	return AGENT_OK;
}
