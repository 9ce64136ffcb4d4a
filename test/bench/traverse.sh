#!/bin/sh
# Prints traverse() and reachable_count() against WITH RECURSIVE on a graph of
# 8,000 nodes and 161,000 edges.  PGHOST, PGPORT, PGUSER and PGDATABASE say where;
# that database needs the extension, and no graph "bench".  What it makes there
# is gone when it ends.
set -eu

here=$(dirname "$0")
run="psql -X -q -v ON_ERROR_STOP=1"
export PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning"

if [ "$($run -At -c "SELECT count(*) FROM topo.graph WHERE name = 'bench'")" != 0 ]; then
	echo "traverse.sh: there is a graph \"bench\" already; drop it with SELECT topo.drop_graph('bench')" >&2
	exit 1
fi

clean_up()
{
	$run -o /dev/null <<-'SQL'
		SELECT topo.drop_graph(name) FROM topo.graph WHERE name = 'bench';
		DELETE FROM topo.node WHERE type = 'app' AND name ~ '^bench-[0-9]{4}$';
	SQL
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

$run -o /dev/null -f "$here/service_map.sql"
$run -o /dev/null -c "SELECT topo.take_snapshot('bench')"
$run -f "$here/traverse.sql"
