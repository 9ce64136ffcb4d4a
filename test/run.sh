#!/usr/bin/env bash
#
# run.sh [PART ...]: run the tests; without parts, all of them.
#
#	layout	what each folder of src/ includes is what src/README.md allows
#	style	clang-format, and no warning of gcc or clang
#	unit	the parts that need no server, under ASan and UBSan
#	fuzz	the decoders, for FUZZ_SECONDS (20) in all
#	regress	SQL, on a private server
#	isolation	concurrent sessions, on the same server
#	tap	workers, capture and streams, with real servers, the real kernel, a real Kafka
#	demo	the fleet and the demo, and that nothing of them stays
#
# The extension must be installed in the PostgreSQL of PG_CONFIG and
# topology-agent built: "make test" does both.  Servers run as user postgres, in
# a directory of /tmp that is removed at the end; logs of what failed are kept
# in build/test.  With TOPOLOGY_REQUIRE_ALL=1 a test that cannot run fails.
#
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
PG_CONFIG=${PG_CONFIG:-pg_config}
bindir=$("$PG_CONFIG" --bindir)
pgxs=$("$PG_CONFIG" --pkglibdir)/pgxs/src/test
parts=${*:-layout style unit fuzz regress isolation tap demo}
passed=0
failed=0
skipped=0
kept=$root/build/test

work=$(mktemp -d /tmp/topology-test-XXXXXX)
server_up=

# The user that servers run as: the caller, or postgres where the caller is root.
as_server_user() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups "$@"
	else
		"$@"
	fi
}

# The same user, able to become root for a command: tests make hosts and pin programs.
as_privileged_user() {
	local capabilities=+setuid,+setgid,+sys_admin,+kill

	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=$capabilities \
			--ambient-caps=$capabilities "$@"
	else
		"$@"
	fi
}

cleanup() {
	[ -n "$server_up" ] && as_server_user "$bindir/pg_ctl" -D "$work/data" -m immediate stop >/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }

count() {
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# Run a command that is one test.
check() {
	local name=$1
	shift
	if "$@"; then
		echo "ok - $name"
		count 1 0 0
	else
		echo "not ok - $name"
		count 0 1 0
	fi
}

start_server() {
	[ -z "$server_up" ] || return 0
	mkdir -p "$work/server"
	ln -sfn "$root/expected" "$work/server/expected"
	cp -a "$root/test" "$root/expected" "$work/"
	ln -sfn "$work/expected" "$work/server/expected"
	[ "$(id -u)" -ne 0 ] || chown -R postgres "$work"
	as_server_user "$bindir/initdb" -D "$work/data" -A trust -N -U postgres >"$work/initdb.log" || return 1
	cat >>"$work/data/postgresql.conf" <<-EOF
		listen_addresses = ''
		unix_socket_directories = '$work'
		shared_preload_libraries = 'topology'
		max_worker_processes = 16
		topology.maintenance_interval = 0
		max_prepared_transactions = 8
		fsync = off
		timezone = 'UTC'
	EOF
	as_server_user "$bindir/pg_ctl" -D "$work/data" -l "$work/server/server.log" -w start >/dev/null || return 1
	server_up=yes
}

# pg_regress or isolationtester over the files of a folder.
run_regress() {
	local program=$1 folder=$2 suffix=$3 names
	names=$(cd "$root/test/$folder" && ls -- *."$suffix" | sed "s/\.$suffix\$//" | sort)
	[ -n "$names" ] || return 0
	start_server || { count 0 1 0; return; }
	(cd "$work/server" && as_server_user "$program" --bindir="$bindir" --inputdir="$work/test" \
		--outputdir=. --load-extension=topology --host="$work" --user=postgres $names) | tee "$work/output"
	# the first form is that of PostgreSQL before 16
	count "$(grep -cE '\.\.\. ok|^ok [0-9]' "$work/output")" "$(grep -cE '\.\.\. FAILED|^not ok [0-9]' "$work/output")" 0
	grep -qE '^( |# )?All [0-9]+ tests passed' "$work/output" || {
		mkdir -p "$kept"
		cp -f "$work/server/regression.diffs" "$work/server/server.log" "$kept/" 2>/dev/null
		echo "see $kept/regression.diffs"
		grep -qE '\.\.\. FAILED|^not ok' "$work/output" || count 0 1 0
	}
}

part_layout() {
	check "folders include only what src/README.md allows" "$root/test/layout.sh"
}

part_style() {
	check "the code is laid out by .clang-format" "$root/test/style.sh" format
	check "gcc and clang have nothing to warn of" "$root/test/style.sh" warnings
}

part_unit() {
	make -s -C "$root/test/unit" PG_CONFIG="$PG_CONFIG" check >"$work/unit.log" 2>&1
	local status=$?
	grep -vE '^\[ (RUN|      OK)' "$work/unit.log"
	count "$(grep -cE '^\[       OK' "$work/unit.log")" "$(grep -cE '^\[  FAILED  \] [a-z_]+$' "$work/unit.log")" 0
	[ $status -eq 0 ] || grep -qE '^\[  FAILED' "$work/unit.log" || count 0 1 0
}

run_fuzz() {
	make -s -C "$root/test/fuzz" FUZZ_SECONDS="$1" check >"$work/fuzz.log" 2>&1 && {
		grep '^Done' "$work/fuzz.log"
		return
	}
	mkdir -p "$kept"
	cp "$work/fuzz.log" "$kept/"
	tail -n 40 "$work/fuzz.log"
	return 1
}

part_fuzz() {
	check "decoders withstand ${FUZZ_SECONDS:-20} s of arbitrary bytes" run_fuzz "${FUZZ_SECONDS:-20}"
}

part_regress() { run_regress "$pgxs/regress/pg_regress" sql sql; }

part_isolation() { run_regress "$pgxs/isolation/pg_isolation_regress" specs spec; }

# Files that prove ran, from its output.
count_prove() {
	count "$(grep -cE '(\.pl|\.sh) \.+.* ok( |$)' "$work/output")" \
		"$(grep -cE '(\.pl|\.sh) +\(Wstat' "$work/output")" \
		"$(grep -cE '(\.pl|\.sh) \.+.* skipped' "$work/output")"
	grep -qE '^Result: (PASS|NOTESTS)' "$work/output" && return
	grep -qE '(\.pl|\.sh) +\(Wstat' "$work/output" || count 0 1 0
	return 1
}

part_tap() {
	local tap=$work/tap
	mkdir -p "$tap"
	make -s -C "$root" PG_CONFIG="$PG_CONFIG" build/capture_dump || count 0 1 0
	make -s -f "$root/test/lib/kafka.mk" || count 0 1 0
	cp -a "$root/test" "$root/README.md" "$work/"
	cp -a "$root/topology-agent" "$root/build/capture_dump" "$root/build/kafka_tool" \
		"$root/build/kafka_stream" "$root"/src/agent/*.service "$tap/"
	[ "$(id -u)" -ne 0 ] || chown -R postgres "$tap" "$work/test"
	chmod 755 "$work"
	# since 16 the modules go by TESTDATADIR and TESTLOGDIR, before by TESTDIR
	(cd "$tap" && as_privileged_user env \
		PATH="$work/test/lib/bin:$bindir:$PATH" \
		PERL5LIB="$pgxs/perl:$work/test/lib" \
		PG_REGRESS="$pgxs/regress/pg_regress" \
		TOPOLOGY_PG_BINDIR="$bindir" \
		TOPOLOGY_AGENT="$tap/topology-agent" TOPOLOGY_CAPTURE_DUMP="$tap/capture_dump" \
		TOPOLOGY_UNITS="$tap" TOPOLOGY_KAFKA_TOOL="$tap/kafka_tool" TOPOLOGY_KAFKA_STREAM="$tap/kafka_stream" \
		TOPOLOGY_SHARED="${TOPOLOGY_SHARED:-$root/../shared}" \
		TESTDIR="$tap" TESTDATADIR="$tap/tmp_check" TESTLOGDIR="$tap/tmp_check/log" HOME="$tap" \
		prove --timer ${PROVE_FLAGS:-} "$work"/test/t/${TAP_TESTS:-*}.pl) 2>&1 | tee "$work/output"
	count_prove || {
		mkdir -p "$kept"
		rm -rf "$kept/tap-log" && cp -rf "$tap/tmp_check/log" "$kept/tap-log" 2>/dev/null
		echo "see $kept/tap-log"
	}
}

part_demo() {
	PG_CONFIG="$PG_CONFIG" prove --timer ${PROVE_FLAGS:-} "$root/test/lib/fleet_test.sh" \
		"$root/test/demo/demo_test.sh" 2>&1 | tee "$work/output"
	count_prove
	return 0
}

for part in $parts; do
	say "$part"
	"part_$part" || count 0 1 0
done

if [ "${TOPOLOGY_REQUIRE_ALL:-0}" = 1 ] && [ $skipped -gt 0 ]; then
	echo "skipped tests count as failures here"
	failed=$((failed + skipped))
fi
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
