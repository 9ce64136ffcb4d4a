#!/usr/bin/env bash
#
# capture.sh: what a connection costs with both ends on the host, and what a storm
# of them loses.  Sourced by run.sh, which has a server.
#
#	programs	the time that the capture's programs run, by the kernel's statistics,
#				and how often.  Keeping them costs as much as a small program does: a
#				hook that has nothing to do tells how much, which is taken off
#	all			the CPU time of a process that makes connections, in turn without the
#				capture and with it, and the medians are told: what the kernel does
#				around the programs is in it, and frees, and caches gone cold

STORM_CONNECTIONS=${STORM_CONNECTIONS:-200000}
STORM_ROUNDS=${STORM_ROUNDS:-25}
STORM_ROUND_CONNECTIONS=${STORM_ROUND_CONNECTIONS:-10000}
CAPTURE_PINS=/sys/fs/bpf/topology-bench-$$

HOOKS=(tcp_connect_ipv4 tcp_state egress udp_ingress udp_socket)
# what this one does for TCP is to see that it is not UDP
IDLE_HOOK=udp_socket

why_not_capture() {
	[ "$EUID" -eq 0 ] || { echo "this needs root"; return; }
	[ -r /sys/kernel/btf/vmlinux ] || echo "this kernel has no BTF"
}

source_runs() { [ "$(sql -c "SELECT state FROM topo.source_status")" = running ]; }

pin_capture() { "$AGENT" pin --dir "$CAPTURE_PINS" --group "$(id -gn "$FLEET_POSTGRES_USER")" >>"$FLEET_DIR/log/pin" 2>&1; }
unpin_capture() { "$AGENT" unpin --dir "$CAPTURE_PINS" >>"$FLEET_DIR/log/pin" 2>&1; }

start_capture() {
	# shellcheck disable=SC2016 # expanded by that shell
	fleet_undo sh -c 'if [ -d "$1" ]; then "$0" unpin --dir "$1"; fi >/dev/null' "$AGENT" "$CAPTURE_PINS"
	pin_capture
	sql -c "SELECT topo.add_source('bench', 'ebpf', 'flow', '{\"pin_dir\": \"$CAPTURE_PINS\"}')" >/dev/null
	fleet_wait 30 "the source runs" source_runs
}

stop_capture() {
	sql -c "SELECT topo.drop_source('bench')" >/dev/null
	unpin_capture
}

# storm CONNECTIONS CLOSE: prints them, the seconds they took, and those of CPU time.
storm() { fleet_in storm env OTEL_SERVICE_NAME="storm-$2" "$FLEET_DIR/storm" "$1" "$2"; }

# Of each hook, the nanoseconds that it has run, all in all, and how often.
hook_statistics() {
	local link program
	for link in "${HOOKS[@]}"; do
		program=$(bpftool -j link show pinned "$CAPTURE_PINS/$link" | sed 's/.*"prog_id":\([0-9]*\).*/\1/')
		printf '%s ' "$link"
		bpftool -j prog show id "$program" | sed -n 's/.*"run_time_ns":\([0-9]*\),"run_cnt":\([0-9]*\).*/\1 \2/;t p;s/.*/0 0/;:p;p'
	done
}

enable_statistics() {
	local before
	before=$(sysctl -n kernel.bpf_stats_enabled)
	fleet_undo sysctl -q "kernel.bpf_stats_enabled=$before"
	sysctl -q kernel.bpf_stats_enabled=1
}

counted() { sql -c "SELECT coalesce(sum(connections), 0) FROM topo.edges() WHERE source = 'storm-$1'"; }
dropped() { sql -c "SELECT coalesce(sum(dropped), 0) FROM topo.source_status"; }

# tell_programs CONNECTIONS: from hook_statistics before and after, one after the other.
tell_programs() {
	awk -v n="$1" -v idle="$IDLE_HOOK" '
	!($1 in ns) { ns[$1] = $2; runs[$1] = $3; name[++hooks] = $1; next }
	{ ns[$1] = $2 - ns[$1]; runs[$1] = $3 - runs[$1] }
	END {
		measuring = ns[idle] / runs[idle]
		for (i = 1; i <= hooks; i++) {
			own = ns[name[i]] - runs[name[i]] * measuring
			printf "  %-17s %5.1f calls %7.0f ns\n", name[i], runs[name[i]] / n, own / n
			all += own; calls += runs[name[i]]
		}
		printf "in the programs: %.2f us a connection (bar: 2 us), in %.1f calls, without the %.0f ns of each that measuring takes\n",
			all / n / 1000, calls / n, measuring }'
}

# bench_programs CLOSE: of connections that end by reset, or by fin.
bench_programs() {
	local close=$1 connections seconds rate before after

	enable_statistics
	before=$(hook_statistics)
	read -r connections seconds _ < <(storm "$STORM_CONNECTIONS" "$close")
	after=$(hook_statistics)
	sysctl -q kernel.bpf_stats_enabled=0
	sql -c "SELECT topo.flush()" >/dev/null
	rate=$(awk -v n="$connections" -v s="$seconds" 'BEGIN { printf "%.0f", n / s }')
	say "capture: $connections connections on loopback, closed by $close, both ends on the host, $rate a second"
	printf '%s\n%s\n' "$before" "$after" | tell_programs "$connections"
	say "loss: the same storm, in the map"
	awk -v n="$connections" -v c="$(counted "$close")" -v d="$(dropped)" 'BEGIN {
		printf "made %d, in the map %d, last reports that found the ring full %d: %.3f %% lost\n",
			n, c, d, 100 * (n - c) / n }'
}

storm_time() { storm "$STORM_ROUND_CONNECTIONS" "$1" | awk '{ printf "%.3f\n", $3 * 1e6 / $1 }'; }

median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

# bench_all CLOSE
bench_all() {
	local close=$1 without=$FLEET_DIR/without with=$FLEET_DIR/with

	: >"$without"
	: >"$with"
	for ((round = 0; round < STORM_ROUNDS; round++)); do
		storm_time "$close" >>"$without"
		pin_capture
		storm_time "$close" >>"$with"
		unpin_capture
	done
	say "capture: CPU time of a connection closed by $close, both ends; $STORM_ROUNDS rounds of $STORM_ROUND_CONNECTIONS"
	awk -v a="$(median <"$without")" -v b="$(median <"$with")" 'BEGIN {
		printf "without %.2f us, with %.2f us: %.2f us, all in all\n", a, b, b - a }'
}

bench_capture() {
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
	bench_programs reset
	bench_programs fin
	stop_capture
	bench_all reset
	bench_all fin
}
