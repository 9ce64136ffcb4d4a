/*
 * window.c
 *		Upkeep of the tables of windows, for the worker.
 *
 * The work is done by topo.maintain_windows(), which explains its locks; this
 * is the way from a worker's transaction to it.  All memory belongs to the SPI
 * connection and goes with it.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/snapmgr.h"

#include "window/window.h"

void
window_maintain(void)
{
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute("SELECT topo.maintain_windows()", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "topo.maintain_windows() could not be run");
	PopActiveSnapshot();
	SPI_finish();
}
