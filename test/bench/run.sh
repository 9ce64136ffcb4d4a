#!/usr/bin/env bash
#
# run.sh [PART ...]: the figures; without parts, all of them.  "make bench" calls
# it, with the extension installed in the PostgreSQL of PG_CONFIG and topology-agent
# built; PARTS="kafka" makes it these parts only.
#
#	capture		what a connection costs in the kernel, by its own BPF statistics, and
#				what a bounded storm of connections loses, beside the map's count
#	kafka		from a topic to resolved windows, beside a bare poll loop; a backlog;
#				how fresh the map is
#	resolve		a window of a million rows: plain, with a hub, through proxies, with a scan,
#				from a million clients; time and memory
#	windows		what windows of that map take to store, and how fast they answer
#	traverse	against WITH RECURSIVE, on a map of 8,000 nodes and 161,000 edges
#	rmat		the same and plain C, on a graph of a million nodes and ten million edges
#
# The first needs root and a kernel with BTF; without, it says so.

set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
PG_CONFIG=${PG_CONFIG:-pg_config}
AGENT=${TOPOLOGY_AGENT:-$TOP/topology-agent}
STORM_CONNECTIONS=${STORM_CONNECTIONS:-200000}
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

why_not_capture() {
	[ "$EUID" -eq 0 ] || { echo "this needs root"; return; }
	[ -r /sys/kernel/btf/vmlinux ] || echo "this kernel has no BTF"
}

source_runs() { [ "$(sql -c "SELECT state FROM topo.source_status")" = running ]; }

start_capture() {
	local pins=/sys/fs/bpf/topology-bench-$$

	# shellcheck disable=SC2016 # expanded by that shell
	fleet_undo sh -c 'if [ -d "$1" ]; then "$0" unpin --dir "$1"; fi >/dev/null' "$AGENT" "$pins"
	"$AGENT" pin --dir "$pins" --group "$(id -gn "$FLEET_POSTGRES_USER")" >"$FLEET_DIR/log/pin"
	PINS=$pins
	sql -c "SELECT topo.add_source('bench', 'ebpf', 'flow', '{\"pin_dir\": \"$pins\"}')" >/dev/null
	fleet_wait 30 "the source runs" source_runs
}

# Nanoseconds that some of the capture's hooks have run, all in all, and how often.
hook_statistics() {
	local link
	for link in "$@"; do
		[ -e "$PINS/$link" ] || continue
		bpftool -j prog show id "$(bpftool -j link show pinned "$PINS/$link" | sed 's/.*"prog_id":\([0-9]*\).*/\1/')"
	done | sed 's/.*"run_time_ns":\([0-9]*\),"run_cnt":\([0-9]*\).*/\1 \2/' |
		awk '{ ns += $1; runs += $2 } END { print ns + 0, runs + 0 }'
}

HOOKS=(tcp_process tcp_state udp_socket egress udp_ingress)
# what this one does for TCP is to see that it is not UDP
IDLE_HOOK=udp_socket

enable_statistics() {
	local before
	before=$(sysctl -n kernel.bpf_stats_enabled)
	fleet_undo sysctl -q "kernel.bpf_stats_enabled=$before"
	sysctl -q kernel.bpf_stats_enabled=1
}

counted() { sql -c "SELECT coalesce(sum(connections), 0) FROM topo.edges() WHERE source = 'storm-$1'"; }
dropped() { sql -c "SELECT coalesce(sum(dropped), 0) FROM topo.source_status"; }

# bench_capture CLOSE: of connections that end by reset, or by fin.
bench_capture() {
	local close=$1 connections seconds before after idle_before idle_after rate

	enable_statistics
	before=$(hook_statistics "${HOOKS[@]}")
	idle_before=$(hook_statistics "$IDLE_HOOK")
	read -r connections seconds < <(fleet_in storm env OTEL_SERVICE_NAME="storm-$close" \
		"$FLEET_DIR/storm" "$STORM_CONNECTIONS" "$close")
	after=$(hook_statistics "${HOOKS[@]}")
	idle_after=$(hook_statistics "$IDLE_HOOK")
	sysctl -q kernel.bpf_stats_enabled=0
	sql -c "SELECT topo.flush()" >/dev/null
	rate=$(awk -v n="$connections" -v s="$seconds" 'BEGIN { printf "%.0f", n / s }')
	say "capture: $connections connections on loopback, closed by $close, both ends on the host, $rate a second"
	awk -v b="$before $idle_before" -v a="$after $idle_after" -v n="$connections" 'BEGIN {
		split(b, x, " "); split(a, y, " ")
		printf "in the kernel, all hooks: %.2f us a connection, %.1f calls of %.0f ns (bar: 2 us)\n",
			(y[1] - x[1]) / n / 1000, (y[2] - x[2]) / n, (y[1] - x[1]) / (y[2] - x[2])
		printf "of each call, measuring: %.0f ns, by a hook that has nothing to do\n",
			(y[3] - x[3]) / (y[4] - x[4]) }'
	say "loss: the same storm, in the map"
	awk -v n="$connections" -v c="$(counted "$close")" -v d="$(dropped)" 'BEGIN {
		printf "made %d, in the map %d, last reports that found the ring full %d: %.3f %% lost\n",
			n, c, d, 100 * (n - c) / n }'
}


part_capture() {
	local reason
	reason=$(why_not_capture)
	if [ -n "$reason" ]; then
		say "capture and loss: not measured, since $reason"
		return
	fi
	start_capture
	"${CC:-cc}" -O2 -o "$FLEET_DIR/storm" "$HERE/storm.c"
	fleet_network storm
	fleet_host storm storm 10.78.0.2/24
	bench_capture reset
	bench_capture fin
	sql -c "SELECT topo.drop_source('bench')" >/dev/null
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

fleet_init bench topo-bench$$-
start_server
for part in ${*:-capture kafka resolve traverse rmat windows}; do
	"part_$part"
done
