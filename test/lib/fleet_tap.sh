# shellcheck shell=bash
#
# fleet_tap.sh: tests in shell, in the Test Anything Protocol.  Source it.

TAP_NUMBER=0
TAP_FAILED=0

# ok NAME COMMAND...: the test NAME is passed if COMMAND succeeds.
ok()
{
	local name=$1
	shift

	TAP_NUMBER=$((TAP_NUMBER + 1))
	if "$@"; then
		echo "ok $TAP_NUMBER - $name"
	else
		echo "not ok $TAP_NUMBER - $name"
		TAP_FAILED=$((TAP_FAILED + 1))
	fi
}

# skip WHY [NUMBER]: one test, or so many, cannot be run here.
skip()
{
	local left=${2:-1}

	while ((left-- > 0)); do
		TAP_NUMBER=$((TAP_NUMBER + 1))
		echo "ok $TAP_NUMBER # SKIP $1"
	done
}

# finish: the plan, and the status to exit with.
finish()
{
	echo "1..$TAP_NUMBER"
	((TAP_FAILED == 0))
}
