-- headroom's tables in PostgreSQL, for logs that many machines share. This page is the authored copy;
-- store/postgres/schema.sql is generated from it. The tables lie in the first schema of the
-- connection's search_path, and headroom makes them when it first opens an empty one.
--
-- Conventions: *_at are integer microseconds since 1970-01-01 00:00:00 UTC; *_us are microseconds; *_bytes are bytes on
-- the wire; *_s are seconds. A column is NOT NULL unless its comment says what NULL means. Text that PostgreSQL cannot
-- hold, because it is no UTF-8 or has a zero byte, is kept as U+0001 and its bytes in hex.
--
-- To read it with psql:
--   select at, tenant, method, path, status, response_bytes from requests order by id desc limit 9;
--
-- The tenant stands first in the key of every table that grows with the requests, and no constraint spans tenants, so
-- that such a table can be distributed. There are no foreign keys: they would cost a look-up for each reference of each
-- row, and whoever may insert here adds the names first.

-- What is written once and stays. format is the number of this page's format; created_at.
CREATE TABLE meta (
  name  text PRIMARY KEY,
  value text NOT NULL
);

-- Apart, so that readers need no right to it: 32 random bytes that key request.params.
CREATE TABLE secret (
  hash_key bytea NOT NULL
);

-- The names that requests share. Rows are added, never changed.
CREATE TABLE tenant (
  id   bigint PRIMARY KEY,                       -- from 1
  name text NOT NULL UNIQUE                      -- the organisation's hostname at the vendor, or what a log's reader said
);

CREATE TABLE route (
  id       bigint PRIMARY KEY,
  method   text NOT NULL,                        -- request method, RFC 9110 section 9
  origin   text NOT NULL,                        -- scheme://host[:port]
  template text NOT NULL,                        -- path; '{+name}' stands for a value of request.key, '{name}' and '*'
                                                 -- for a value that was not kept
  class    text NOT NULL,                        -- the policy's class when the route was first seen; an audit asks its
                                                 -- own policy again
  UNIQUE (method, origin, template)
);

CREATE TABLE client (
  id   bigint PRIMARY KEY,
  name text NOT NULL UNIQUE                      -- the program or host that sent requests
);

CREATE TABLE source (
  id            bigint PRIMARY KEY,
  kind          text NOT NULL,                   -- transport, proxy, jsonl, har, combined, csv
  name          text NOT NULL,                   -- base name of the file imported, or of the program; may be ''
  resolution_us bigint NOT NULL,                 -- the clock's: 0 exact, 1000000 for whole seconds (floored)
  time_is       text NOT NULL,                   -- what its times mean: start or end of a request, or unknown
  UNIQUE (kind, name, resolution_us, time_is)
);

-- The files whose rows were pushed here, one a machine. Number 0 is none of them: what was recorded in this database.
CREATE TABLE machine (
  id       bigint PRIMARY KEY,                   -- from 1
  uid      bytea NOT NULL UNIQUE,                -- a hash of the file's hash key and of when it was made
  name     text NOT NULL,                        -- what its user calls it; may be ''
  same_key boolean NOT NULL,                     -- the file's hash key is this log's: equal parameters are told as such
  seen_at  bigint NOT NULL                       -- when it first came, by this server's clock
);

-- What came of each machine, a row a batch. The last row of a machine says how far its file has been sent.
CREATE TABLE push (
  machine_id     bigint NOT NULL,
  n              bigint NOT NULL,                -- from 1, without gaps
  request_upto   bigint NOT NULL,                -- rows of the file's request with an id up to this are here
  event_upto     bigint NOT NULL,
  recording_upto bigint NOT NULL,
  capture_upto   bigint NOT NULL,
  ledger_upto    bigint NOT NULL,
  requests       bigint NOT NULL,                -- how many of this batch
  pushed_at      bigint NOT NULL,                -- by this server's clock
  ahead_us       bigint NOT NULL,                -- the machine's clock less this server's
  within_us      bigint NOT NULL,                -- how far off ahead_us may be: half the time of asking
  PRIMARY KEY (machine_id, n)
);

-- The request log: one row per HTTP attempt. Rows are only ever added.
CREATE TABLE request (
  tenant_id      bigint NOT NULL,
  machine_id     bigint NOT NULL,                -- 0: recorded in this database
  seq            bigint NOT NULL,                -- the row's id in its machine's file; machine 0: id
  id             bigint NOT NULL,                -- order of arrival here, from 1, over all tenants
  route_id       bigint NOT NULL,
  source_id      bigint NOT NULL,
  client_id      bigint,                         -- NULL: not known
  started_at     bigint NOT NULL,                -- when the attempt began; when it ended where source.time_is says so
  status         smallint NOT NULL,              -- answer's status code; 0: no answer came
  cut_short      boolean NOT NULL,               -- the answer's body ended before its end
  response_bytes bigint NOT NULL,                -- body bytes received, on the wire
  request_bytes  bigint NOT NULL,                -- body bytes sent
  duration_us    bigint NOT NULL,                -- start to last byte read; 0: not known
  first_byte_us  bigint NOT NULL,                -- start to first byte of the answer; 0: not known
  retry_after_s  bigint NOT NULL,                -- the answer's Retry-After; 0: none
  date_skew_s    bigint,                         -- the answer's Date less the machine's clock; NULL: not told
  key            text,                           -- values of the template's '{+name}', joined by '/'; NULL: it has none
  query          text,                           -- the query's pairs that the policy lets be kept; NULL: none
  params         text,                           -- 32 hex digits, HMAC-SHA-256 under the file's hash key over method, path,
                                                 -- query and body; NULL: the row's method and URL say it all
  error          text,                           -- dns, connect, tls, timeout, cancelled, reset, other; NULL: none
  vendor_id      text,                           -- the vendor's own id of the request, from its answer; NULL: not told
  PRIMARY KEY (tenant_id, machine_id, seq)
);

CREATE INDEX request_id ON request (id);

-- What the vendor's recording lists said there is, whether it was downloaded or not. A recording listed again is not added.
CREATE TABLE recording (
  tenant_id   bigint NOT NULL,
  started_at  bigint NOT NULL,                   -- when the recording began, as the list says
  key         text COLLATE "C" NOT NULL,         -- as in request.key
  id          bigint NOT NULL,                   -- order of arrival here, from 1
  duration_us bigint NOT NULL,                   -- its length; 0: not known
  bytes       bigint NOT NULL,                   -- its size; 0: not known
  listed_at   bigint NOT NULL,                   -- when the row was added, here or to the machine's file; 0: not known
  PRIMARY KEY (tenant_id, started_at, key)
);

CREATE INDEX recording_id ON recording (id);

-- What happened to a tenant's limits, or to a log. A machine's told and prune events stay in its file, which they are about.
CREATE TABLE event (
  tenant_id   bigint NOT NULL,                   -- 0: not about one tenant
  machine_id  bigint NOT NULL,
  seq         bigint NOT NULL,                   -- as in request
  id          bigint NOT NULL,                   -- order of arrival here, from 1
  kind        text NOT NULL,                     -- reset, dropped, paced, told, prune: as in schema.sql
  at          bigint NOT NULL,
  count       bigint NOT NULL,
  bytes       bigint NOT NULL,
  note        text NOT NULL,
  recorded_at bigint NOT NULL,                   -- when the row was added, here or to the machine's file
  PRIMARY KEY (tenant_id, machine_id, seq)
);

CREATE INDEX event_id ON event (id);
CREATE INDEX event_prune ON event (id) WHERE kind = 'prune';

-- When a machine was being written by a program that makes or carries the calls.
CREATE TABLE capture (
  machine_id bigint NOT NULL,
  seq        bigint NOT NULL,
  id         bigint NOT NULL,                    -- order of arrival here, from 1
  span       bigint NOT NULL,                    -- a random number that the rows of one program's run share
  kind       text NOT NULL,                      -- started, beat: still running (at most hourly), stopped
  at         bigint NOT NULL,
  version    text NOT NULL,                      -- the program's
  PRIMARY KEY (machine_id, seq)
);

CREATE INDEX capture_id ON capture (id);

-- What pulls did about recordings of the list; of several rows about one recording, 'stored' counts, else the last.
CREATE TABLE ledger (
  tenant_id  bigint NOT NULL,
  machine_id bigint NOT NULL,
  seq        bigint NOT NULL,                    -- as in request
  id         bigint NOT NULL,                    -- order of arrival here, from 1
  started_at bigint NOT NULL,                    -- when the recording began, as the list says
  key        text COLLATE "C" NOT NULL,          -- as in recording.key
  at         bigint NOT NULL,                    -- when this was done
  state      text NOT NULL,                      -- stored; gone: the vendor no longer has it; refused: what came was no
                                                 -- recording; excluded: the user does not want it
  bytes      bigint NOT NULL,                    -- stored: its size
  sha256     text NOT NULL,                      -- stored: its hash, 64 hex digits
  place      text NOT NULL,                      -- stored: its name below the destination
  note       text NOT NULL,                      -- what is odd about it, or why it was not stored; may be ''
  PRIMARY KEY (tenant_id, machine_id, seq)
);

CREATE INDEX ledger_recording ON ledger (tenant_id, started_at, key);
CREATE INDEX ledger_id ON ledger (id);

-- The seals, as in schema.sql: what evidence needs to prove the rows above, in their order of arrival here, and what does
-- not follow from them. Rows are only ever added; a prune alone replaces those of seal_pruned.
CREATE TABLE seal_log (
  tenant_id  bigint PRIMARY KEY,
  log_id     bytea NOT NULL,                     -- 16 random bytes: the log's name in its checkpoints
  public_key bytea NOT NULL                      -- Ed25519, 32 bytes; the secret part is the sealer's, and not here
);

CREATE TABLE seal_run (
  n              bigint PRIMARY KEY,             -- from 1, without gaps
  sealed_at      bigint NOT NULL,                -- by the sealer's clock, later than the run before
  request_upto   bigint NOT NULL,                -- rows of request with an id up to this are sealed
  event_upto     bigint NOT NULL,
  recording_upto bigint NOT NULL,
  capture_upto   bigint NOT NULL,
  pad            bytea NOT NULL,                 -- 32 random bytes that fill the seal's text
  text_sum       bytea NOT NULL                  -- SHA-256 of that text
);

-- Runs whose line left the sealer's machine.
CREATE TABLE seal_told (
  n bigint PRIMARY KEY
);

-- What a time stamping authority answered, RFC 3161.
CREATE TABLE seal_stamp (
  n      bigint PRIMARY KEY,
  answer bytea NOT NULL                          -- TimeStampResp, DER
);

CREATE TABLE seal_head (
  tenant_id  bigint NOT NULL,
  run        bigint NOT NULL,
  size       bigint NOT NULL,                    -- leaves of the tenant's log
  checkpoint text NOT NULL,                      -- signed, C2SP tlog-checkpoint
  peaks      bytea NOT NULL,                     -- full subtrees over the leaves, 32 bytes each, largest first
  hints      bytea NOT NULL,                     -- first 4 bytes of the hash of each leaf that the run added
  PRIMARY KEY (tenant_id, run)
);

CREATE INDEX seal_head_run ON seal_head (run);

-- Leaves that no row above says.
CREATE TABLE seal_leaf (
  tenant_id bigint NOT NULL,
  seq       bigint NOT NULL,                     -- index in the tenant's log, from 0
  line      text NOT NULL,
  PRIMARY KEY (tenant_id, seq)
);

-- What stays of leaves whose rows were removed.
CREATE TABLE seal_pruned (
  tenant_id bigint NOT NULL,
  level     bigint NOT NULL,                     -- 0: a leaf's hash; 8: that of a full subtree of 256 leaves
  n         bigint NOT NULL,                     -- index of the leaf, or of its first leaf divided by 256
  hash      bytea NOT NULL,                      -- SHA-256
  PRIMARY KEY (tenant_id, level, n)
);

-- What is written stays: triggers refuse UPDATE, DELETE and TRUNCATE, whoever asks. A prune, and a migration of meta, take
-- them down inside their own transaction, which needs the tables' owner. The owner and a superuser can do so, too, and a
-- superuser can also change the files: against them only seals help, of which somebody else holds a line.
CREATE FUNCTION headroom_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% append-only: % was refused', TG_ARGV[0], TG_OP USING ERRCODE = 'raise_exception';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON meta
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON secret
  EXECUTE FUNCTION headroom_append_only('the hash key is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tenant
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON route
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON client
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON source
  EXECUTE FUNCTION headroom_append_only('names are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON machine
  EXECUTE FUNCTION headroom_append_only('machines are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON push
  EXECUTE FUNCTION headroom_append_only('what was pushed is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON request
  EXECUTE FUNCTION headroom_append_only('the request log is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recording
  EXECUTE FUNCTION headroom_append_only('the list of recordings is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
  EXECUTE FUNCTION headroom_append_only('events are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
  EXECUTE FUNCTION headroom_append_only('the ledger is');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON capture
  EXECUTE FUNCTION headroom_append_only('the times of capture are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_log
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_run
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_told
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_stamp
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_head
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_leaf
  EXECUTE FUNCTION headroom_append_only('seals are');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_pruned
  EXECUTE FUNCTION headroom_append_only('seals are');

-- What processes tell each other, by this server's clock. It is not part of the log.
CREATE TABLE pace (
  tenant_id bigint NOT NULL,
  class     text NOT NULL,                       -- the policy's class that has a least interval
  next_at   bigint NOT NULL,                     -- no request of the class may start before this
  PRIMARY KEY (tenant_id, class)
);

CREATE TABLE lease (
  tenant_id bigint PRIMARY KEY,                  -- the tenant that one process pulls
  fence     bigint NOT NULL,                     -- the lease's number: each taking adds one
  holder    text NOT NULL,                       -- a random word of the process
  until_at  bigint NOT NULL,                     -- when it expires
  refused_at bigint                              -- when the vendor last refused the tenant for egress; NULL: never
);

-- The log with its names joined, for reading by people. The values of request.key take their places in the template.
CREATE VIEW requests AS
SELECT r.id, t.name AS tenant, to_timestamp(r.started_at / 1e6) AS at, r.started_at, o.method, o.class,
       o.origin || CASE strpos(o.template, '{+') WHEN 0 THEN o.template ELSE (
         WITH RECURSIVE fill(done, rest, key) AS (
           VALUES ('', o.template, coalesce(r.key, '') || '/')
           UNION ALL SELECT done || substr(rest, 1, strpos(rest, '{+') - 1) || split_part(key, '/', 1),
             substr(rest, strpos(rest, '{+') + strpos(substr(rest, strpos(rest, '{+')), '}')),
             substr(key, strpos(key, '/') + 1)
           FROM fill WHERE rest LIKE '%{+%}%')
         SELECT done || rest FROM fill WHERE rest NOT LIKE '%{+%}%')
       END || coalesce('?' || r.query, '') AS url,
       o.template AS path, r.status, r.response_bytes, r.request_bytes, r.duration_us, r.first_byte_us, r.cut_short,
       r.retry_after_s, r.error, c.name AS client, s.kind AS source, s.name AS source_name, s.resolution_us, s.time_is,
       r.params, r.vendor_id, r.date_skew_s, r.machine_id, m.name AS machine
FROM request r JOIN tenant t ON t.id = r.tenant_id JOIN route o ON o.id = r.route_id
JOIN source s ON s.id = r.source_id LEFT JOIN client c ON c.id = r.client_id LEFT JOIN machine m ON m.id = r.machine_id;

-- Everything below is a cache. It may be emptied at any time; the next audit makes it anew from the rows above.

-- Requests packed by tenant in order of (started_at, id), at most 4096 a row, without gaps or overlaps.
CREATE TABLE cache_chunk (
  tenant_id bigint NOT NULL,
  id        bigint GENERATED BY DEFAULT AS IDENTITY,
  rows      bigint NOT NULL,
  first_at  bigint NOT NULL,
  first_id  bigint NOT NULL,
  last_at   bigint NOT NULL,
  last_id   bigint NOT NULL,
  data      bytea NOT NULL,                      -- columns and a checksum, see store/pack
  filter    bytea NOT NULL,                      -- which recordings it may hold: a Bloom filter, and a checksum
  PRIMARY KEY (tenant_id, id)
);

ALTER TABLE cache_chunk ALTER data SET STORAGE EXTERNAL, ALTER filter SET STORAGE EXTERNAL;

-- What an analysis had summed up when it last reached the end of a tenant's requests.
CREATE TABLE cache_state (
  tenant_id bigint PRIMARY KEY,
  key       bytea NOT NULL,                      -- identifies policy, settings and program; another key: not usable
  upto_at   bigint NOT NULL,                     -- all requests up to here are in it; a later arrival before it drops it
  state     bytea NOT NULL                       -- with a checksum
);

-- How far the cache reaches. Where the sum of cache_chunk.rows is another, the cache counts as empty.
CREATE TABLE cache_mark (
  one  smallint PRIMARY KEY CHECK (one = 1),
  upto bigint NOT NULL,                          -- all requests with an id up to this are in chunks
  rows bigint NOT NULL                           -- how many those are
);
INSERT INTO cache_mark VALUES (1, 0, 0);

INSERT INTO meta VALUES ('format', '2');

-- Roles: one that records, pulls, pushes and audits, and can change or remove nothing of the log; one that also seals, for
-- the machine that has the key; one that reads, without the hash key. To be run once by the tables' owner, in their schema:
--
--@ CREATE ROLE headroom_writer;
--@ GRANT SELECT ON meta, secret, tenant, route, client, source, machine, push, request, recording, event, capture, ledger,
--@   seal_log, seal_run, seal_told, seal_stamp, seal_head, seal_leaf, seal_pruned,
--@   pace, lease, requests, cache_chunk, cache_state, cache_mark TO headroom_writer;
--@ GRANT INSERT ON tenant, route, client, source, machine, push, request, recording, event, capture, ledger TO headroom_writer;
--@ GRANT INSERT, UPDATE, DELETE ON pace, lease, cache_chunk, cache_state, cache_mark TO headroom_writer;
--@ GRANT USAGE ON SEQUENCE cache_chunk_id_seq TO headroom_writer;
--@ CREATE ROLE headroom_sealer IN ROLE headroom_writer;
--@ GRANT INSERT ON seal_log, seal_run, seal_told, seal_stamp, seal_head, seal_leaf TO headroom_sealer;
--@ CREATE ROLE headroom_reader;
--@ GRANT SELECT ON meta, tenant, route, client, source, machine, push, request, recording, event, capture, ledger,
--@   seal_log, seal_run, seal_told, seal_stamp, seal_head, seal_leaf, seal_pruned,
--@   pace, lease, requests, cache_chunk, cache_state, cache_mark TO headroom_reader;

-- Citus: with its extension, on the coordinator, before rows are there. These statements were written from its manual and
-- its source and not run: no Citus was at hand. A test checks of each table what Citus asks before it distributes one. A
-- writer's transaction takes an advisory lock of the coordinator, so all machines must connect to that one. Citus asks for a
-- setting before it takes a table with triggers. machine, push, pace and lease stay on the coordinator: what writes them asks
-- for the time, which Citus refuses where rows are distributed.
--
--   SET citus.enable_unsafe_triggers TO on;
--   SELECT create_reference_table(t) FROM unnest(ARRAY['tenant', 'route', 'client', 'source']::regclass[]) t;
--   SELECT create_distributed_table('request', 'tenant_id');
--   SELECT create_distributed_table(t, 'tenant_id', colocate_with => 'request')
--   FROM unnest(ARRAY['recording', 'event', 'ledger', 'seal_log', 'seal_head', 'seal_leaf', 'seal_pruned',
--     'cache_chunk', 'cache_state']) t;
