#!/usr/bin/env bash
#
# resolve.sh: seconds to resolve one window of RESOLVE_ROWS rows, with a hub and
# without, and the memory that it took.  Sourced by run.sh, which has a server.

RESOLVE_ROWS=${RESOLVE_ROWS:-1000000}

# Resolves in a session of its own; prints seconds, edges, and in MB the most memory
# that its process had, and what of it is shared with the server.
resolve_window() {
	# shellcheck disable=SC2016 # expanded by the shell that psql starts
	sql -d "$1" <<-'SQL'
		SELECT pg_backend_pid() AS pid, clock_timestamp() AS begin \gset
		\setenv RESOLVER :pid
		SELECT topo.flush() \g /dev/null
		SELECT round(extract(epoch FROM clock_timestamp() - :'begin'), 2), (SELECT count(*) FROM topo_network.edge_window);
		\! awk '/^VmHWM/ { most = $2 } /^RssShmem/ { shared = $2 } END { printf "%d %d\n", most / 1024, shared / 1024 }' /proc/$RESOLVER/status
	SQL
}

# One shape of traffic, in a database of its own.
bench_resolve_shape() {
	local hub=$1 database=resolve_$1
	set -e # a substitution does not inherit it

	sql -c "CREATE DATABASE $database" -c "\\c $database" -c "CREATE EXTENSION topology"
	sql -d "$database" -v rows="$RESOLVE_ROWS" -v hub="$hub" -f "$HERE/resolve.sql" >/dev/null
	resolve_window "$database" | tr '|\n' '  '
	sql -c "DROP DATABASE $database"
}

bench_resolve() {
	local bound plain with

	bound=$(sql -c "SELECT pg_size_bytes(current_setting('topology.resolve_memory')) / 1048576")
	plain=$(bench_resolve_shape no)
	with=$(bench_resolve_shape yes)
	awk -v plain="$plain" -v with="$with" -v rows="$RESOLVE_ROWS" -v bound="$bound" 'BEGIN {
		split(plain, p, " "); split(with, w, " "); m = rows / 1000000
		printf "without a hub: %.1f s for a million rows, %d edges; peak memory %d MB and %d MB of shared buffers\n", p[1] / m, p[2], p[3] - p[4], p[4]
		printf "with a hub:    %.1f s for a million rows, %d edges; peak memory %d MB and %d MB of shared buffers\n", w[1] / m, w[2], w[3] - w[4], w[4]
		printf "ratio %.2f; the bound topology.resolve_memory is %d MB\n", w[1] / p[1], bound }'
}
