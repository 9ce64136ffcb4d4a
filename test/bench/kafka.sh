#!/usr/bin/env bash
#
# kafka.sh: from Kafka to committed, resolved windows, beside a bare poll loop
# over the same topic in the same run.  Sourced by run.sh, which has a server.

KAFKA_RECORDS=${KAFKA_RECORDS:-1000000}
KAFKA_TEMPLATE='{"host":"h{n:50}","start":{ns},"end":{ns},"proto":"tcp","role":"client","local":{"ip":"10.1.0.{n:97}","port":4{n:1000},"app":"app{n:97}","cluster":"app{n:97}-v1"},"peer":{"ip":"10.1.1.{n:89}","port":8080},"tx_bytes":1200,"rx_bytes":5400,"tx_packets":9,"rx_packets":11,"rtt_us":180,"connections":1}'

# shellcheck source=test/lib/kafka.sh
. "$TOP/test/lib/kafka.sh"

now_ms() { date +%s%3N; }

# Milliseconds until a source has taken the topic in and its windows are resolved.
kafka_source_ms() {
	local begin
	begin=$(now_ms)
	sql -v format="$2" -v topic="$1" -v brokers="$KAFKA_BROKERS" >/dev/null <<-'SQL'
		SELECT topo.add_source('bench', 'kafka', :'format', jsonb_build_object('brokers', :'brokers', 'topic', :'topic'));
		SELECT topo.wait_for_source('bench', '10 minutes');
		SELECT topo.flush();
	SQL
	echo $(($(now_ms) - begin))
}

bench_kafka_flow() {
	local messages bytes seconds took peak

	"$TOP/build/kafka_tool" -b "$KAFKA_BROKERS" create bench-flow 4
	"$TOP/build/kafka_tool" -b "$KAFKA_BROKERS" generate bench-flow "$KAFKA_RECORDS" --template "$KAFKA_TEMPLATE" >/dev/null
	read -r messages _ bytes _ seconds _ < <("$TOP/build/poll_loop" "$KAFKA_BROKERS" bench-flow)
	took=$(kafka_source_ms bench-flow flow)
	peak=$(awk '/VmHWM/ { print $2 }' "/proc/$(sql -c "SELECT pid FROM topo.source_workers()")/status")
	awk -v n="$messages" -v s="$seconds" -v t="$took" -v p="$peak" -v b="$bytes" -v c="$(sql -c "SELECT sum(records) FROM topo.source_status")" 'BEGIN {
		printf "flow: %d records of %d bytes; bare poll loop %.0f a second, committed and resolved %.0f a second (%d taken): ratio %.2f (bar: 0.4); peak memory of the worker %d MB\n",
			n, b / n, n / s, n / (t / 1000), c, s / (t / 1000), p / 1024 }'
	sql -c "SELECT topo.drop_source('bench')" >/dev/null
}

bench_kafka() {
	make -s -f "$TOP/test/lib/kafka.mk"
	kafka_start "$FLEET_DIR/kafka"
	bench_kafka_flow
}
