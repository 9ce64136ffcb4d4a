#!/usr/bin/env bash
# shellcheck disable=SC2317 # what ok() calls is reached
#
# fleet_test.sh: the fleet carries the traffic that the demo needs, and nothing
# of it stays, whatever way it ends.  Prints TAP.

set -euo pipefail
TESTS=$(dirname "$(dirname "$(realpath "$0")")")
# shellcheck source=test/lib/fleet.sh
. "$TESTS/lib/fleet.sh"
# shellcheck source=test/lib/fleet_tap.sh
. "$TESTS/lib/fleet_tap.sh"

# The child: brings up a fleet, says what it is, and waits for its end.
child()
{
	# shellcheck source=test/demo/fleet.sh
	. "$TESTS/demo/fleet.sh"
	fleet_init fleet-test "t$$-"
	fleet_alone demo
	demo_fleet_up "$BINDIR"
	demo_traffic 2
	{
		demo_facts "$BINDIR"
		printf 'dir %s\ncgroup %s\nstate %s\nguard %s\n' \
			"$FLEET_DIR" "$FLEET_CGROUP" "$FLEET_STATE" "$FLEET_GUARD"
		awk 'NR == 7 { print "shared", $2 }' "$FLEET_DIR/orders-db/data/postmaster.pid"
	} >"$1.new"
	mv "$1.new" "$1"
	if [[ $2 == stay ]]; then
		tail -f /dev/null &
		fleet_undo kill "$!"
		wait
	fi
}

fact() { sed -n "s/^$1 //p" "$facts"; }

agree()
{
	local charges
	charges=$(fact charges)
	[[ $charges -gt 20 && $(fact orders) == "$charges" && $(fact edge_2xx) == "$charges" &&
		$(fact edge_5xx) == 0 ]]
}

both_backends() { [[ $(fact checkout_1_requests) -gt 10 && $(fact checkout_2_requests) -gt 10 ]]; }

at_least() { [[ $(fact "$1") -ge $2 ]]; }

nothing_left()
{
	local file

	for file in "$(fact dir)" "$(fact state)" "$(fact cgroup)" /run/netns/"t$pid-"*; do
		[[ -z $file || ! -e $file ]] || return 1
	done
	# who is dead but not yet buried has no command line
	! grep -qs guard "/proc/$(fact guard)/cmdline" && ! ipcs -m -i "$(fact shared)" 2>/dev/null | grep -q nattch
}

# end_by SIGNAL...: a fleet that is up ends by these; "guard" ends its guard too.
end_by()
{
	facts=$work/$TAP_NUMBER
	# without job control, background jobs ignore SIGINT
	set -m
	# whoever runs this may ignore some, as nohup does
	env --default-signal=HUP,INT,TERM,PIPE bash "$0" child "$facts" stay &
	pid=$!
	set +m
	fleet_wait 60 "a fleet is up" test -e "$facts"
	if [[ ${2:-} == guard ]]; then
		kill -KILL -- "-$(fact guard)"
	fi
	kill "-$1" "$pid"
	{ wait "$pid" || true; } 2>/dev/null
}

if [[ ${1:-} == child ]]; then
	shift
	child "$@"
	exit
fi

if ((EUID != 0)); then
	echo "1..0 # SKIP network namespaces need root"
	exit
fi
export BINDIR
BINDIR=$("${PG_CONFIG:-pg_config}" --bindir)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

facts=$work/run
bash "$0" child "$facts" go &
pid=$!
wait "$pid" || true
ok "each order is one answer of the load balancer and one row in PostgreSQL" agree
ok "both backends of checkout serve" both_backends
ok "the partner comes through the NAT gateway" at_least translated 2
ok "the mailer is refused by a closed port" at_least refused 1
ok "the apps' connections to Redis stay open" at_least redis_clients 3
ok "nothing is left of a fleet that ran to its end" nothing_left

for signal in TERM INT HUP; do
	end_by "$signal"
	ok "nothing is left after SIG$signal" nothing_left
done
end_by KILL
ok "nothing is left after SIGKILL, for there is a guard" fleet_wait 30 "nothing is left" nothing_left
end_by KILL guard
ok "with its guard killed as well, the fleet is there still" test -e "/run/netns/t$pid-edge"
bash -c '. "$1"; fleet_init fleet-test' sweep "$TESTS/lib/fleet.sh"
ok "and the next fleet sweeps it away" nothing_left

finish
