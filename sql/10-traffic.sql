-- traffic: what flowed over an edge in a window.  None of these functions runs
-- SQL, so none pins a search_path: that would cost more than they do.

CREATE TYPE topo.traffic;

CREATE FUNCTION topo.traffic_in(cstring) RETURNS topo.traffic
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_in';
COMMENT ON FUNCTION topo.traffic_in(cstring) IS 'text input of traffic';

CREATE FUNCTION topo.traffic_out(topo.traffic) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_out';
COMMENT ON FUNCTION topo.traffic_out(topo.traffic) IS 'text output of traffic';

CREATE FUNCTION topo.traffic_recv(internal) RETURNS topo.traffic
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_recv';
COMMENT ON FUNCTION topo.traffic_recv(internal) IS 'binary input of traffic';

CREATE FUNCTION topo.traffic_send(topo.traffic) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_send';
COMMENT ON FUNCTION topo.traffic_send(topo.traffic) IS 'binary output of traffic';

CREATE TYPE topo.traffic (
	INPUT = topo.traffic_in,
	OUTPUT = topo.traffic_out,
	RECEIVE = topo.traffic_recv,
	SEND = topo.traffic_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = main
);
COMMENT ON TYPE topo.traffic IS
'what flowed over an edge in a window: counters and a latency sketch that merge in any order';

-- Making a value.

CREATE FUNCTION topo.traffic(
	connections bigint DEFAULT 0,
	failed bigint DEFAULT 0,
	bytes_sent bigint DEFAULT 0,
	bytes_received bigint DEFAULT 0,
	packets_sent bigint DEFAULT 0,
	packets_received bigint DEFAULT 0,
	retransmits bigint DEFAULT 0,
	requests bigint DEFAULT 0,
	errors bigint DEFAULT 0,
	rtt_sum_us bigint DEFAULT 0,
	rtt_samples bigint DEFAULT 0,
	latency_ms double precision[] DEFAULT '{}'
) RETURNS topo.traffic
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_construct';
COMMENT ON FUNCTION topo.traffic(
	bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint,
	double precision[]) IS
'traffic of these counters and latencies (milliseconds, one a request); name the parameters';

-- Reading a value.

CREATE FUNCTION topo.connections(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_connections';
COMMENT ON FUNCTION topo.connections(topo.traffic) IS
'connections opened';

CREATE FUNCTION topo.failed(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_failed';
COMMENT ON FUNCTION topo.failed(topo.traffic) IS
'attempts to connect that failed';

CREATE FUNCTION topo.bytes_sent(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_bytes_sent';
COMMENT ON FUNCTION topo.bytes_sent(topo.traffic) IS
'bytes that the caller sent';

CREATE FUNCTION topo.bytes_received(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_bytes_received';
COMMENT ON FUNCTION topo.bytes_received(topo.traffic) IS
'bytes that the caller received';

CREATE FUNCTION topo.packets_sent(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_packets_sent';
COMMENT ON FUNCTION topo.packets_sent(topo.traffic) IS
'packets that the caller sent';

CREATE FUNCTION topo.packets_received(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_packets_received';
COMMENT ON FUNCTION topo.packets_received(topo.traffic) IS
'packets that the caller received';

CREATE FUNCTION topo.retransmits(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_retransmits';
COMMENT ON FUNCTION topo.retransmits(topo.traffic) IS
'packets sent again';

CREATE FUNCTION topo.requests(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_requests';
COMMENT ON FUNCTION topo.requests(topo.traffic) IS
'calls made';

CREATE FUNCTION topo.errors(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_errors';
COMMENT ON FUNCTION topo.errors(topo.traffic) IS
'calls that failed';

CREATE FUNCTION topo.rtt_ms(topo.traffic) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_rtt_ms';
COMMENT ON FUNCTION topo.rtt_ms(topo.traffic) IS
'mean round-trip time in milliseconds; null without samples';

CREATE FUNCTION topo.latency_count(topo.traffic) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_latency_count';
COMMENT ON FUNCTION topo.latency_count(topo.traffic) IS
'requests whose latency is known';

CREATE FUNCTION topo.latency_sum_ms(topo.traffic) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_latency_sum_ms';
COMMENT ON FUNCTION topo.latency_sum_ms(topo.traffic) IS
'sum of the known latencies in milliseconds';

CREATE FUNCTION topo.p50_ms(topo.traffic) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_p50_ms';
COMMENT ON FUNCTION topo.p50_ms(topo.traffic) IS
'median latency in milliseconds, within 1 %; null without samples';

CREATE FUNCTION topo.p99_ms(topo.traffic) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_p99_ms';
COMMENT ON FUNCTION topo.p99_ms(topo.traffic) IS
'99th percentile of latency in milliseconds, within 1 %; null without samples';

CREATE FUNCTION topo.latency_quantile(traffic topo.traffic, q double precision) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_latency_quantile';
COMMENT ON FUNCTION topo.latency_quantile(topo.traffic, double precision) IS
'the latency in milliseconds that the share q (0 to 1) of requests did not pass, within 1 %; null without samples';

CREATE FUNCTION topo.reversed(topo.traffic) RETURNS topo.traffic
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_reversed';
COMMENT ON FUNCTION topo.reversed(topo.traffic) IS
'the same traffic as the other end saw it: sent and received change places';

-- As JSON; the cast to json is what to_jsonb() and row_to_json() use.

CREATE FUNCTION topo.traffic_to_json(topo.traffic) RETURNS json
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_to_json';
COMMENT ON FUNCTION topo.traffic_to_json(topo.traffic) IS
'traffic as json, with the keys of its text form';

CREATE CAST (topo.traffic AS json) WITH FUNCTION topo.traffic_to_json(topo.traffic);
COMMENT ON CAST (topo.traffic AS json) IS 'with the keys of the text form';

CREATE FUNCTION topo.traffic_to_jsonb(topo.traffic) RETURNS jsonb
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_to_jsonb';
COMMENT ON FUNCTION topo.traffic_to_jsonb(topo.traffic) IS
'traffic as jsonb, with the keys of its text form';

CREATE CAST (topo.traffic AS jsonb) WITH FUNCTION topo.traffic_to_jsonb(topo.traffic);
COMMENT ON CAST (topo.traffic AS jsonb) IS 'with the keys of the text form';

-- Equality and hashing.  Equal values have equal bytes; there is no order.

CREATE FUNCTION topo.traffic_eq(topo.traffic, topo.traffic) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_eq';
COMMENT ON FUNCTION topo.traffic_eq(topo.traffic, topo.traffic) IS
'equal: every counter and every bucket';

CREATE FUNCTION topo.traffic_ne(topo.traffic, topo.traffic) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_ne';
COMMENT ON FUNCTION topo.traffic_ne(topo.traffic, topo.traffic) IS
'not equal';

CREATE FUNCTION topo.traffic_hash(topo.traffic) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_hash';
COMMENT ON FUNCTION topo.traffic_hash(topo.traffic) IS
'hash of traffic';

CREATE FUNCTION topo.traffic_hash_extended(topo.traffic, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_hash_extended';
COMMENT ON FUNCTION topo.traffic_hash_extended(topo.traffic, bigint) IS
'hash of traffic with a seed';

CREATE OPERATOR topo.= (
	FUNCTION = topo.traffic_eq,
	LEFTARG = topo.traffic,
	RIGHTARG = topo.traffic,
	COMMUTATOR = OPERATOR(topo.=),
	NEGATOR = OPERATOR(topo.<>),
	RESTRICT = eqsel,
	JOIN = eqjoinsel,
	HASHES
);
COMMENT ON OPERATOR topo.= (topo.traffic, topo.traffic) IS 'equal: every counter and every bucket';

CREATE OPERATOR topo.<> (
	FUNCTION = topo.traffic_ne,
	LEFTARG = topo.traffic,
	RIGHTARG = topo.traffic,
	COMMUTATOR = OPERATOR(topo.<>),
	NEGATOR = OPERATOR(topo.=),
	RESTRICT = neqsel,
	JOIN = neqjoinsel
);
COMMENT ON OPERATOR topo.<> (topo.traffic, topo.traffic) IS 'not equal';

CREATE OPERATOR FAMILY topo.traffic_ops USING hash;
COMMENT ON OPERATOR FAMILY topo.traffic_ops USING hash IS 'equality of traffic';

CREATE OPERATOR CLASS topo.traffic_ops
	DEFAULT FOR TYPE topo.traffic USING hash FAMILY topo.traffic_ops AS
	OPERATOR 1 topo.= ,
	FUNCTION 1 topo.traffic_hash(topo.traffic),
	FUNCTION 2 topo.traffic_hash_extended(topo.traffic, bigint);
COMMENT ON OPERATOR CLASS topo.traffic_ops USING hash IS 'equality of traffic';

-- Merging.

CREATE FUNCTION topo.traffic_merge(topo.traffic, topo.traffic) RETURNS topo.traffic
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_merge';
COMMENT ON FUNCTION topo.traffic_merge(topo.traffic, topo.traffic) IS
'both together; counters stay at 9223372036854775807 once there';

CREATE OPERATOR topo.+ (
	FUNCTION = topo.traffic_merge,
	LEFTARG = topo.traffic,
	RIGHTARG = topo.traffic,
	COMMUTATOR = OPERATOR(topo.+)
);
COMMENT ON OPERATOR topo.+ (topo.traffic, topo.traffic) IS 'both together, in any order the same';

CREATE FUNCTION topo.traffic_merge_transition(internal, topo.traffic) RETURNS internal
	LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_merge_transition';
COMMENT ON FUNCTION topo.traffic_merge_transition(internal, topo.traffic) IS
'merge(traffic): take one value';

CREATE FUNCTION topo.traffic_merge_combine(internal, internal) RETURNS internal
	LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_merge_combine';
COMMENT ON FUNCTION topo.traffic_merge_combine(internal, internal) IS
'merge(traffic): take the state of a parallel worker';

CREATE FUNCTION topo.traffic_merge_serialize(internal) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_merge_serialize';
COMMENT ON FUNCTION topo.traffic_merge_serialize(internal) IS
'merge(traffic): state to bytes';

CREATE FUNCTION topo.traffic_merge_deserialize(bytea, internal) RETURNS internal
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_merge_deserialize';
COMMENT ON FUNCTION topo.traffic_merge_deserialize(bytea, internal) IS
'merge(traffic): bytes to state';

CREATE FUNCTION topo.traffic_merge_final(internal) RETURNS topo.traffic
	LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_merge_final';
COMMENT ON FUNCTION topo.traffic_merge_final(internal) IS
'merge(traffic): state to value';

CREATE AGGREGATE topo.merge(topo.traffic) (
	SFUNC = topo.traffic_merge_transition,
	STYPE = internal,
	SSPACE = 1024,
	FINALFUNC = topo.traffic_merge_final,
	COMBINEFUNC = topo.traffic_merge_combine,
	SERIALFUNC = topo.traffic_merge_serialize,
	DESERIALFUNC = topo.traffic_merge_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE topo.merge(topo.traffic) IS
'all together, in any order the same; nulls are left out, null for no rows';

CREATE FUNCTION topo.traffic_merge_calls_transition(internal, bigint, boolean, bigint) RETURNS internal
	LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'traffic_merge_calls_transition';
COMMENT ON FUNCTION topo.traffic_merge_calls_transition(internal, bigint, boolean, bigint) IS
'merge_calls(): take the calls of one row';

CREATE AGGREGATE topo.merge_calls(calls bigint, failed boolean, latency_ns bigint) (
	SFUNC = topo.traffic_merge_calls_transition,
	STYPE = internal,
	SSPACE = 1024,
	FINALFUNC = topo.traffic_merge_final,
	COMBINEFUNC = topo.traffic_merge_combine,
	SERIALFUNC = topo.traffic_merge_serialize,
	DESERIALFUNC = topo.traffic_merge_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE topo.merge_calls(bigint, boolean, bigint) IS
'the traffic of so many calls a row, which failed or not and took so many nanoseconds each; a latency of NULL is not known';
