#!/usr/bin/env bash
#
# resolve.sh: seconds to resolve one window of RESOLVE_ROWS rows of several shapes,
# and the memory that it took.  Sourced by run.sh, which has a server.

RESOLVE_ROWS=${RESOLVE_ROWS:-1000000}

# Resolves in a session of its own; prints seconds, edges, nodes that stand for addresses,
# seconds of processor time, and
# the most memory that its process had of its own, in MB.
resolve_window() {
	# shellcheck disable=SC2016 # expanded by the shell that psql starts
	sql -d "$1" <<-'SQL'
		SELECT pg_backend_pid() AS pid, clock_timestamp() AS begin \gset
		\setenv RESOLVER :pid
		SELECT topo.flush() \g /dev/null
		SELECT extract(epoch FROM clock_timestamp() - :'begin'), (SELECT count(*) FROM topo_network.edge_window),
			(SELECT count(*) FROM topo.node WHERE type = 'address');
		\! awk -v ticks="$(getconf CLK_TCK)" '{ print ($14 + $15) / ticks }' /proc/$RESOLVER/stat
		\! awk '/^VmHWM/ { most = $2 } /^Rss(Shmem|File)/ { others += $2 } END { print (most - others) / 1024 }' /proc/$RESOLVER/status
	SQL
}

set_resolve_memory() { sql -c "ALTER SYSTEM SET topology.resolve_memory = '$1'" -c "SELECT pg_reload_conf()" >/dev/null; }

# bench_resolve_shape SHAPE MEMORY: in a database of its own; prints a line, and the processor time to RESOLVED.
bench_resolve_shape() {
	local database=resolve_$1 figures

	sql -c "CREATE DATABASE $database"
	sql -d "$database" -c "CREATE EXTENSION topology"
	sql -d "$database" -v rows="$RESOLVE_ROWS" -v shape="$1" -f "$HERE/resolve.sql" >/dev/null
	set_resolve_memory "$2"
	figures=$(resolve_window "$database" | tr '|\n' '  ')
	sql -c "DROP DATABASE $database"
	awk -v name="$1, in $2" -v figures="$figures" -v m="$((RESOLVE_ROWS / 1000))" 'BEGIN {
		split(figures, f, " ")
		printf "\t%s: %.1f s for a million rows, %.1f s of processor time; %d edges, %d nodes of addresses; peak memory %d MB\n",
			name, f[1] * 1000 / m, f[4] * 1000 / m, f[2], f[3], f[5] }'
	RESOLVED=$(cut -d' ' -f4 <<<"$figures")
}

bench_resolve() {
	local shape plain

	bench_resolve_shape plain 256MB
	plain=$RESOLVED
	for shape in hub proxies scan clients; do
		bench_resolve_shape "$shape" 256MB
		awk -v shape="$shape" -v plain="$plain" -v other="$RESOLVED" 'BEGIN {
			printf "\t\t%s to plain, in processor time: %.2f\n", shape, other / plain }'
	done
	for shape in plain proxies clients; do
		bench_resolve_shape "$shape" 16MB
	done
	sql -c "ALTER SYSTEM RESET topology.resolve_memory" -c "SELECT pg_reload_conf()" >/dev/null
}
