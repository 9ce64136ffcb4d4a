#!/usr/bin/env bash
# shellcheck disable=SC2034 # some variables are for those who source this
#
# kafka.sh: a real Apache Kafka on this machine, one node, for tests.
#
# Source it, or run it:
#
#	kafka.sh start DIR [MODE]	start a broker on DIR, new or used; print its address
#	kafka.sh exec DIR [MODE]	the same, becoming the broker; it is ready when
#								"kafka_tool ready" says so
#	kafka.sh stop DIR			end it in good order
#	kafka.sh kill DIR			end it at once (SIGKILL)
#	kafka.sh remove DIR			kill it, and remove DIR
#
# DIR holds everything: data, configuration, log.  A broker that is started again
# on the same DIR has the same ports and the same topics.  Only 127.0.0.1 is
# listened on.  DIR/brokers has the address, HOST:PORT.
#
# A secure broker has two more listeners: DIR/sasl (SASL/PLAIN) and DIR/tls (TLS
# with SASL/PLAIN, its certificate signed by DIR/ca.pem).  User alice, password
# alice-secret, may do everything; bob, bob-secret, nothing.
#
# MODE is nothing, or "secure", or "join:OTHER": a second broker of the cluster of
# the directory OTHER, which has the controller, and runs.
#
# In a fleet (fleet.sh sourced before) the broker ends with the fleet.  Started
# otherwise, it stays until it is stopped; with exec, it is the caller's child.
#
# The jars are those of "deps.sh kafka"; KAFKA_HOME names another directory.
# One broker takes about 300 MB of memory, and 3 to 5 s to start.

KAFKA_LIB=$(realpath "${BASH_SOURCE[0]}")
KAFKA_VERSION=3.9.1
KAFKA_DEADLINE=90 # seconds in which it must be ready
KAFKA_POLL=0.05   # seconds between two looks at a condition
KAFKA_OPTIONS=(-Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
	-Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true)

kafka_say() { printf 'kafka: %s\n' "$*" >&2; }

# Where the jars are.
kafka_home()
{
	local dir

	for dir in "${KAFKA_HOME:-}" "/var/cache/topology/kafka-$KAFKA_VERSION" \
		"${XDG_CACHE_HOME:-$HOME/.cache}/topology/kafka-$KAFKA_VERSION"; do
		if [[ -n $dir && -e $dir/complete ]]; then
			echo "$dir"
			return 0
		fi
	done
	kafka_say "the jars of Kafka $KAFKA_VERSION are not here: run test/lib/deps.sh kafka"
	return 1
}

kafka_tool()
{
	"${TOPOLOGY_KAFKA_TOOL:-${KAFKA_LIB%/*}/../../build/kafka_tool}" "$@"
}

# An id for a new cluster; without the minus of base64url, which would be taken for an option.
_kafka_new_id() { head -c 16 /dev/urandom | base64 | tr '+/' 'xy' | tr -d =; }

# A port below those that the kernel gives to clients, so that it stays free.
_kafka_free_port()
{
	local port

	while port=$((RANDOM % 12000 + 20000)); do
		if [[ -z $(ss -Hltn "sport = :$port") ]]; then
			echo "$port"
			return
		fi
	done
}

# A key and a certificate for 127.0.0.1, as PEM, signed by a CA of its own.
_kafka_certificates()
{
	local dir=$1

	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=test-ca \
		-keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
	openssl req -new -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 \
		-keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
	openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" \
		-CAcreateserial -days 30 -out "$dir/server.pem" \
		-extfile <(echo "subjectAltName=IP:127.0.0.1") 2>/dev/null
	cat "$dir/server.key" "$dir/server.pem" "$dir/ca.pem" >"$dir/keystore.pem"
}

_kafka_secure_properties()
{
	local dir=$1 listener
	local jaas='org.apache.kafka.common.security.plain.PlainLoginModule required'

	jaas+=' user_alice="alice-secret" user_bob="bob-secret";'
	for listener in sasl tls; do
		echo "listener.name.$listener.sasl.enabled.mechanisms=PLAIN"
		echo "listener.name.$listener.plain.sasl.jaas.config=$jaas"
	done
	cat <<-PROPERTIES
		listener.name.tls.ssl.keystore.type=PEM
		listener.name.tls.ssl.keystore.location=$dir/keystore.pem
		authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
		super.users=User:ANONYMOUS;User:alice
	PROPERTIES
}

# _kafka_roles PLAIN CONTROLLER MORE: of a node that is all there is, or of a second one,
# without a controller.
_kafka_roles()
{
	if [[ -n $2 ]]; then
		printf '%s\n' process.roles=broker,controller node.id=1 \
			"listeners=PLAINTEXT://$1,CONTROLLER://$2$3"
	else
		printf '%s\n' process.roles=broker node.id=2 "listeners=PLAINTEXT://$1$3"
	fi
	echo "advertised.listeners=PLAINTEXT://$1$3"
}

# _kafka_properties DIR PLAIN CONTROLLER QUORUM [SASL TLS]: its configuration.
_kafka_properties()
{
	local dir=$1 plain=127.0.0.1:$2 controller=${3:+127.0.0.1:$3} quorum=$4 more=''

	[[ -z ${5:-} ]] || more=",SASL://127.0.0.1:$5,TLS://127.0.0.1:$6"
	_kafka_roles "$plain" "$controller" "$more"
	# The time-outs make a broker that was killed usable again in seconds: the
	# controller waits until the session of its former life is over.
	cat <<-PROPERTIES
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL
		inter.broker.listener.name=PLAINTEXT
		controller.listener.names=CONTROLLER
		controller.quorum.bootstrap.servers=$quorum
		log.dirs=$dir/data
		broker.session.timeout.ms=1000
		broker.heartbeat.interval.ms=200
		controller.quorum.election.timeout.ms=200
		controller.quorum.fetch.timeout.ms=400
		leader.imbalance.check.interval.seconds=1
		auto.create.topics.enable=false
		num.partitions=1
		default.replication.factor=1
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=1
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		transaction.state.log.num.partitions=1
		group.initial.rebalance.delay.ms=0
		message.max.bytes=134217728
		socket.request.max.bytes=268435456
		log.cleaner.dedupe.buffer.size=8388608
		log.segment.delete.delay.ms=1000
	PROPERTIES
}

# _kafka_format DIR CLUSTER OPTION: make the directory one of that cluster.
_kafka_format()
{
	java "${KAFKA_OPTIONS[@]}" -cp "$(kafka_home)/*" kafka.tools.StorageTool format "$3" -t "$2" \
		-c "$1/server.properties" >"$1/format.log" 2>&1 || { cat "$1/format.log" >&2; return 1; }
	touch "$1/formatted"
}

# _kafka_join DIR OTHER PORT: a second broker of a cluster.
_kafka_join()
{
	local quorum cluster

	quorum=$(sed -n 's/^controller.quorum.bootstrap.servers=//p' "$2/server.properties")
	cluster=$(sed -n 's/^cluster.id=//p' "$2/data/meta.properties")
	_kafka_properties "$1" "$3" '' "$quorum" >"$1/server.properties"
	_kafka_format "$1" "$cluster" --no-initial-controllers
}

# kafka_prepare DIR [MODE]: all that a start needs, if it is not there yet.
kafka_prepare()
{
	local dir=$1 mode=${2:-}
	local -a ports=()

	[[ ! -e $dir/formatted ]] || return 0
	kafka_home >/dev/null || return 1
	mkdir -p "$dir"
	dir=$(realpath "$dir")
	while ((${#ports[@]} < 4)); do
		ports+=("$(_kafka_free_port)")
	done
	echo "127.0.0.1:${ports[0]}" >"$dir/brokers"
	if [[ $mode == join:* ]]; then
		_kafka_join "$dir" "${mode#join:}" "${ports[0]}"
		return
	elif [[ $mode == secure ]]; then
		_kafka_certificates "$dir"
		_kafka_properties "$dir" "${ports[@]:0:2}" "127.0.0.1:${ports[1]}" "${ports[@]:2}" \
			>"$dir/server.properties"
		_kafka_secure_properties "$dir" >>"$dir/server.properties"
		echo "127.0.0.1:${ports[2]}" >"$dir/sasl"
		echo "127.0.0.1:${ports[3]}" >"$dir/tls"
	else
		_kafka_properties "$dir" "${ports[@]:0:2}" "127.0.0.1:${ports[1]}" >"$dir/server.properties"
	fi
	_kafka_format "$dir" "$(_kafka_new_id)" --standalone
}

# Become the broker.
kafka_exec()
{
	local dir home

	kafka_prepare "$@" && home=$(kafka_home) && dir=$(realpath "$1") || return 1
	_kafka_identity $BASHPID >"$dir/process"
	exec java "${KAFKA_OPTIONS[@]}" -cp "$home/*" kafka.Kafka "$dir/server.properties" \
		</dev/null >>"$dir/server.log" 2>&1
}

# A process and when it started: a pid that is used again is another process.
_kafka_identity()
{
	local stat

	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	read -r -a stat <<<"${stat##*) }"
	# one that ended and was not yet waited for by its parent is no process
	[[ ${stat[0]} != Z ]] || return 1
	echo "$1 ${stat[19]}"
}

# The pid of DIR's broker, if it runs.
kafka_pid()
{
	local process

	process=$(cat "$1/process" 2>/dev/null) || return 1
	[[ $(_kafka_identity "${process%% *}") == "$process" ]] && echo "${process%% *}"
}

# Wait until it takes requests; fails when it has ended, or not in time.
kafka_wait()
{
	local end=$((SECONDS + KAFKA_DEADLINE))

	until kafka_tool -b "$(cat "$1/brokers")" ready 1 2>/dev/null; do
		if ((SECONDS >= end)) || ! kafka_pid "$1" >/dev/null; then
			kafka_say "the broker in $1 did not start"
			tail -n 20 "$1/server.log" >&2
			return 1
		fi
	done
}

# kafka_start DIR [MODE]: sets KAFKA_BROKERS.
kafka_start()
{
	local dir=$1

	if [[ -n ${FLEET_STATE:-} ]]; then
		fleet_undo bash "$KAFKA_LIB" kill "$dir"
	fi
	kafka_prepare "$@" || return 1
	rm -f "$dir/process"
	setsid bash "$KAFKA_LIB" exec "$@" </dev/null >>"$dir/server.log" 2>&1 &
	disown $!
	until [[ -s $dir/process ]]; do
		kill -0 $! 2>/dev/null || break
		sleep "$KAFKA_POLL"
	done
	KAFKA_BROKERS=$(cat "$dir/brokers")
	kafka_wait "$dir"
}

# _kafka_end DIR SIGNAL: and wait until it is gone.
_kafka_end()
{
	local pid

	pid=$(kafka_pid "$1") || return 0
	kill "-$2" "$pid" 2>/dev/null || return 0
	while kafka_pid "$1" >/dev/null; do
		sleep "$KAFKA_POLL"
	done
}

kafka_stop() { _kafka_end "$1" TERM; }

kafka_kill() { _kafka_end "$1" KILL; }

kafka_remove()
{
	kafka_kill "$1"
	rm -rf "$1"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	set -uo pipefail
	if (($# < 2)); then
		kafka_say "usage: kafka.sh start|exec|stop|kill|remove DIR [MODE]"
		exit 64
	fi
	case $1 in
		start) shift && kafka_start "$@" && echo "$KAFKA_BROKERS" ;;
		prepare | exec | stop | kill | remove) "kafka_$1" "${@:2}" ;;
		*) kafka_say "unknown command $1" && exit 64 ;;
	esac
fi
