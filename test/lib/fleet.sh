#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2317 # some variables are for those who source this
#
# fleet.sh: a fleet of hosts on one machine, and its end.
#
# Source it.  A host is a network namespace; a network is a namespace that holds
# a bridge; so nothing of the machine's own network is touched.  A program runs
# in a host with an environment of its own, in its host's name and resolver
# configuration, and in a cgroup (v2, where there is one) named like a systemd
# unit.
#
# Whatever is made is first written to an undo log, a line of shell each, in
# $FLEET_STATE/undo.  fleet_down reads it backwards.  It runs at EXIT, INT, TERM
# and HUP; a guard process runs it when this shell is killed outright; and when
# the guard was killed too, the next fleet_init does.  So every undo command
# must do no harm when there is nothing to undo, or when it is run twice.
#
# Limits: one fleet per shell.  The EXIT trap is taken: use fleet_undo instead.
# Namespaces need root; fleet_init, fleet_postgres, fleet_wait and fleet_down do
# without.

FLEET_LIB=$(realpath "${BASH_SOURCE[0]}")
FLEET_POLL=${FLEET_POLL:-0.1}       # seconds between two looks at a condition
FLEET_POSTGRES_USER=postgres        # who runs PostgreSQL when this is root
FLEET_DEADLINE=30                   # seconds in which a program must be ready
FLEET_ALONE_SECONDS=600             # and in which another fleet must end

fleet_say() { printf '%s\n' "$*" >&2; }

fleet_die()
{
	fleet_say "fleet: $*"
	exit 1
}

# fleet_wait SECONDS WHAT COMMAND...: until COMMAND succeeds; says that WHAT did
# not happen, and fails, when it did not in time.
fleet_wait()
{
	local end=$((SECONDS + $1)) what=$2
	shift 2

	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= end)); then
			fleet_say "fleet: not in time: $what"
			return 1
		fi
		sleep "$FLEET_POLL"
	done
}

#
# Beginning and end
#

# Where the undo logs of all fleets of this user are.
_fleet_registry()
{
	local dir=/run/topology-fleet

	((EUID == 0)) || dir=${TMPDIR:-/tmp}/topology-fleet-$EUID
	[[ -d $dir ]] || mkdir -m 700 "$dir" 2>/dev/null || true
	# its files are run as shell: they must be ours
	[[ -d $dir && -O $dir && ! -L $dir ]] || fleet_die "cannot use $dir"
	echo "$dir"
}

# A process and when it started: a pid that is used again is another process.
_fleet_process()
{
	local stat

	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	read -r -a stat <<<"${stat##*) }"
	echo "$1 ${stat[19]}"
}

_fleet_owner_lives()
{
	local owner

	owner=$(cat "$1/owner" 2>/dev/null) || return 1
	[[ $(_fleet_process "${owner%% *}") == "$owner" ]]
}

# fleet_undo COMMAND...: what takes back the thing that is about to be made.
fleet_undo() { printf '%q ' "$@" >>"$FLEET_STATE/undo" && echo >>"$FLEET_STATE/undo"; }

_fleet_teardown()
{
	local state=$1 lock command

	[[ -d $state ]] || return 0
	{ exec {lock}>>"$state/lock"; } 2>/dev/null || return 0
	flock "$lock"
	if [[ -f $state/undo ]]; then
		while IFS= read -r command; do
			eval "$command" </dev/null {lock}>&- || fleet_say "fleet: could not undo: $command"
		done < <(tac "$state/undo")
		rm -rf "$state"
		((EUID == 0)) || rmdir "${state%/*}" 2>/dev/null
	fi
	exec {lock}>&-
}

_fleet_sweep()
{
	local state

	for state in "$1"/*/; do
		state=${state%/}
		if [[ -d $state ]] && ! _fleet_owner_lives "$state"; then
			_fleet_teardown "$state"
		fi
	done
}

# Wait for the owner's end, then clean up what it left.
_fleet_guard()
{
	trap '' INT TERM HUP
	tail --pid="$2" -f /dev/null
	_fleet_teardown "$1"
}

# fleet_init NAME [PREFIX]: begin a fleet.  PREFIX is of its hosts' names.  Sets
# FLEET_DIR, a temporary directory that others may enter but not list.
fleet_init()
{
	local registry owner=$BASHPID

	registry=$(_fleet_registry) || exit 1
	_fleet_sweep "$registry"
	FLEET_ID=$1-$owner
	FLEET_PREFIX=${2:-}
	FLEET_PORTS=0
	FLEET_STATE=$registry/$FLEET_ID
	mkdir -m 700 "$FLEET_STATE"
	_fleet_process "$owner" >"$FLEET_STATE/owner"
	trap fleet_down EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	setsid bash "$FLEET_LIB" guard "$FLEET_STATE" "$owner" </dev/null >/dev/null 2>&1 &
	FLEET_GUARD=$!
	disown "$FLEET_GUARD"
	FLEET_DIR=$(mktemp -u "${TMPDIR:-/tmp}/$FLEET_ID.XXXXXX")
	fleet_undo rm -rf "$FLEET_DIR"
	mkdir -m 711 "$FLEET_DIR"
	mkdir "$FLEET_DIR/log"
	FLEET_CGROUP=$(_fleet_cgroup_root)
}

# fleet_down: take everything back.
fleet_down()
{
	local -
	set +e

	trap '' INT TERM HUP PIPE
	[[ -n ${FLEET_STATE:-} ]] || return 0
	# no word of each that is killed
	disown -a
	_fleet_teardown "$FLEET_STATE"
	kill -KILL -- "-$FLEET_GUARD" 2>/dev/null
	FLEET_STATE=
	trap - EXIT INT TERM HUP PIPE
}

# fleet_alone WHAT: at most one fleet of this user is WHAT at a time; others wait
# for the end of it and of its programs, who inherit the lock.
fleet_alone()
{
	local lock
	exec {lock}>"${FLEET_STATE%/*}/$1.lock"
	flock -n "$lock" && return 0
	fleet_say "fleet: waiting for the end of another $1"
	# in the background, for a trap to be run meanwhile
	flock -w "$FLEET_ALONE_SECONDS" "$lock" &
	wait "$!" || fleet_die "there is another $1 still"
}

#
# Control groups
#

# A directory for this fleet's units, or nothing where cgroup v2 cannot be used.
_fleet_cgroup_root()
{
	local mount dir

	mount=$(findmnt -n -l -t cgroup2 -o TARGET | head -n 1)
	[[ -n $mount && -w $mount && $EUID -eq 0 ]] || return 0
	dir=$mount/$FLEET_ID.slice
	fleet_undo _fleet_remove_cgroup "$dir"
	if mkdir "$dir" 2>/dev/null; then
		echo "$dir"
	fi
}

_fleet_remove_cgroup()
{
	local dir=$1

	[[ -d $dir ]] || return 0
	if [[ -w $dir/cgroup.kill ]]; then
		echo 1 >"$dir/cgroup.kill"
	fi
	fleet_wait "$FLEET_DEADLINE" "the processes of $dir are gone" \
		grep -q '^populated 0' "$dir/cgroup.events"
	find "$dir" -depth -type d -exec rmdir {} +
}

#
# Hosts and networks
#

# fleet_namespace HOST: the name of its namespace, as "ip netns" lists it.
fleet_namespace() { echo "$FLEET_PREFIX$1"; }

# fleet_in HOST COMMAND...: run something in the host's network, and wait for it.
fleet_in()
{
	local namespace
	namespace=$(fleet_namespace "$1")
	shift
	ip netns exec "$namespace" "$@"
}

_fleet_kill_namespace()
{
	local -a pids
	mapfile -t pids < <(ip netns pids "$1" 2>/dev/null)
	# in a trap, a bare return would give the status from before the trap
	((${#pids[@]} == 0)) && return 0
	kill -KILL "${pids[@]}" 2>/dev/null
	return 1
}

_fleet_remove_namespace()
{
	[[ -e /run/netns/$1 ]] || return 0
	fleet_wait "$FLEET_DEADLINE" "the processes of $1 are gone" _fleet_kill_namespace "$1"
	ip netns del "$1"
}

_fleet_make_namespace()
{
	local namespace

	namespace=$(fleet_namespace "$1")
	# before the undo line: a namespace of someone else's is not ours to remove
	[[ ! -e /run/netns/$namespace ]] || fleet_die "the network namespace $namespace exists already"
	fleet_undo _fleet_remove_namespace "$namespace"
	ip netns add "$namespace"
	ip -n "$namespace" link set lo up
}

# fleet_network NAME: a switch.  Its namespace is "lan-NAME".
fleet_network()
{
	local namespace

	namespace=$(fleet_namespace "lan-$1")
	_fleet_make_namespace "lan-$1"
	ip -n "$namespace" link add bridge0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
	ip -n "$namespace" link set bridge0 up
}

# fleet_plug HOST NETWORK INTERFACE ADDRESS/BITS...: a cable, IPv4 and IPv6.
fleet_plug()
{
	local host switch interface=$3 address port
	host=$(fleet_namespace "$1")
	switch=$(fleet_namespace "lan-$2")
	shift 3

	FLEET_PORTS=$((FLEET_PORTS + 1))
	port=port$FLEET_PORTS
	ip -n "$host" link add "$interface" type veth peer name "$port" netns "$switch"
	ip -n "$switch" link set "$port" master bridge0 up
	for address in "$@"; do
		if [[ $address == *:* ]]; then
			# no duplicate address detection: usable at once
			ip -n "$host" address add "$address" dev "$interface" nodad
		else
			ip -n "$host" address add "$address" dev "$interface"
		fi
	done
	ip -n "$host" link set "$interface" up
}

# fleet_host HOST NETWORK ADDRESS/BITS...: a host with one interface.
fleet_host()
{
	local host=$1 network=$2
	shift 2

	_fleet_make_namespace "$host"
	fleet_plug "$host" "$network" eth0 "$@"
}

# fleet_route HOST GATEWAY...: its default routes.
fleet_route()
{
	local host gateway
	host=$(fleet_namespace "$1")
	shift

	for gateway in "$@"; do
		ip -n "$host" route add default via "$gateway"
	done
}

# fleet_masquerade HOST INTERFACE: forward, and hide who goes out by INTERFACE.
fleet_masquerade()
{
	fleet_in "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
	                     echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	fleet_in "$1" nft -f - <<-RULES
		table inet nat {
			chain postrouting {
				type nat hook postrouting priority srcnat;
				oifname "$2" counter masquerade
			}
		}
	RULES
}

#
# Programs
#

# fleet_start HOST UNIT [-u USER] [NAME=VALUE...] -- COMMAND...: run a program in
# the background.  Its output is in $FLEET_DIR/log/HOST-UNIT, its pid in
# FLEET_PID.  What is in $FLEET_DIR/etc, such as resolv.conf, it sees in /etc.
fleet_start()
{
	local host=$1 unit=$2 user='' cgroup='' namespace
	local -a variables=()
	namespace=$(fleet_namespace "$host")
	shift 2
	if [[ $1 == -u ]]; then
		user=$2
		shift 2
	fi
	while [[ $1 != -- ]]; do
		variables+=("$1")
		shift
	done
	shift
	if [[ -n $FLEET_CGROUP ]]; then
		cgroup=$FLEET_CGROUP/$host/$unit
		mkdir -p "$cgroup"
	fi
	setsid nsenter --net="/run/netns/$namespace" unshare --mount --uts \
		bash "$FLEET_LIB" enter "$host" "$cgroup" "$FLEET_DIR/etc" "$user" \
		env -i PATH="$PATH" LANG=C.UTF-8 HOME=/ "${variables[@]}" "$@" \
		</dev/null >"$FLEET_DIR/log/$host-$unit" 2>&1 &
	FLEET_PID=$!
}

# The last steps to a program, inside its host: become it.
_fleet_enter()
{
	local host=$1 cgroup=$2 etc=$3 user=$4 file
	shift 4

	hostname "$host"
	for file in "$etc"/*; do
		if [[ -e $file && -e /etc/${file##*/} ]]; then
			mount --bind "$file" "/etc/${file##*/}"
		fi
	done
	if [[ -n $cgroup ]]; then
		echo $$ >"$cgroup/cgroup.procs"
	fi
	cd /
	if [[ -n $user ]]; then
		exec "${FLEET_DEMOTE[@]}" --reuid="$user" --regid="$(id -g "$user")" "$@"
	fi
	exec "$@"
}

# Who gives up root gives up every capability with it.
FLEET_DEMOTE=(setpriv --init-groups --inh-caps=-all --bounding-set=-all --no-new-privs)

# fleet_listening HOST PORT: does a program there listen on that TCP port?
fleet_listening() { [[ -n $(fleet_in "$1" ss -Hltn "sport = :$2") ]]; }

fleet_wait_listening()
{
	fleet_wait "$FLEET_DEADLINE" "$1 listens on port $2" fleet_listening "$1" "$2" && return 0
	tail -n 20 "$FLEET_DIR/log/$1-"* >&2
	return 1
}

#
# PostgreSQL
#

# fleet_as_postgres COMMAND...: as the user who may run PostgreSQL, who has no
# capabilities.  Without root, that is who we are.
fleet_as_postgres()
{
	if ((EUID == 0)); then
		"${FLEET_DEMOTE[@]}" --reuid="$FLEET_POSTGRES_USER" \
			--regid="$(id -g "$FLEET_POSTGRES_USER")" env HOME=/ "$@"
	else
		"$@"
	fi
}

_fleet_stop_postgres()
{
	(
		cd /
		fleet_as_postgres "$1/pg_ctl" -D "$2" status >/dev/null 2>&1 || exit 0
		fleet_as_postgres "$1/pg_ctl" -s -D "$2" -m immediate stop
	)
}

# fleet_postgres NAME HOST BINDIR [SETTING=VALUE...]: a new server in
# $FLEET_DIR/NAME, which holds its socket too.  HOST is where it listens, or "-":
# then it runs on this machine itself, and listens on its socket only.
fleet_postgres()
{
	local name=$1 host=$2 bindir=$3 dir=$FLEET_DIR/$1 setting listen='*'
	shift 3

	mkdir -m 700 "$dir"
	if ((EUID == 0)); then
		chown "$FLEET_POSTGRES_USER" "$dir"
	fi
	(cd / && fleet_as_postgres "$bindir/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 \
		--no-locale --no-sync) >"$FLEET_DIR/log/$name-initdb" 2>&1 ||
		{ cat "$FLEET_DIR/log/$name-initdb" >&2; return 1; }
	if [[ $host == - ]]; then
		listen=
	else
		printf 'host all all %s trust\n' 0.0.0.0/0 ::/0 >>"$dir/data/pg_hba.conf"
	fi
	printf '%s\n' "unix_socket_directories = '$dir'" "listen_addresses = '$listen'" \
		"fsync = off" "$@" >>"$dir/data/postgresql.conf"
	fleet_undo _fleet_stop_postgres "$bindir" "$dir/data"
	if [[ $host == - ]]; then
		(cd / && fleet_as_postgres setsid "$bindir/postgres" -D "$dir/data") \
			</dev/null >"$FLEET_DIR/log/$name" 2>&1 &
	else
		fleet_start "$host" "$name.service" -u "$FLEET_POSTGRES_USER" -- \
			"$bindir/postgres" -D "$dir/data"
	fi
	fleet_wait "$FLEET_DEADLINE" "the server $name answers" "$bindir/pg_isready" -q -h "$dir" ||
		{ tail -n 20 "$FLEET_DIR/log/"*"$name"* >&2; return 1; }
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	set -euo pipefail
	case ${1:-} in
		guard) shift && set +e && _fleet_guard "$@" ;;
		enter) shift && _fleet_enter "$@" ;;
		*) fleet_die "source this file" ;;
	esac
fi
