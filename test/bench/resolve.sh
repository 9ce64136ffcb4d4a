#!/usr/bin/env bash
#
# resolve.sh: seconds to resolve one window of RESOLVE_ROWS rows, with a hub and
# without, and the memory that it took.  Sourced by run.sh, which has a server.

RESOLVE_ROWS=${RESOLVE_ROWS:-1000000}

# Resolves in a session of its own; prints seconds, edges, seconds of processor time, and
# in MB the most memory that its process had, and what of it is shared with the server.
resolve_window() {
	# shellcheck disable=SC2016 # expanded by the shell that psql starts
	sql -d "$1" <<-'SQL'
		SELECT pg_backend_pid() AS pid, clock_timestamp() AS begin \gset
		\setenv RESOLVER :pid
		SELECT topo.flush() \g /dev/null
		SELECT extract(epoch FROM clock_timestamp() - :'begin'), (SELECT count(*) FROM topo_network.edge_window);
		\! awk -v ticks="$(getconf CLK_TCK)" '{ print ($14 + $15) / ticks }' /proc/$RESOLVER/stat
		\! awk '/^VmHWM/ { most = $2 } /^RssShmem/ { shared = $2 } END { print most / 1024, shared / 1024 }' /proc/$RESOLVER/status
	SQL
}

# One shape of traffic, in a database of its own; prints a line, and the processor time to RESOLVED.
bench_resolve_shape() {
	local database=resolve_$2 figures

	sql -c "CREATE DATABASE $database"
	sql -d "$database" -c "CREATE EXTENSION topology"
	sql -d "$database" -v rows="$RESOLVE_ROWS" -v hub="$2" -f "$HERE/resolve.sql" >/dev/null
	figures=$(resolve_window "$database" | tr '|\n' '  ')
	sql -c "DROP DATABASE $database"
	awk -v name="$1" -v figures="$figures" -v m="$((RESOLVE_ROWS / 1000))" 'BEGIN {
		split(figures, f, " ")
		printf "%s: %.1f s for a million rows, %.1f s of processor time; %d edges; peak memory %d MB, and %d MB of shared buffers\n",
			name, f[1] * 1000 / m, f[3] * 1000 / m, f[2], f[4] - f[5], f[5] }'
	RESOLVED=$(cut -d' ' -f3 <<<"$figures")
}

bench_resolve() {
	local plain

	bench_resolve_shape "without a hub" no
	plain=$RESOLVED
	bench_resolve_shape "with a hub" yes
	awk -v plain="$plain" -v hub="$RESOLVED" -v bound="$(sql -c "SHOW topology.resolve_memory")" 'BEGIN {
		printf "with to without, in processor time: %.2f; the bound on memory (topology.resolve_memory) is %s\n", hub / plain, bound }'
}
