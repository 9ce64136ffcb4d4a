/*
 * worker.c
 *		Starts what worker.h describes.
 */
#include "postgres.h"

#include "worker/launcher.h"
#include "worker/registry.h"
#include "worker/utility.h"
#include "worker/worker.h"

void
worker_init(void)
{
	registry_request();
	utility_install_hooks();
	launcher_register();
}
