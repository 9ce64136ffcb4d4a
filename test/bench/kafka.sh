#!/usr/bin/env bash
#
# kafka.sh: from Kafka to committed, resolved windows.  Sourced by run.sh, which
# has a server.
#
#	flow, spans			records and spans a second, beside a bare poll loop over the same
#						topic: KAFKA_ROUNDS times in turn, and the median is told
#	backlog				a long topic: the worker's memory and the source's lag meanwhile
#	latency				from producing a record to seeing it in edges(), at a steady rate

KAFKA_PARTS=${KAFKA_PARTS:-flow spans latency backlog}
KAFKA_ROUNDS=${KAFKA_ROUNDS:-3}
KAFKA_RECORDS=${KAFKA_RECORDS:-1000000}
KAFKA_MESSAGES=${KAFKA_MESSAGES:-9600} # of spans
KAFKA_BACKLOG=${KAFKA_BACKLOG:-10000000}
KAFKA_RATE=${KAFKA_RATE:-5000}   # records a second, behind the probes
KAFKA_PROBES=${KAFKA_PROBES:-120} # four a second
KAFKA_TEMPLATE='{"host":"h{n:50}","start":{ns},"end":{ns},"proto":"tcp","role":"client","local":{"ip":"10.1.0.{n:97}","port":4{n:1000},"app":"app{n:97}","cluster":"app{n:97}-v1"},"peer":{"ip":"10.1.1.{n:89}","port":8080},"tx_bytes":1200,"rx_bytes":5400,"tx_packets":9,"rx_packets":11,"rtt_us":180,"connections":1}'
KAFKA_SMALL='{"start":{ns},"end":{ns},"proto":"tcp","role":"client","local":{"ip":"10.1.0.{n:251}","app":"app{n:251}"},"peer":{"ip":"10.2.0.{n:241}","port":443},"connections":1}'
KAFKA_PROBE='{"start":{ns},"end":{ns},"proto":"tcp","role":"client","local":{"ip":"10.3.0.{n}","app":"probe-{n}"},"peer":{"ip":"10.1.1.1","port":8080},"connections":1}'

# shellcheck source=test/lib/kafka.sh
. "$TOP/test/lib/kafka.sh"

# What is measured is in a database of its own, which begins with an empty map.
kafka_sql() { sql -d kafka "$@"; }

now_ms() { date +%s%3N; }

topic() { "$TOP/build/kafka_tool" -b "$KAFKA_BROKERS" "$@"; }

kafka_database() {
	sql -c "CREATE DATABASE kafka"
	kafka_sql -c "CREATE EXTENSION topology" -c "SELECT topo.create_service_map()" -c "CHECKPOINT" >/dev/null
}

kafka_no_database() {
	kafka_sql -c "SELECT topo.drop_source(name) FROM topo.source" >/dev/null
	sql -c "DROP DATABASE kafka WITH (FORCE)"
}

# kafka_source TOPIC FORMAT
kafka_source() {
	kafka_sql -v format="$2" -v topic="$1" -v brokers="$KAFKA_BROKERS" >/dev/null <<-'SQL'
		SELECT topo.add_source('bench', 'kafka', :'format', jsonb_build_object('brokers', :'brokers', 'topic', :'topic'));
	SQL
}

# The most that the worker's process had, and what of it is shared buffers now: in MB.
kafka_worker_memory() {
	awk '/VmHWM/ { most = $2 } /RssShmem/ { shared = $2 } END { printf "%.0f %.0f\n", most / 1024, shared / 1024 }' \
		"/proc/$(kafka_sql -c "SELECT pid FROM topo.source_workers()")/status"
}

# One round: "messages bytes poll-loop-ms source-ms peak-mb shared-mb taken in-the-map".
kafka_round() {
	local messages bytes seconds begin
	kafka_database
	read -r messages _ bytes _ seconds _ < <("$TOP/build/poll_loop" "$KAFKA_BROKERS" "$1")
	begin=$(now_ms)
	kafka_source "$1" "$2"
	kafka_sql -c "SELECT topo.wait_for_source('bench', '10 minutes')" -c "SELECT topo.flush()" >/dev/null
	echo "$messages $bytes $(awk -v s="$seconds" 'BEGIN { printf "%.0f", s * 1000 }') $(($(now_ms) - begin))" \
		"$(kafka_worker_memory) $(kafka_sql -F ' ' -c "SELECT sum(records), ($3) FROM topo.source_status")"
	kafka_no_database
}

# kafka_ratio FORMAT TOPIC UNIT COUNTED: rounds, and their medians.
kafka_ratio() {
	local round
	for ((round = 0; round < KAFKA_ROUNDS; round++)); do
		kafka_round "$2" "$1" "$4"
	done | awk -v format="$1" -v unit="$3" -v counted="$5" '
		function median(values, count, i, j, swap) {
			for (i = 2; i <= count; i++)
				for (j = i; j > 1 && values[j - 1] > values[j]; j--) { swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap }
			return values[int((count + 1) / 2)]
		}
		{ messages = $1; bytes = $2; poll[NR] = $3; took[NR] = $4; ratio[NR] = $3 / $4; taken = $7; found = $8 }
		$5 - $6 > own { own = $5 - $6; shared = $6 }
		END {
			printf "%s: %d %s in %d messages of %d bytes; %d %s in the map\n", format, taken, unit, messages, bytes / messages, found, counted
			printf "\tbare poll loop %.0f a second, committed and resolved %.0f a second: ratio %.2f, medians of %d rounds (bar: 0.4)\n",
				taken / median(poll, NR) * 1000, taken / median(took, NR) * 1000, median(ratio, NR), NR
			printf "\tpeak memory of the worker %d MB, and %d MB of shared buffers\n", own, shared }'
}

bench_kafka_flow() {
	topic create bench-flow 4
	topic generate bench-flow "$KAFKA_RECORDS" --template "$KAFKA_TEMPLATE"
	kafka_ratio flow bench-flow records "SELECT sum(connections) FROM topo.edges()" connections
	topic delete bench-flow
}

bench_kafka_spans() {
	topic create bench-spans 4
	topic generate bench-spans "$KAFKA_MESSAGES" --spans
	kafka_ratio otlp_proto bench-spans spans "SELECT sum(requests) FROM topo.edges()" calls
	topic delete bench-spans
}

# Looks at a source that drains: "records lag", each half a second, until nothing is left.
kafka_watch() {
	local records=0 lag=1
	until [ "$lag" -eq 0 ] && [ "$records" -gt 0 ]; do
		sleep 0.5
		read -r records lag < <(kafka_sql -F ' ' -c "SELECT coalesce(sum(records), 0), coalesce(sum(lag), 0) FROM topo.source_status HAVING count(*) = 4")
		[ -z "${records:-}" ] || echo "$records $lag"
		: "${records:=0}" "${lag:=1}"
	done
}

bench_kafka_backlog() {
	local begin own shared
	topic create bench-backlog 4
	topic generate bench-backlog "$KAFKA_BACKLOG" --template "$KAFKA_SMALL"
	kafka_database
	begin=$(now_ms)
	kafka_source bench-backlog flow
	kafka_watch | awk -v n="$KAFKA_BACKLOG" '
		{ looks++; right += $1 + $2 == n }
		END { printf "backlog: %d records; in %d of %d looks, what was taken and the lag were just that together\n", n, right, looks }'
	begin=$(($(now_ms) - begin))
	read -r own shared < <(kafka_worker_memory)
	# as the README has it
	kafka_sql -F ' ' -c "SELECT current_setting('topology.batch_memory'),
		96 + (2 * pg_size_bytes(current_setting('topology.batch_memory')) + pg_size_bytes(current_setting('topology.resolve_memory'))) / 1048576" |
		awk -v n="$KAFKA_BACKLOG" -v ms="$begin" -v most="$own" -v shared="$shared" '{
			printf "\t%.0f a second; topology.batch_memory is %s: peak memory of the worker %d MB (bound: %d MB), and %d MB of shared buffers\n",
				n / ms * 1000, $1, most - shared, $2, shared }'
	kafka_no_database
	topic delete bench-backlog
}

bench_kafka_latency() {
	local seconds=$((KAFKA_PROBES / 4))
	topic create bench-latency 4
	kafka_database
	kafka_source bench-latency flow
	topic generate bench-latency $((KAFKA_RATE * (seconds + 5))) --rate "$KAFKA_RATE" --template "$KAFKA_TEMPLATE" &
	local background=$!
	sleep 3
	topic generate bench-latency "$KAFKA_PROBES" --rate 4 --template "$KAFKA_PROBE" &
	kafka_sql -v probes="$KAFKA_PROBES" -v rate="$KAFKA_RATE" -f "$HERE/latency.sql"
	wait "$background"
	kafka_no_database
	topic delete bench-latency
}

bench_kafka() {
	local part
	make -s -f "$TOP/test/lib/kafka.mk"
	kafka_start "$FLEET_DIR/kafka"
	for part in $KAFKA_PARTS; do
		"bench_kafka_$part"
	done
}
