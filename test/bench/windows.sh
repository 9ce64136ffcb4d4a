#!/bin/sh
# Prints what windows of a graph of 8,000 nodes and 161,000 edges take, and how fast
# they answer; as "windows.sh dashboard", how fast a panel of it that shows the last
# hours is, again and again; as "windows.sh travel", how fast its ranges of time are
# traversed.  PGHOST, PGPORT, PGUSER and PGDATABASE say where; that database needs the
# extension, and no graph "bench" or "bench_few".  What it makes there is gone when it ends.
# WINDOW_MINUTES (4 to 60) says for how many minutes it is filled.
set -eu

here=$(dirname "$0")
run="psql -X -q -v ON_ERROR_STOP=1"
export PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning"

if [ "$($run -At -c "SELECT count(*) FROM topo.graph WHERE name IN ('bench', 'bench_few')")" != 0 ]; then
	echo "windows.sh: there is a graph \"bench\" or \"bench_few\" already; drop it with topo.drop_graph()" >&2
	exit 1
fi

clean_up()
{
	$run -o /dev/null <<-'SQL'
		ALTER SYSTEM RESET topology.maintenance_interval;
		SELECT pg_reload_conf();
		SELECT topo.drop_graph(name) FROM topo.graph WHERE name IN ('bench', 'bench_few');
		DELETE FROM topo.node WHERE type = 'app' AND name ~ '^bench-[0-9]{4}$';
	SQL
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# nobody else is to merge or roll up what is measured
$run -o /dev/null -c "ALTER SYSTEM SET topology.maintenance_interval = 0" -c "SELECT pg_reload_conf()"
$run -o /dev/null -f "$here/service_map.sql"
$run -v minutes="${WINDOW_MINUTES:-5}" -f "$here/${1:-windows}.sql"
