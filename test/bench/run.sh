#!/usr/bin/env bash
#
# run.sh [PART ...]: the figures; without parts, all of them.  "make bench" calls
# it, with the extension installed in the PostgreSQL of PG_CONFIG and topology-agent
# built; PARTS="kafka" makes it these parts only.
#
#	capture		what a connection costs, in the kernel's programs and in all, and what
#				a bounded storm of connections loses, beside the map's count
#	kafka		from a topic to resolved windows, beside a bare poll loop; a backlog;
#				how fresh the map is
#	resolve		a window of a million rows: plain, with a hub, through proxies, with a scan,
#				from a million clients; time and memory
#	windows		what windows of that map take to store, and how fast they answer
#	dashboard	a panel of its last three hours, as time passes
#	travel		traversal of its ranges of time, against WITH RECURSIVE over topo.edges()
#	traverse	against WITH RECURSIVE, on a map of 8,000 nodes and 161,000 edges
#	rmat		the same and plain C, on a graph of a million nodes and ten million edges
#
# The first needs root and a kernel with BTF; without, it says so.

set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
PG_CONFIG=${PG_CONFIG:-pg_config}
AGENT=${TOPOLOGY_AGENT:-$TOP/topology-agent}
BINDIR=$("$PG_CONFIG" --bindir)

# shellcheck source=test/lib/fleet.sh
. "$TOP/test/lib/fleet.sh"

sql() { "$BINDIR/psql" -qAtX -v ON_ERROR_STOP=1 -h "$FLEET_DIR/bench" -U postgres -d postgres "$@"; }

say() { printf '\n== %s\n' "$*"; }

start_server() {
	fleet_postgres bench - "$BINDIR" "shared_preload_libraries = 'topology'" "jit = off" \
		"shared_buffers = '512MB'" "max_wal_size = '4GB'"
	sql -c "CREATE EXTENSION topology" -c "SELECT topo.create_service_map()" >/dev/null
}

part_capture() {
	# shellcheck source=test/bench/capture.sh
	. "$HERE/capture.sh"
	bench_capture
}

part_kafka() {
	# shellcheck source=test/bench/kafka.sh
	. "$HERE/kafka.sh"
	say "kafka: records to committed, resolved windows"
	bench_kafka
}

part_resolve() {
	# shellcheck source=test/bench/resolve.sh
	. "$HERE/resolve.sh"
	say "resolve: a window of $RESOLVE_ROWS rows, within topology.resolve_memory"
	bench_resolve
}

part_traverse() {
	say "traverse: milliseconds, medians"
	PGHOST=$FLEET_DIR/bench PGUSER=postgres PGDATABASE=postgres PATH=$BINDIR:$PATH "$HERE/traverse.sh"
}

part_rmat() {
	say "rmat: milliseconds, medians"
	PGHOST=$FLEET_DIR/bench PGUSER=postgres PGDATABASE=postgres PATH=$BINDIR:$PATH "$HERE/rmat.sh"
}

part_windows() {
	say "windows: storage, rollups, and answers of ranges"
	PGHOST=$FLEET_DIR/bench PGUSER=postgres PGDATABASE=postgres PATH=$BINDIR:$PATH "$HERE/windows.sh"
}

part_dashboard() {
	say "dashboard: the last three hours, again and again"
	PGHOST=$FLEET_DIR/bench PGUSER=postgres PGDATABASE=postgres PATH=$BINDIR:$PATH "$HERE/windows.sh" dashboard
}

part_travel() {
	say "travel: traversal of ranges of time"
	PGHOST=$FLEET_DIR/bench PGUSER=postgres PGDATABASE=postgres PATH=$BINDIR:$PATH "$HERE/windows.sh" travel
}

fleet_init bench topo-bench$$-
start_server
for part in ${*:-capture kafka resolve traverse rmat windows dashboard travel}; do
	"part_$part"
done
