#!/usr/bin/env bash
#
# run.sh: the demo.  A real fleet on this machine, captured, and its map in SQL.
#
#   --installed     the extension is installed in the server of PG_CONFIG; else it
#                   is built, and installed in a private copy of that server
#   --replay        take the recorded traffic, even where capture would work
#   --record FILE   keep the captured traffic as flow records
#
# Environment: PG_CONFIG (default pg_config), TRAFFIC_SECONDS (default 15),
# DEMO_OUT (default build/demo), where the picture goes; DEMO_KAFKA, HOST:PORT of
# a Kafka broker, or "none".
#
# One host of the fleet has an agent of its own, and its flows come by Kafka: by the
# broker that DEMO_KAFKA names, or by one that is started here where the jars are
# ("make deps-kafka").  Without a broker it is captured like the others.
#
# Without root, BTF or network namespaces it replays recorded traffic.  Nothing
# of it stays but the picture: see test/lib/fleet.sh.

set -euo pipefail
umask 022

HERE=$(dirname "$(realpath "$0")")
TOP=$(realpath "$HERE/../..")
# shellcheck source=test/lib/fleet.sh
. "$TOP/test/lib/fleet.sh"
# shellcheck source=test/lib/kafka.sh
. "$TOP/test/lib/kafka.sh"
# shellcheck source=test/demo/fleet.sh
. "$HERE/fleet.sh"

PG_CONFIG=${PG_CONFIG:-pg_config}
TRAFFIC_SECONDS=${TRAFFIC_SECONDS:-15}
OUT=${DEMO_OUT:-$TOP/build/demo}
AGENT=$TOP/topology-agent
SOURCE='this host'
APART=mailer # the host with its own agent
TOPIC=topology-demo-$$
REDIS=redis-server
installed=no
replay=no
record=
facts=() # what the programs counted themselves

progress() { printf 'demo: %s\n' "$*"; }

usage()
{
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 64
}

read_options()
{
	while (($#)); do
		case $1 in
			--installed) installed=yes ;;
			--replay) replay=yes ;;
			--record)
				(($# > 1)) || usage
				record=$2
				shift
				;;
			*) usage ;;
		esac
		shift
	done
	if ! [[ $TRAFFIC_SECONDS =~ ^[1-9][0-9]{0,3}$ ]]; then
		fleet_die "TRAFFIC_SECONDS is \"$TRAFFIC_SECONDS\": it must be a number of seconds, 1 to 9999"
	fi
}

# Why traffic cannot be captured here; nothing where it can.
why_not_capture()
{
	if [[ $replay == yes ]]; then
		echo "asked to replay"
	elif ((EUID != 0)); then
		echo "not root"
	elif [[ ! -r /sys/kernel/btf/vmlinux ]]; then
		echo "the kernel has no BTF (/sys/kernel/btf/vmlinux)"
	elif ! unshare --net --mount true 2>/dev/null; then
		echo "this root may not make network namespaces"
	fi
}

build()
{
	progress "building"
	make -s -C "$TOP" PG_CONFIG="$PG_CONFIG" all >"$FLEET_DIR/log/build" 2>&1 ||
		{ cat "$FLEET_DIR/log/build" >&2; fleet_die "could not build"; }
}

# A copy of the server, for the extension to be installed in: PostgreSQL finds
# its files by their place relative to its programs.
copy_server()
{
	local tree=$FLEET_DIR/server dir

	progress "copying the server, and installing the extension there"
	for dir in --bindir --pkglibdir --sharedir; do
		dir=$("$PG_CONFIG" "$dir")
		mkdir -p "$tree$dir"
		cp -RL --preserve=mode "$dir/." "$tree$dir"
	done
	make -s -C "$TOP" PG_CONFIG="$PG_CONFIG" DESTDIR="$tree" install >"$FLEET_DIR/log/install" 2>&1 ||
		{ cat "$FLEET_DIR/log/install" >&2; fleet_die "could not install"; }
	BINDIR=$tree$BINDIR
}

sql() { "$BINDIR/psql" -qX -v ON_ERROR_STOP=1 -h "$FLEET_DIR/map" -U postgres -d postgres "$@"; }

start_server()
{
	BINDIR=$("$PG_CONFIG" --bindir)
	if [[ $installed == no ]]; then
		build
		copy_server
	fi
	progress "starting a private PostgreSQL, without any capability"
	fleet_postgres map - "$BINDIR" "shared_preload_libraries = 'topology'" "statement_timeout = '2min'"
	sql -o /dev/null -f "$HERE/setup.sql"
}

source_runs()
{
	[[ $(sql -At -v name="$1" <<<"SELECT DISTINCT state FROM topo.source_status WHERE source = :'name'") == running ]]
}

unpin_in_the_end()
{
	# shellcheck disable=SC2016 # expanded by that shell
	fleet_undo sh -c 'if [ -d "$1" ]; then "$0" unpin --dir "$1"; fi >/dev/null 2>&1' "$AGENT" "$1"
}

# Load the capture; fails where the kernel does not take it.
pin_capture()
{
	PINS=/sys/fs/bpf/topology-demo-$$
	progress "pinning the capture in the kernel"
	unpin_in_the_end "$PINS"
	"$AGENT" pin --dir "$PINS" --group "$(id -gn "$FLEET_POSTGRES_USER")" >"$FLEET_DIR/log/pin" 2>&1
}

start_source()
{
	sql -o /dev/null -v name="$SOURCE" -v dir="$PINS" -v apart="${BROKERS:+$(fleet_namespace "$APART")}" <<-'SQL'
		SELECT topo.add_source(:'name', 'ebpf', 'flow', jsonb_strip_nulls(jsonb_build_object(
			'pin_dir', :'dir', 'except_netns', nullif(:'apart', ''))));
	SQL
	fleet_wait "$FLEET_DEADLINE" "the source runs" source_runs "$SOURCE" ||
		{ sql -x -c 'SELECT * FROM topo.source_status' >&2; tail -n 20 "$FLEET_DIR/log/map" >&2; return 1; }
}

# Why no flows can come by Kafka; nothing where they can.
why_not_kafka()
{
	if [[ ${DEMO_KAFKA:-} == none ]]; then
		echo "asked for none"
	elif [[ -z ${DEMO_KAFKA:-} ]] && ! command -v java >/dev/null; then
		echo "no Java runs"
	elif [[ -z ${DEMO_KAFKA:-} ]] && ! kafka_home >/dev/null 2>&1; then
		echo "its jars are not here (make deps-kafka)"
	elif ! make -s -C "$TOP" -f test/lib/kafka.mk "$TOP/build/kafka_tool" >"$FLEET_DIR/log/kafka-tool" 2>&1; then
		echo "could not build kafka_tool: $(tail -n 1 "$FLEET_DIR/log/kafka-tool")"
	fi
}

# Sets BROKERS, to nothing where there is none.
find_broker()
{
	local reason

	BROKERS=
	reason=$(why_not_kafka)
	if [[ -n $reason ]]; then
		progress "no Kafka: $reason; $APART is captured like the others"
		return
	fi
	if [[ -n ${DEMO_KAFKA:-} ]]; then
		BROKERS=$DEMO_KAFKA
		fleet_undo "$TOP/build/kafka_tool" -b "$BROKERS" delete "$TOPIC"
	else
		progress "starting a Kafka broker"
		kafka_start "$FLEET_DIR/kafka"
		BROKERS=$KAFKA_BROKERS
	fi
	kafka_tool -b "$BROKERS" create "$TOPIC" 2
}

agent_captures() { grep -q ' capturing ' "$FLEET_DIR/log/agent"; }

# The host's own agent, and the source that its flows come by.
start_agent()
{
	local pins=$PINS-$APART

	[[ -n $BROKERS ]] || return 0
	progress "starting the agent of $APART, which sends to Kafka; the worker here leaves that host out"
	unpin_in_the_end "$pins"
	"$AGENT" run --dir "$pins" --netns "$(fleet_namespace "$APART")" --host "$APART" \
		--brokers "$BROKERS" --topic "$TOPIC" --interval 0.5 </dev/null >"$FLEET_DIR/log/agent" 2>&1 &
	AGENT_PID=$!
	# shellcheck disable=SC2016 # expanded by that shell
	fleet_undo sh -c 'if [ "$(readlink "/proc/$1/exe")" = "$0" ]; then kill "$1"; fi 2>/dev/null' "$AGENT" "$AGENT_PID"
	fleet_wait "$FLEET_DEADLINE" "the agent captures" agent_captures ||
		{ cat "$FLEET_DIR/log/agent" >&2; return 1; }
	sql -o /dev/null -v name="$APART" -v brokers="$BROKERS" -v topic="$TOPIC" <<-'SQL'
		SELECT topo.add_source(:'name', 'kafka', 'flow', jsonb_build_object('brokers', :'brokers', 'topic', :'topic'));
	SQL
	fleet_wait "$FLEET_DEADLINE" "the source of $APART runs" source_runs "$APART"
}

# Have the agent deliver what it has, and the worker take it in.
stop_agent()
{
	[[ -n $BROKERS ]] || return 0
	kill "$AGENT_PID"
	wait "$AGENT_PID" || fleet_die "the agent failed: $(cat "$FLEET_DIR/log/agent")"
	progress "a record of the agent of $APART: $(kafka_tool -b "$BROKERS" print "$TOPIC" | sed -n '1s/^[^{]*//p')"
	sql -o /dev/null -v name="$APART" <<<"SELECT topo.wait_for_source(:'name', '30 s')"
}

tell_traffic()
{
	progress "traffic: $1 of $TRAFFIC_SECONDS s, $(demo_orders) orders"
}

capture_fleet()
{
	find_broker
	start_source
	progress "bringing up the fleet: $(wc -w <<<"$(awk '{print $1}' <<<"$DEMO_HOSTS")") hosts, a NAT gateway, and a partner behind it"
	demo_fleet_up "$BINDIR" start_agent
	demo_traffic "$TRAFFIC_SECONDS" tell_traffic
	mapfile -t facts < <(demo_facts "$BINDIR")
	stop_agent
	sql -o /dev/null -c 'SELECT topo.flush()'
	if [[ -n $record ]]; then
		sql -At -f "$HERE/record.sql" >"$record"
		progress "recorded $(wc -l <"$record") flow records in $record"
	fi
}

replay_fleet()
{
	progress "replaying recorded traffic of the same fleet"
	(cd "$HERE" && sql -o /dev/null -f replay.sql)
	sql -o /dev/null -c 'SELECT topo.flush()'
}

answer()
{
	if ! { mkdir -p "$OUT" && [[ -w $OUT ]]; } 2>/dev/null; then
		OUT=$(mktemp -d "${TMPDIR:-/tmp}/topology-map.XXXXXX")
	fi
	sql -v redis="$REDIS" -v dot="$OUT/map.dot" -f "$HERE/questions.sql"
}

draw()
{
	if ! command -v dot >/dev/null; then
		progress "the picture of the map is $OUT/map.dot; graphviz, which would draw it, is missing"
		return
	fi
	dot -Tsvg "$OUT/map.dot" -o "$OUT/map.svg"
	progress "the picture of the map is $OUT/map.svg"
}

compare()
{
	local fact
	local -a variables=()

	for fact in "${facts[@]}"; do
		variables+=(-v "${fact/ /=}")
	done
	sql "${variables[@]}" -f "$HERE/compare.sql"
}

main()
{
	local reason

	read_options "$@"
	reason=$(why_not_capture)
	fleet_init topology-demo shop-
	start_server
	[[ -n $reason ]] || fleet_alone demo
	if [[ -z $reason ]] && ! pin_capture; then
		reason=$(tail -n 1 "$FLEET_DIR/log/pin")
	fi
	[[ -z $reason || -z $record ]] || fleet_die "cannot record: $reason"
	if [[ -n $reason ]]; then
		progress "no capture: $reason"
		replay_fleet
	else
		capture_fleet
	fi
	answer
	if ((${#facts[@]})); then
		compare
	fi
	draw
}

main "$@"
