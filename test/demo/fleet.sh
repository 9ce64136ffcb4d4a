# shellcheck shell=bash
#
# The demo's fleet: a shop, and a partner behind a NAT gateway.
#
#   loadgen ──► edge (HAProxy) ──► checkout-1, checkout-2 ──► payments ──► orders-db
#                 ▲                      │                                (PostgreSQL)
#   reporting ► gw (NAT)                 └──► redis ◄── mailer ──► relay (port closed)
#
# Names are resolved by dnsmasq on the host dns, over UDP.  checkout-2 is reached
# over IPv6, and so is whatever has an IPv6 address in DNS.
#
# Source test/lib/fleet.sh, call fleet_init, then "fleet_alone demo", for the
# addresses are always the same and a capture sees every fleet of the machine;
# then demo_fleet_up and demo_traffic.

DEMO_DIR=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

# host, its two addresses in the shop's network
DEMO_HOSTS="
	loadgen    10.77.1.5  fd77:1::5
	edge       10.77.1.10 fd77:1::10
	checkout-1 10.77.1.21 fd77:1::21
	checkout-2 10.77.1.22 fd77:1::22
	payments   10.77.1.30 fd77:1::30
	orders-db  10.77.1.40 fd77:1::40
	redis      10.77.1.50 fd77:1::50
	dns        10.77.1.53 fd77:1::53
	mailer     10.77.1.60 fd77:1::60
	relay      10.77.1.61 fd77:1::61
"

demo_network()
{
	local host ipv4 ipv6

	fleet_network shop
	fleet_network partner
	while read -r host ipv4 ipv6; do
		[[ -n $host ]] || continue
		fleet_host "$host" shop "$ipv4/24" "$ipv6/64"
	done <<<"$DEMO_HOSTS"
	fleet_host gw shop 10.77.1.254/24 fd77:1::254/64
	fleet_plug gw partner eth1 10.77.2.1/24 fd77:2::1/64
	fleet_masquerade gw eth0
	fleet_host partner partner 10.77.2.10/24 fd77:2::10/64
	fleet_route partner 10.77.2.1 fd77:2::1
}

# Who resolves names, and how: for every program that is started after it.
demo_dns()
{
	local host ipv4 ipv6
	local -a records=()

	while read -r host ipv4 ipv6; do
		case $host in
			# one name with IPv4 alone, so that both are seen
			'' | edge) ;;
			*) records+=("--host-record=$host.shop,$ipv4,$ipv6") ;;
		esac
	done <<<"$DEMO_HOSTS"
	records+=("--host-record=edge.shop,10.77.1.10")
	mkdir "$FLEET_DIR/etc"
	echo 'nameserver 10.77.1.53' >"$FLEET_DIR/etc/resolv.conf"
	echo 'hosts: files dns' >"$FLEET_DIR/etc/nsswitch.conf"
	fleet_start dns dnsmasq.service -- dnsmasq --keep-in-foreground --conf-file=/dev/null \
		--no-resolv --no-hosts --user=nobody --pid-file= --log-facility=- "${records[@]}"
	fleet_wait_listening dns 53
}

demo_stores()
{
	fleet_postgres orders-db orders-db "$1" "max_connections = 20"
	"$1/psql" -qX -h "$FLEET_DIR/orders-db" -U postgres \
		-c 'CREATE TABLE charge (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz DEFAULT now())'
	install -d -o nobody "$FLEET_DIR/redis"
	fleet_start redis redis-server.service -u nobody -- redis-server --bind '*' -::* \
		--port 6379 --unixsocket "$FLEET_DIR/redis/socket" --protected-mode no \
		--save '' --appendonly no --daemonize no
	fleet_wait_listening redis 6379
}

# demo_app HOST NAME VERSION ARGUMENT...: an app that says by OpenTelemetry's
# variables who it is.
demo_app()
{
	local host=$1 name=$2 version=$3
	shift 3

	fleet_start "$host" "$name.service" -u nobody OTEL_SERVICE_NAME="$name" \
		OTEL_RESOURCE_ATTRIBUTES="service.version=$version,service.instance.id=$host,deployment.environment.name=demo" \
		-- /usr/bin/python3 "$FLEET_DIR/app.py" "$name" "$@"
}

demo_apps()
{
	# nobody may not be allowed into the source tree
	install -m 644 "$DEMO_DIR/app.py" "$DEMO_DIR/load.lua" "$FLEET_DIR"
	demo_app payments payments v3
	demo_app checkout-1 checkout v12
	demo_app checkout-2 checkout v12
	demo_app mailer mailer v1
	fleet_wait_listening payments 8080
	fleet_wait_listening checkout-1 8080
	fleet_wait_listening checkout-2 8080
}

demo_edge()
{
	cat >"$FLEET_DIR/haproxy.cfg" <<-CONFIG
		global
		    user nobody
		    group nogroup
		    nbthread 1
		    stats socket $FLEET_DIR/edge.sock mode 600
		defaults
		    mode http
		    option forwardfor
		    timeout connect 5s
		    timeout client 30s
		    timeout server 30s
		frontend shop
		    bind :::80 v4v6
		    default_backend checkout
		backend checkout
		    balance roundrobin
		    server checkout-1 10.77.1.21:8080
		    server checkout-2 [fd77:1::22]:8080
	CONFIG
	fleet_start edge haproxy.service -- haproxy -db -f "$FLEET_DIR/haproxy.cfg"
	fleet_wait_listening edge 80
}

# demo_fleet_up BINDIR [HOOK...]: everything but the traffic.  BINDIR is where
# PostgreSQL's programs are; HOOK is called when the hosts are there, and no
# program runs on them yet.
demo_fleet_up()
{
	local bindir=$1
	shift

	demo_network
	"$@"
	demo_dns
	demo_stores "$bindir"
	demo_apps
	demo_edge
}

_demo_running() { kill -0 "$1" 2>/dev/null; }

# demo_traffic SECONDS [HOOK...]: traffic for so long; HOOK is called with the
# seconds that have passed, about once in each.
demo_traffic()
{
	local seconds=$1 begun=$SECONDS told=0 pid
	local -a pids=()
	shift

	fleet_start loadgen loadgen.service -u nobody OTEL_SERVICE_NAME=loadgen -- \
		wrk --threads 1 --connections 4 --duration "${seconds}s" --script "$FLEET_DIR/load.lua" \
		http://10.77.1.10/buy
	pids+=("$FLEET_PID")
	demo_app partner reporting v5 "$seconds"
	pids+=("$FLEET_PID")
	for pid in "${pids[@]}"; do
		while _demo_running "$pid"; do
			if (($# && told < seconds && SECONDS > told + begun)); then
				told=$((SECONDS - begun))
				"$@" "$told"
			fi
			sleep "$FLEET_POLL"
		done
		wait "$pid" || fleet_die "traffic failed: $(tail -n 3 "$FLEET_DIR/log/"{loadgen,partner}-*)"
	done
}

# Questions to Redis go by its socket: they are no traffic.
_demo_redis() { redis-cli -s "$FLEET_DIR/redis/socket" "$@"; }

demo_orders() { _demo_redis get orders; }

# What the programs themselves say they did: name and number, a line each.
demo_facts()
{
	local bindir=$1

	socat - "UNIX-CONNECT:$FLEET_DIR/edge.sock" <<<'show stat' | awk -F, '
		$1 == "checkout" && $2 ~ /^checkout/ { sub("-", "_", $2); print $2 "_requests", $8 }
		$1 == "shop" { print "edge_2xx", $41; print "edge_5xx", $44; print "edge_connections", $8 }'
	printf 'charges %s\n' "$("$bindir/psql" -qXAt -h "$FLEET_DIR/orders-db" -U postgres -c 'SELECT count(*) FROM charge')"
	printf 'orders %s\n' "$(demo_orders)"
	printf 'redis_clients %s\n' "$(_demo_redis client list | grep -c ' laddr=[^ ]*:6379 ')"
	printf 'reports %s\n' "$(awk '{print $1}' "$FLEET_DIR/log/partner-reporting.service")"
	printf 'translated %s\n' "$(fleet_in gw nft list ruleset | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')"
	printf 'refused %s\n' "$(grep -c refused "$FLEET_DIR/log/mailer-mailer.service")"
}
