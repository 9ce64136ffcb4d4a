#!/usr/bin/env bash
#
# deps.sh GROUP...: install what is missing of Debian's packages.
#
# Groups: build (to make the extension and the agent), test (to run every
# test), demo (the programs of the demo's fleet), kafka (a Kafka broker for tests,
# with its jars from Maven Central).  What is there already is not touched, and
# with nothing missing neither root nor network is needed.
#
# No service is started, none that comes with these packages is enabled at
# boot, and no PostgreSQL cluster is made: the tests and the demo bring up
# their own.  Exit status 77: packages are missing and this is not root.

set -euo pipefail

declare -rA GROUPS_OF=(
	[build]="gcc make clang-14 llvm-14 bpftool libbpf-dev libelf-dev librdkafka-dev zlib1g-dev
	         pkg-config
	         postgresql-15 postgresql-server-dev-15"
	[test]="libipc-run-perl libcmocka-dev libclang-rt-14-dev clang-format-14 iproute2 nftables
	        haproxy nginx socat python3 procps util-linux"
	[demo]="iproute2 nftables util-linux procps hostname socat haproxy redis-server dnsmasq-base
	        wrk python3 python3-psycopg2 graphviz"
	[kafka]="openjdk-17-jre-headless maven librdkafka-dev openssl iproute2 procps"
)

readonly POLICY=/usr/sbin/policy-rc.d
readonly POLICY_SAVED=$POLICY.before-topology
readonly NO_CLUSTER=/etc/postgresql-common/createcluster.d/topology-deps.conf
readonly MARK="written by topology's deps.sh; removed when it ends"
readonly LOCK_SECONDS=600

say() { printf 'deps: %s\n' "$*" >&2; }

# What is in the groups but not on the machine, a line each.
missing_of()
{
	local group package

	for group in "$@"; do
		for package in ${GROUPS_OF[$group]}; do
			[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
				echo "$package"
		done
	done | sort -u
}

# Undo what prepare did, also after a run that was killed.
restore()
{
	if grep -qsF "$MARK" "$POLICY"; then
		rm -f "$POLICY"
	fi
	if [[ -e $POLICY_SAVED ]]; then
		mv -f "$POLICY_SAVED" "$POLICY"
	fi
	rm -f "$NO_CLUSTER"
}

# Keep the packages' scripts from starting services and making a cluster.
prepare()
{
	restore
	trap restore EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	if [[ -e $POLICY ]]; then
		mv "$POLICY" "$POLICY_SAVED"
	fi
	printf '#!/bin/sh\n# %s\nexit 101\n' "$MARK" >"$POLICY"
	chmod 755 "$POLICY"
	mkdir -p "${NO_CLUSTER%/*}"
	printf '# %s\ncreate_main_cluster = false\n' "$MARK" >"$NO_CLUSTER"
}

# apt-get, waiting for whoever holds its locks.
apt()
{
	local end=$((SECONDS + LOCK_SECONDS)) output

	until output=$(DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
		apt-get -qq -o DPkg::Lock::Timeout=$LOCK_SECONDS "$@" 2>&1 </dev/null); do
		if [[ $output != *"Could not get lock"* && $output != *"Unable to lock"* ]] ||
			((SECONDS >= end)); then
			printf '%s\n' "$output" >&2
			return 1
		fi
		sleep "${FLEET_POLL:-0.5}"
	done
}

have_candidates()
{
	local policy

	policy=$(apt-cache policy "$@")
	[[ $(grep -c '^  Candidate: [^(]' <<<"$policy") -eq $# ]]
}

install_packages()
{
	have_candidates "$@" || apt update
	apt install --no-install-recommends -y "$@" 2>/dev/null && return
	# the lists may name versions that the mirror no longer has
	apt update
	apt install --no-install-recommends -y "$@"
}

# A server that came with a package must not appear at the next boot.
disable_services()
{
	local package

	command -v systemctl >/dev/null || return 0
	for package in "$@"; do
		case $package in
			haproxy | nginx | redis-server)
				systemctl --quiet disable "$package.service" >/dev/null 2>&1 || true
				;;
		esac
	done
}

# The jars of Apache Kafka, where kafka.sh looks for them: for every user when this
# is root, else for this one.
fetch_kafka()
{
	local cache dir

	# shellcheck source=test/lib/kafka.sh
	source "${BASH_SOURCE[0]%/*}/kafka.sh"
	kafka_home >/dev/null 2>&1 && return 0
	cache=/var/cache/topology
	((EUID == 0)) || cache=${XDG_CACHE_HOME:-$HOME/.cache}/topology
	mkdir -p "$cache"
	dir=$(mktemp -d "$cache/kafka.XXXXXX")
	chmod 755 "$dir"
	say "fetching Apache Kafka $KAFKA_VERSION from Maven Central"
	kafka_pom >"$dir/pom.xml"
	mvn -q -B -Dstyle.color=never -f "$dir/pom.xml" dependency:copy-dependencies -DoutputDirectory="$dir" >&2
	touch "$dir/complete"
	rm -rf "$cache/kafka-$KAFKA_VERSION"
	mv -T "$dir" "$cache/kafka-$KAFKA_VERSION"
}

kafka_pom()
{
	cat <<-POM
		<project xmlns="http://maven.apache.org/POM/4.0.0">
		  <modelVersion>4.0.0</modelVersion>
		  <groupId>topology</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
		  <dependencies>
		    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
		      <version>$KAFKA_VERSION</version></dependency>
		    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId>
		      <version>1.7.36</version></dependency>
		  </dependencies>
		</project>
	POM
}

# What a group needs besides packages.
finish()
{
	local group

	for group in "$@"; do
		if [[ $group == kafka ]]; then
			fetch_kafka
		fi
	done
}

main()
{
	local group missing

	if (($# == 0)); then
		say "which group? one or more of: ${!GROUPS_OF[*]}"
		exit 64
	fi
	for group in "$@"; do
		if [[ -z ${GROUPS_OF[$group]:-} ]]; then
			say "unknown group \"$group\"; there are: ${!GROUPS_OF[*]}"
			exit 64
		fi
	done
	if ! command -v dpkg-query >/dev/null; then
		say "this is not Debian: see the lists in $0 for what is needed"
		exit 77
	fi
	mapfile -t missing < <(missing_of "$@")
	if ((${#missing[@]} == 0)); then
		finish "$@"
		exit 0
	fi
	if ((EUID != 0)); then
		say "not root, and these packages are missing: ${missing[*]}"
		say "as root: apt-get install --no-install-recommends ${missing[*]}"
		exit 77
	fi
	say "installing ${missing[*]}"
	prepare
	install_packages "${missing[@]}"
	disable_services "${missing[@]}"
	finish "$@"
}

main "$@"
