#!/usr/bin/env bash
# shellcheck disable=SC2317 # what ok() calls is reached
#
# demo_test.sh: the demo says what the programs did, live and replayed.  Prints
# TAP.

set -euo pipefail
HERE=$(dirname "$(realpath "$0")")
# shellcheck source=test/lib/fleet_tap.sh
. "$HERE/../lib/fleet_tap.sh"
# shellcheck source=test/lib/fleet.sh
. "$HERE/../lib/fleet.sh"
# shellcheck source=test/lib/kafka.sh
. "$HERE/../lib/kafka.sh"

# Source and target of each edge of the map that was printed.
edges() { sed -n '/^-- The map: who/,/^$/p' "$1" | awk -F'|' 'NR > 4 && NF > 5 { print $1, $2 }' | tr -s ' ' | sort; }

succeeds() { "$@" >"$FLEET_DIR/output" 2>"$FLEET_DIR/errors" || { sed 's/^/# /' "$FLEET_DIR/errors"; return 1; }; }

all_agree() { [[ $(grep -c '| yes$' "$1") -eq 4 ]] || { sed -n '/^-- Is it/,$s/^/# /p' "$1"; return 1; }; }

has() { grep -q -- "$1" "$2"; }

nothing_lost()
{
	has '^ this host *| ebpf *| running | *[0-9]* | *0 | *0 |' "$1" ||
		{ sed -n '/^-- The source/,/^$/s/^/# /p' "$1"; return 1; }
}

# Of the host that has its own agent, where there is what a broker needs.
came_by_kafka()
{
	if command -v java >/dev/null && kafka_home >/dev/null 2>&1; then
		has '^ mailer *| kafka | running | *[1-9][0-9]* | *0 | *0 |' "$1" && ! has '^demo: no Kafka' "$1"
	else
		has '^demo: no Kafka: ' "$1"
	fi || { sed -n '/^-- The source/,/^$/s/^/# /p' "$1"; return 1; }
}

captured_here() { has '^demo: no Kafka: asked for none; mailer is captured' "$1" && ! has '| kafka |' "$1"; }

drawn() { [[ $(head -c 5 "$1/map.svg") == '<?xml' ]]; }

same_edges() { [[ -n $(edges "$1") && $(edges "$1") == "$(edges "$2")" ]] || { diff <(edges "$1") <(edges "$2") | sed 's/^/# /'; return 1; }; }

as_nobody()
{
	if ((EUID == 0)); then
		setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups env HOME=/ "$@"
	else
		"$@"
	fi
}

fleet_init demo-test
work=$FLEET_DIR

if ((EUID == 0)) && [[ -r /sys/kernel/btf/vmlinux ]]; then
	ok "the live demo ends well" \
		succeeds env TRAFFIC_SECONDS=4 DEMO_OUT="$work/live-out" "$HERE/run.sh"
	mv "$work/output" "$work/live"
	ok "what is captured is what the programs counted" all_agree "$work/live"
	ok "the source is running, and nothing was lost" \
		nothing_lost "$work/live"
	ok "one host's flows came from its own agent by Kafka, if that is here" came_by_kafka "$work/live"
	ok "the partner behind the gateway is in the blast radius of Redis" \
		has '^ *[0-9] | reporting ' "$work/live"
	ok "the map is drawn" drawn "$work/live-out"
	ok "the demo needs no Kafka" \
		succeeds env DEMO_KAFKA=none TRAFFIC_SECONDS=2 DEMO_OUT="$work/live-out" "$HERE/run.sh"
	ok "it says that it goes without" captured_here "$work/output"
	ok "and what is captured is what the programs counted" all_agree "$work/output"
	ok "with and without, the map has the same edges" same_edges "$work/live" "$work/output"
else
	skip "the live demo needs root and a kernel with BTF" 10
fi

install -d -m 777 "$work/replay-out"
ok "the replay ends well, without root" \
	succeeds as_nobody env DEMO_OUT="$work/replay-out" "$HERE/run.sh" --replay
mv "$work/output" "$work/replay"
ok "it says that it is a replay" has '^demo: no capture: ' "$work/replay"
ok "the map of the replay is drawn" drawn "$work/replay-out"
if [[ -e $work/live ]]; then
	ok "the replay has the edges that are captured now" same_edges "$work/live" "$work/replay"
else
	skip "there is no live demo to compare with"
fi
finish
