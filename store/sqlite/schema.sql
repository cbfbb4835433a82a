-- headroom's file format, one SQLite file. This page is the authored copy; store/sqlite/schema.sql is generated from it.
--
-- Conventions: *_at are integer microseconds since 1970-01-01 00:00:00 UTC; *_us are microseconds; *_bytes are bytes on
-- the wire; *_s are seconds. A column is NOT NULL unless its comment says what NULL means.
--
-- To read it with the sqlite3 shell:
--   select at, tenant, method, path, status, response_bytes from requests limit 9;

PRAGMA application_id = 1212437073;              -- 0x48445251, "HDRQ": this file is headroom's

-- What is written once and stays: one value a name.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,                        -- 'hash_key': 32 random bytes that key request.params; 'created_at'
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- The names that requests share. Rows are added, never changed.
CREATE TABLE tenant (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE                      -- the organisation's hostname at the vendor, or what a log's reader said
) STRICT;

CREATE TABLE route (
  id       INTEGER PRIMARY KEY,
  method   TEXT NOT NULL,                        -- request method, RFC 9110 section 9
  origin   TEXT NOT NULL,                        -- scheme://host[:port]
  template TEXT NOT NULL,                        -- path; '{+name}' stands for a value of request.key, '{name}' and '*'
                                                 -- for a value that was not kept
  class    TEXT NOT NULL,                        -- the policy's class when the route was first seen; an audit asks its
                                                 -- own policy again
  UNIQUE (method, origin, template)
) STRICT;

CREATE TABLE client (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE                      -- the program or host that sent requests
) STRICT;

CREATE TABLE source (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL,                   -- transport, proxy, jsonl, har, combined, csv
  name          TEXT NOT NULL,                   -- base name of the file imported, or of the program; may be ''
  resolution_us INTEGER NOT NULL,                -- the clock's: 0 exact, 1000000 for whole seconds (floored)
  time_is       TEXT NOT NULL,                   -- what its times mean: start or end of a request, or unknown
  UNIQUE (kind, name, resolution_us, time_is)
) STRICT;

-- The request log: one row per HTTP attempt, in order of arrival. Rows are only ever added.
CREATE TABLE request (
  id             INTEGER PRIMARY KEY,            -- order of arrival, from 1
  tenant_id      INTEGER NOT NULL REFERENCES tenant,
  route_id       INTEGER NOT NULL REFERENCES route,
  source_id      INTEGER NOT NULL REFERENCES source,
  client_id      INTEGER REFERENCES client,      -- NULL: not known
  started_at     INTEGER NOT NULL,               -- when the attempt began; when it ended where source.time_is says so
  status         INTEGER NOT NULL,               -- answer's status code; 0: no answer came
  response_bytes INTEGER NOT NULL,               -- body bytes received, on the wire
  key            TEXT,                           -- values of the template's '{+name}', joined by '/'; NULL: it has none
  query          TEXT,                           -- the query's pairs that the policy lets be kept; NULL: none
  params         TEXT,                           -- 32 hex digits, HMAC-SHA-256 under meta.hash_key over method, path,
                                                 -- query and body; NULL: the row's method and URL say it all
  duration_us    INTEGER NOT NULL DEFAULT 0,     -- start to last byte read; 0: not known
  first_byte_us  INTEGER NOT NULL DEFAULT 0,     -- start to first byte of the answer; 0: not known
  request_bytes  INTEGER NOT NULL DEFAULT 0,     -- body bytes sent
  cut_short      INTEGER NOT NULL DEFAULT 0,     -- 1: the answer's body ended before its end
  retry_after_s  INTEGER NOT NULL DEFAULT 0,     -- the answer's Retry-After; 0: none
  error          TEXT,                           -- dns, connect, tls, timeout, cancelled, reset, other; NULL: none
  vendor_id      TEXT,                           -- the vendor's own id of the request, from its answer; NULL: not told
  date_skew_s    INTEGER                         -- the answer's Date less this machine's clock; NULL: not told
) STRICT;

-- What the vendor's recording lists said there is, whether it was downloaded or not. Rows are only ever added; a recording
-- listed again is not.
CREATE TABLE recording (
  id          INTEGER PRIMARY KEY,               -- order of arrival, from 1
  tenant_id   INTEGER NOT NULL REFERENCES tenant,
  started_at  INTEGER NOT NULL,                  -- when the recording began, as the list says
  key         TEXT NOT NULL,                     -- as in request.key
  duration_us INTEGER NOT NULL,                  -- its length; 0: not known
  bytes       INTEGER NOT NULL,                  -- its size; 0: not known
  listed_at   INTEGER NOT NULL,                  -- when this row was added; 0: not known
  UNIQUE (tenant_id, started_at, key)
) STRICT;

-- What happened to a tenant's limits, or to this log. Rows are only ever added.
CREATE TABLE event (
  id          INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,                     -- reset: support reset the egress window; dropped: requests that could
                                                 -- not be recorded; prune: rows removed from this file; paced:
                                                 -- requests held back to keep the least interval; told:
                                                 -- incidents that "audit --new" told of
  at          INTEGER NOT NULL,                  -- reset: when; dropped: when noticed; prune: rows before this went;
                                                 -- paced: when the pacing ended
  tenant_id   INTEGER REFERENCES tenant,         -- NULL: not about one tenant
  count       INTEGER NOT NULL DEFAULT 0,        -- dropped, prune, paced: how many requests
  bytes       INTEGER NOT NULL DEFAULT 0,        -- prune: their response bytes
  note        TEXT NOT NULL DEFAULT '',          -- what the user wrote; paced: how long they were held;
                                                 -- told: the cursor and the incidents, as JSON
  recorded_at INTEGER NOT NULL                   -- when this row was added
) STRICT;

-- When this log was being written by a program that makes or carries the calls. Rows are only ever added.
CREATE TABLE capture (
  id      INTEGER PRIMARY KEY,
  span    INTEGER NOT NULL,                      -- a random number that the rows of one program's run share
  kind    TEXT NOT NULL,                         -- started, beat: still running (at most hourly), stopped
  at      INTEGER NOT NULL,
  version TEXT NOT NULL                          -- the program's
) STRICT;

-- What pulls did about recordings of the list. Rows are only ever added; of several about one recording, 'stored' counts,
-- else the last.
CREATE TABLE ledger (
  id         INTEGER PRIMARY KEY,
  tenant_id  INTEGER NOT NULL REFERENCES tenant,
  started_at INTEGER NOT NULL,                   -- when the recording began, as the list says
  key        TEXT NOT NULL,                      -- as in recording.key
  at         INTEGER NOT NULL,                   -- when this was done
  state      TEXT NOT NULL,                      -- stored; gone: the vendor no longer has it; refused: what came was no
                                                 -- recording; excluded: the user does not want it
  bytes      INTEGER NOT NULL,                   -- stored: its size
  sha256     TEXT NOT NULL,                      -- stored: its hash, 64 hex digits
  place      TEXT NOT NULL,                      -- stored: its name below the destination
  note       TEXT NOT NULL                       -- what is odd about it, or why it was not stored; may be ''
) STRICT;

CREATE INDEX ledger_recording ON ledger (tenant_id, started_at, key);

-- The seals: what package evidence needs to prove the rows above, and what does not follow from them. Rows are only ever
-- added; a prune alone replaces those of seal_pruned.
CREATE TABLE seal_log (
  tenant_id  INTEGER PRIMARY KEY REFERENCES tenant,
  log_id     BLOB NOT NULL,                      -- 16 random bytes: the log's name in its checkpoints
  public_key BLOB NOT NULL                       -- Ed25519, 32 bytes; the secret part lies outside of this file
) STRICT;

CREATE TABLE seal_run (
  n              INTEGER PRIMARY KEY,            -- from 1, without gaps
  sealed_at      INTEGER NOT NULL,               -- later than the run before
  request_upto   INTEGER NOT NULL,               -- rows of request with an id up to this are sealed
  event_upto     INTEGER NOT NULL,
  recording_upto INTEGER NOT NULL,
  capture_upto   INTEGER NOT NULL,
  pad            BLOB NOT NULL,                  -- 32 random bytes that fill the seal's text
  text_sum       BLOB NOT NULL                   -- SHA-256 of that text
) STRICT;

CREATE TABLE seal_told (                         -- runs whose line left this machine
  n INTEGER PRIMARY KEY REFERENCES seal_run
) STRICT;

CREATE TABLE seal_stamp (                        -- what a time stamping authority answered, RFC 3161
  n      INTEGER PRIMARY KEY REFERENCES seal_run,
  answer BLOB NOT NULL                           -- TimeStampResp, DER
) STRICT;

CREATE TABLE seal_head (
  tenant_id  INTEGER NOT NULL REFERENCES tenant,
  run        INTEGER NOT NULL REFERENCES seal_run,
  size       INTEGER NOT NULL,                   -- leaves of the tenant's log
  checkpoint TEXT NOT NULL,                      -- signed, C2SP tlog-checkpoint
  peaks      BLOB NOT NULL,                      -- full subtrees over the leaves, 32 bytes each, largest first
  hints      BLOB NOT NULL,                      -- first 4 bytes of the hash of each leaf that the run added
  UNIQUE (tenant_id, run)
) STRICT;

CREATE INDEX seal_head_run ON seal_head (run);

CREATE TABLE seal_leaf (                         -- leaves that no row above says
  tenant_id INTEGER NOT NULL REFERENCES tenant,
  seq       INTEGER NOT NULL,                    -- index in the tenant's log, from 0
  line      TEXT NOT NULL,
  PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE seal_pruned (                       -- what stays of leaves whose rows were removed
  tenant_id INTEGER NOT NULL REFERENCES tenant,
  level     INTEGER NOT NULL,                    -- 0: a leaf's hash; 8: that of a full subtree of 256 leaves
  n         INTEGER NOT NULL,                    -- index of the leaf, or of its first leaf divided by 256
  hash      BLOB NOT NULL,                       -- SHA-256
  PRIMARY KEY (tenant_id, level, n)
) STRICT, WITHOUT ROWID;

-- When the next request of a paced class may start: what processes with --pace tell each other. It is not part of the
-- log: rows change with every paced request, and may be deleted when nothing is running.
CREATE TABLE pace (
  tenant_id INTEGER NOT NULL REFERENCES tenant,
  class     TEXT NOT NULL,                       -- the policy's class that has a least interval
  next_at   INTEGER NOT NULL,                    -- no request of the class may start before this
  PRIMARY KEY (tenant_id, class)
) STRICT, WITHOUT ROWID;

-- What is written stays: triggers refuse UPDATE, DELETE and REPLACE of meta, tenant, route, client, source, request,
-- recording, event, ledger, capture and the seals. store/sqlite/triggers.go makes them, named TABLE_no_update,
-- TABLE_no_delete and TABLE_no_replace; request_no_replace is down while a large import runs.

-- The log with its names joined, for reading by people. The values of request.key take their places in the template.
CREATE VIEW requests AS
SELECT r.id, t.name AS tenant,
       strftime('%Y-%m-%dT%H:%M:%S', r.started_at / 1000000, 'unixepoch') || printf('.%06dZ', r.started_at % 1000000) AS at,
       r.started_at, o.method, o.class,
       o.origin || CASE instr(o.template, '{+') WHEN 0 THEN o.template ELSE (
         WITH RECURSIVE fill(done, rest, key) AS (
           VALUES ('', o.template, coalesce(r.key, '') || '/')
           UNION ALL SELECT done || substr(rest, 1, instr(rest, '{+') - 1) || substr(key, 1, instr(key, '/') - 1),
             substr(rest, instr(rest, '{+') + instr(substr(rest, instr(rest, '{+')), '}')), substr(key, instr(key, '/') + 1)
           FROM fill WHERE rest LIKE '%{+%}%')
         SELECT done || rest FROM fill WHERE rest NOT LIKE '%{+%}%')
       END || coalesce('?' || r.query, '') AS url,
       o.template AS path, r.status, r.response_bytes, r.request_bytes, r.duration_us, r.first_byte_us, r.cut_short,
       r.retry_after_s, r.error, c.name AS client, s.kind AS source, s.name AS source_name, s.resolution_us, s.time_is, r.params,
       r.vendor_id, r.date_skew_s
FROM request r JOIN tenant t ON t.id = r.tenant_id JOIN route o ON o.id = r.route_id
JOIN source s ON s.id = r.source_id LEFT JOIN client c ON c.id = r.client_id;

-- Everything below is a cache. It may be emptied at any time; the next audit makes it anew from the rows above.

-- Requests packed by tenant in order of (started_at, id), at most 4096 a row, without gaps or overlaps.
CREATE TABLE cache_chunk (
  id        INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL,
  rows      INTEGER NOT NULL,
  first_at  INTEGER NOT NULL,
  first_id  INTEGER NOT NULL,
  last_at   INTEGER NOT NULL,
  last_id   INTEGER NOT NULL,
  data      BLOB NOT NULL                        -- columns and a checksum, see store/pack
) STRICT;

CREATE INDEX cache_chunk_tenant ON cache_chunk (tenant_id, first_at, first_id, last_at, rows);

-- Which recordings a chunk may hold: a Bloom filter over its item hashes.
CREATE TABLE cache_filter (
  chunk_id INTEGER PRIMARY KEY,
  bits     BLOB NOT NULL                         -- with a checksum
) STRICT;

-- What an analysis had summed up when it last reached the end of a tenant's requests.
CREATE TABLE cache_state (
  tenant_id INTEGER PRIMARY KEY,
  key       BLOB NOT NULL,                       -- identifies policy, settings and program; another key: not usable
  upto_at   INTEGER NOT NULL,                    -- all requests up to here are in it; a later arrival before it drops it
  state     BLOB NOT NULL                        -- with a checksum
) STRICT;

-- How far the cache reaches. Where the sum of cache_chunk.rows or the checksum is another, the cache counts as empty.
CREATE TABLE cache_mark (
  only     INTEGER PRIMARY KEY CHECK (only = 1),
  upto     INTEGER NOT NULL,                     -- all requests with an id up to this are in chunks
  rows     INTEGER NOT NULL,                     -- how many those are
  checksum BLOB NOT NULL                         -- of upto and rows; empty in a new file
) STRICT;
INSERT INTO cache_mark VALUES (1, 0, 0, x'');

PRAGMA user_version = 3;
