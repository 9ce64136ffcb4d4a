--
-- The tables of a graph: those that every graph has, and those of the graphs of the service
-- map, which are resolved from flows, calls or spans.
--

CREATE FUNCTION topo.graph_schema_name(graph text) RETURNS name
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	-- what is left of an identifier's bytes after the prefix
	longest CONSTANT integer := 63 - octet_length('topo_');
BEGIN
	IF graph IS NULL OR graph = '' OR NOT topo.is_printable(graph) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_name',
			MESSAGE = 'a graph needs a name without control characters';
	END IF;
	IF octet_length(graph) > longest THEN
		RAISE EXCEPTION USING ERRCODE = 'name_too_long',
			MESSAGE = format('graph name %L is too long', graph),
			DETAIL = format('It has %s bytes; at most %s fit, since the graph''s tables are in the schema "topo_" followed by its name.',
							octet_length(graph), longest);
	END IF;
	RETURN 'topo_' || graph;
END
$$;
COMMENT ON FUNCTION topo.graph_schema_name(text) IS 'the schema that holds a graph''s tables; an error for a name that cannot be';

CREATE TYPE topo.span_wait AS (
	seen        timestamptz,
	role        smallint,
	trace_id    uuid,
	span_id     bigint,
	parent_id   bigint,
	owner       bigint,
	app         bigint,
	peer_type   text,
	peer        text,
	endpoint    text,
	entry       boolean,
	failed      boolean,
	calls       bigint,
	started     timestamptz,
	duration_ns bigint
);
COMMENT ON TYPE topo.span_wait IS 'a span that waits for the span at the other end of its call, on its way to span_wait';

CREATE FUNCTION topo.create_graph_tables(schema name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format('CREATE SCHEMA %I', schema);
	EXECUTE format($ddl$
		CREATE TABLE %1$I.link (
			level "char" NOT NULL DEFAULT 'a' CHECK (level IN ('a', 'c')),
			src   bigint NOT NULL,
			dst   bigint NOT NULL,
			type  integer NOT NULL DEFAULT 0,
			PRIMARY KEY (level, src, dst, type)
		);
		CREATE INDEX link_reverse_idx ON %1$I.link (level, dst, src, type);
		COMMENT ON TABLE %1$I.link IS 'the live adjacency: who calls whom now, at the level of apps (a) and of clusters (c)';

		CREATE TABLE %1$I.live_edge (
			src        bigint NOT NULL,
			dst        bigint NOT NULL,
			type       integer NOT NULL DEFAULT 0,
			first_seen timestamptz NOT NULL,
			last_seen  timestamptz NOT NULL,
			PRIMARY KEY (src, dst, type)
		) WITH (fillfactor = 70);
		COMMENT ON TABLE %1$I.live_edge IS 'when each live edge was seen; apart from link, since this changes with traffic and adjacency does not';

		CREATE TABLE %1$I.edge_window (
			bucket     timestamptz NOT NULL,
			part       smallint NOT NULL DEFAULT 0,
			src        bigint NOT NULL,
			dst        bigint,
			type       integer NOT NULL DEFAULT 0,
			endpoint   bigint,
			via        bigint[],
			confidence real NOT NULL DEFAULT 1 CHECK (confidence BETWEEN 0 AND 1),
			app_confidence real CHECK (app_confidence BETWEEN 0 AND 1),
			first_seen timestamptz NOT NULL,
			last_seen  timestamptz NOT NULL,
			traffic    topo.traffic,
			last_src   bigint,
			pack       bytea,
			CONSTRAINT complete CHECK (pack IS NULL AND dst IS NOT NULL AND traffic IS NOT NULL AND last_src IS NULL
									   OR pack IS NOT NULL AND dst IS NULL AND traffic IS NULL AND last_src IS NOT NULL)
		) PARTITION BY RANGE (bucket);
		-- its form is compact
		ALTER TABLE %1$I.edge_window ALTER COLUMN pack SET STORAGE EXTERNAL;
		CREATE INDEX ON %1$I.edge_window (bucket, part);
		COMMENT ON COLUMN %1$I.edge_window.via IS 'the intermediaries between, in order';
		COMMENT ON COLUMN %1$I.edge_window.confidence IS 'how surely src calls dst';
		COMMENT ON COLUMN %1$I.edge_window.app_confidence IS 'how surely the app of src calls that of dst; NULL: the same';
		COMMENT ON COLUMN %1$I.edge_window.endpoint IS 'the API operation of dst that was called, where it is known';
		COMMENT ON COLUMN %1$I.edge_window.pack IS 'windows of many edges, for topo.unpack(): those of callers from src to last_src, seen from first_seen to last_seen';
		CREATE TABLE %1$I.edge_ten_minutes (LIKE %1$I.edge_window INCLUDING ALL) PARTITION BY RANGE (bucket);
		CREATE TABLE %1$I.edge_hour (LIKE %1$I.edge_window INCLUDING ALL) PARTITION BY RANGE (bucket);
		CREATE TABLE %1$I.edge_day (LIKE %1$I.edge_window INCLUDING ALL) PARTITION BY RANGE (bucket);
		COMMENT ON TABLE %1$I.edge_window IS 'traffic of each edge in each minute; the rows of one edge and minute are merged when read';
		COMMENT ON TABLE %1$I.edge_ten_minutes IS 'traffic of each edge in ten minutes, where the graph keeps windows of that width, rolled up from edge_window';
		COMMENT ON TABLE %1$I.edge_hour IS 'traffic of each edge in each hour, rolled up from the next shorter windows';
		COMMENT ON TABLE %1$I.edge_day IS 'traffic of each edge in each day (of UTC), rolled up from the next shorter windows';
		COMMENT ON COLUMN %1$I.edge_window.part IS 'which window of stage 1 of the minute the row was resolved from (0 to 5), or 6: the whole minute; 7 more once what it was resolved from was dropped and more has come';
		COMMENT ON COLUMN %1$I.edge_ten_minutes.part IS '0, or 1 where the minutes were dropped and more has come';
		COMMENT ON COLUMN %1$I.edge_hour.part IS '0, or 1 where the shorter windows were dropped and more has come';
		COMMENT ON COLUMN %1$I.edge_day.part IS '0, or 1 where the shorter windows were dropped and more has come';
		$ddl$, schema);
	PERFORM topo.create_upkeep_tables(schema);
	PERFORM topo.note_links_of(schema);
END
$$;
COMMENT ON FUNCTION topo.create_graph_tables(name) IS 'the tables that every graph has';

CREATE FUNCTION topo.create_upkeep_tables(schema name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format($ddl$
		CREATE TABLE %1$I.open_window (
			bucket   timestamptz PRIMARY KEY,
			appended timestamptz NOT NULL
		) WITH (fillfactor = 50);
		COMMENT ON TABLE %1$I.open_window IS 'minutes of edge_window to which rows have been appended since its rows were merged';

		CREATE TABLE %1$I.merged_minute (
			bucket  timestamptz PRIMARY KEY,
			windows bigint NOT NULL
		);
		COMMENT ON TABLE %1$I.merged_minute IS 'how many windows each minute of the last day came to when its rows were merged last';

		CREATE TABLE %1$I.dirty_rollup (
			width  interval NOT NULL,
			bucket timestamptz NOT NULL,
			marked timestamptz NOT NULL
		);
		COMMENT ON TABLE %1$I.dirty_rollup IS 'hours and days in which shorter windows have changed since they were rolled up';

		CREATE TABLE %1$I.rollup (
			width     interval NOT NULL,
			bucket    timestamptz NOT NULL,
			rolled_at timestamptz NOT NULL,
			edges     bigint NOT NULL,
			PRIMARY KEY (width, bucket)
		);
		COMMENT ON TABLE %1$I.rollup IS 'hours and days that have been rolled up';
		COMMENT ON COLUMN %1$I.rollup.edges IS 'rows that it came to when it was rolled up last';

		CREATE TABLE %1$I.seal (
			width  interval NOT NULL,
			during tstzrange NOT NULL,
			PRIMARY KEY (width, during)
		);
		COMMENT ON TABLE %1$I.seal IS 'times whose windows of a width have been dropped: what longer ones hold of them is added to, but not replaced';
		$ddl$, schema);
END
$$;
COMMENT ON FUNCTION topo.create_upkeep_tables(name) IS 'the tables that tell what is to be done with a graph''s windows';

CREATE FUNCTION topo.create_flow_tables(schema name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format($ddl$
		CREATE TABLE %1$I.flow_window (
			bucket            timestamptz NOT NULL,
			scope             text NOT NULL,
			protocol          smallint NOT NULL,
			role              smallint NOT NULL CHECK (role IN (1, 2)),
			role_guessed      boolean NOT NULL,
			local_address     inet NOT NULL,
			local_port        integer NOT NULL,
			local_node        bigint,
			peer_address      inet NOT NULL,
			peer_port         integer NOT NULL,
			nat_local_address inet,
			nat_local_port    integer,
			nat_peer_address  inet,
			nat_peer_port     integer,
			region            text,
			first_seen        timestamptz NOT NULL,
			last_seen         timestamptz NOT NULL,
			traffic           topo.traffic NOT NULL
		) PARTITION BY RANGE (bucket);
		CREATE INDEX ON %1$I.flow_window (bucket);
		COMMENT ON TABLE %1$I.flow_window IS 'stage 1: what each end reported, by address, in windows of 10 seconds; rows of one window are merged when read';
		COMMENT ON COLUMN %1$I.flow_window.role IS '1: the local end is the client, 2: it is the server';
		COMMENT ON COLUMN %1$I.flow_window.nat_local_address IS 'the local end as it is on the wire, where address translation of its own host changes it; likewise the peer';
		COMMENT ON COLUMN %1$I.flow_window.nat_local_port IS 'of a server: the port that its clients call; likewise nat_peer_port of a client';
		COMMENT ON COLUMN %1$I.flow_window.traffic IS 'as the local end sees it: bytes_sent are those that it sent';

		CREATE TABLE %1$I.translation (
			bucket              timestamptz NOT NULL,
			scope               text NOT NULL,
			protocol            smallint NOT NULL,
			client_address      inet NOT NULL,
			target_address      inet NOT NULL,
			target_port         integer NOT NULL,
			out_client_address  inet NOT NULL,
			out_target_address  inet NOT NULL,
			out_target_port     integer NOT NULL,
			connections         bigint NOT NULL
		);
		CREATE INDEX ON %1$I.translation (out_target_address, out_client_address, bucket);
		CREATE INDEX ON %1$I.translation (target_address, client_address, bucket);
		CREATE INDEX ON %1$I.translation (bucket);
		COMMENT ON TABLE %1$I.translation IS 'stage 1: how hosts that forward have translated connections, in windows of 10 seconds; rows of one window are added up when read';
		COMMENT ON COLUMN %1$I.translation.bucket IS 'when the connections began';
		COMMENT ON COLUMN %1$I.translation.target_address IS 'what the client called';
		COMMENT ON COLUMN %1$I.translation.out_client_address IS 'who calls, as the target sees it';
		COMMENT ON COLUMN %1$I.translation.out_target_address IS 'who was called in the end';

		CREATE TABLE %1$I.attribution_window (
			bucket      timestamptz NOT NULL,
			share       text NOT NULL,
			connections bigint NOT NULL,
			bytes       numeric NOT NULL
		);
		CREATE INDEX ON %1$I.attribution_window (bucket);
		COMMENT ON TABLE %1$I.attribution_window IS 'of each flow window, the connections and bytes that were counted, by what is known of their ends; topo.attribution shows it';
		COMMENT ON COLUMN %1$I.attribution_window.share IS 'attributed, external, unattributed, ambiguous or overflow, which are all; besides these, unjoined: of hops that would have been joined, had there been memory';

		CREATE TABLE %1$I.address_node (
			scope   text NOT NULL,
			address inet NOT NULL,
			first   timestamptz NOT NULL,
			PRIMARY KEY (scope, address)
		);
		COMMENT ON TABLE %1$I.address_node IS 'addresses that nobody is known to hold and that have nodes of their own; all others are address:overflow';
		COMMENT ON COLUMN %1$I.address_node.first IS 'when it was seen first without an owner';

		CREATE TABLE %1$I.overflow_window (
			bucket    timestamptz NOT NULL,
			addresses bigint NOT NULL
		);
		CREATE INDEX ON %1$I.overflow_window (bucket);
		COMMENT ON TABLE %1$I.overflow_window IS 'flow windows with addresses that are address:overflow, and how many';

		CREATE TABLE %1$I.dirty_window (bucket timestamptz NOT NULL);
		COMMENT ON TABLE %1$I.dirty_window IS 'flow windows that changed since they were resolved';

		CREATE TABLE %1$I.dirty_address (
			scope   text NOT NULL,
			address inet NOT NULL,
			valid   tstzrange NOT NULL
		);
		COMMENT ON TABLE %1$I.dirty_address IS 'addresses, and times, of which something was learned since the windows were resolved in which they appear';
		$ddl$, schema);
END
$$;
COMMENT ON FUNCTION topo.create_flow_tables(name) IS 'the tables of a graph that is resolved from flows';

CREATE FUNCTION topo.create_call_tables(schema name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format($ddl$
		CREATE TABLE %1$I.call_window (
			bucket     timestamptz NOT NULL,
			src        bigint NOT NULL,
			dst        bigint NOT NULL,
			src_app    bigint NOT NULL,
			dst_app    bigint NOT NULL,
			endpoint   bigint,
			by_server  boolean NOT NULL,
			first_seen timestamptz NOT NULL,
			last_seen  timestamptz NOT NULL,
			traffic    topo.traffic NOT NULL
		) PARTITION BY RANGE (bucket);
		CREATE INDEX ON %1$I.call_window (bucket);
		COMMENT ON TABLE %1$I.call_window IS 'stage 1: what metrics say of calls, in windows of 10 seconds by their start; rows of one window are merged when read';
		COMMENT ON COLUMN %1$I.call_window.src_app IS 'src at the level of apps: there both sides speak of the same edge';
		COMMENT ON COLUMN %1$I.call_window.by_server IS 'the server counted: the row counts only where no client says anything';

		CREATE TABLE %1$I.dirty_window (bucket timestamptz NOT NULL);
		COMMENT ON TABLE %1$I.dirty_window IS 'call windows that changed since they were resolved';
		$ddl$, schema);
END
$$;
COMMENT ON FUNCTION topo.create_call_tables(name) IS 'the tables of a graph that is resolved from metrics of calls';

CREATE FUNCTION topo.create_span_tables(schema name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format($ddl$
		CREATE TABLE %1$I.span_part (
			seen     timestamptz NOT NULL,
			part     bigint NOT NULL,
			trace_id uuid NOT NULL,
			spans    bigint[] NOT NULL,
			owners   bigint[] NOT NULL,
			failed   bigint[]
		) PARTITION BY RANGE (seen);
		ALTER TABLE %1$I.span_part ALTER COLUMN spans SET STORAGE EXTERNAL, ALTER COLUMN owners SET STORAGE EXTERNAL;
		CREATE INDEX ON %1$I.span_part (trace_id);
		COMMENT ON TABLE %1$I.span_part IS 'the spans of a trace that came in one batch: possible parents of those that come later';
		COMMENT ON COLUMN %1$I.span_part.seen IS 'when the batch was stored';
		COMMENT ON COLUMN %1$I.span_part.part IS 'the batch';
		COMMENT ON COLUMN %1$I.span_part.owners IS 'the finest node that each of the spans is of';
		COMMENT ON COLUMN %1$I.span_part.failed IS 'which of the spans failed';

		CREATE TABLE %1$I.span_news (
			part         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			seen         timestamptz NOT NULL,
			traces       uuid[] NOT NULL,
			waits        bigint[] NOT NULL,
			texts        text[] NOT NULL,
			unattributed bigint NOT NULL,
			repeated     bigint NOT NULL
		);
		ALTER TABLE %1$I.span_news ALTER COLUMN traces SET STORAGE EXTERNAL, ALTER COLUMN waits SET STORAGE EXTERNAL;
		COMMENT ON TABLE %1$I.span_news IS 'batches of spans that have not been paired yet';
		COMMENT ON COLUMN %1$I.span_news.waits IS 'the spans of the batch whose other side is not decided, a row each: its trace (its place in traces), id and parent (0: none), the node of the parent where the batch has it (0: none), its own node and app, peer and endpoint (places in texts; 0: none), marks (1: it waits for what it called, else for who called it; 2: it was entered from outside; 4: it failed; 8: its peer is an app), the calls it stands for, when it began (microseconds since 2000), and for how long (nanoseconds; -1: not known)';
		COMMENT ON COLUMN %1$I.span_news.unattributed IS 'spans of the batch that name no service';
		COMMENT ON COLUMN %1$I.span_news.repeated IS 'spans that were in the batch once more';

		CREATE TABLE %1$I.span_wait (
			seen        timestamptz NOT NULL,
			role        smallint NOT NULL CHECK (role IN (1, 2)),
			trace_id    uuid NOT NULL,
			span_id     bigint NOT NULL,
			parent_id   bigint,
			owner       bigint NOT NULL,
			app         bigint NOT NULL,
			peer_type   text,
			peer        text,
			endpoint    text,
			entry       boolean NOT NULL,
			failed      boolean NOT NULL,
			calls       bigint NOT NULL,
			started     timestamptz NOT NULL,
			duration_ns bigint
		);
		CREATE INDEX ON %1$I.span_wait (trace_id);
		CREATE INDEX ON %1$I.span_wait (seen);
		COMMENT ON TABLE %1$I.span_wait IS 'spans that wait for the span at the other end of their call, at the most for topology.span_horizon';
		COMMENT ON COLUMN %1$I.span_wait.role IS '1: it calls, and waits for a callee; 2: it is called, and waits for its parent';

		CREATE TABLE %1$I.span_count (
			cutoff       timestamptz NOT NULL DEFAULT '-infinity',
			paired       bigint NOT NULL DEFAULT 0,
			assumed      bigint NOT NULL DEFAULT 0,
			unpaired     bigint NOT NULL DEFAULT 0,
			repeated     bigint NOT NULL DEFAULT 0,
			unattributed bigint NOT NULL DEFAULT 0
		) WITH (fillfactor = 10);
		INSERT INTO %1$I.span_count DEFAULT VALUES;
		COMMENT ON TABLE %1$I.span_count IS 'one row: what became of spans; topo.trace_status shows it';
		COMMENT ON COLUMN %1$I.span_count.cutoff IS 'spans seen up to then are waited for no more';
		$ddl$, schema);
END
$$;
COMMENT ON FUNCTION topo.create_span_tables(name) IS 'the tables of a graph that is paired from spans';
