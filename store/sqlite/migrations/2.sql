-- Format 2 to 3: the vendor's id and clock, what a log's times mean, when capture ran, what pulls did, a checksum of the cache's mark;
-- the packed columns hold more, so what the cache holds is made anew. The triggers are made by the program.

ALTER TABLE request ADD COLUMN vendor_id TEXT;
ALTER TABLE request ADD COLUMN date_skew_s INTEGER;

-- A combined log does not say whether its times are starts; all other sources' are.
CREATE TABLE source_2 AS SELECT * FROM source;
DROP VIEW requests;
DROP TABLE source;
CREATE TABLE source (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL,                   -- transport, proxy, jsonl, har, combined, csv
  name          TEXT NOT NULL,                   -- base name of the file imported, or of the program; may be ''
  resolution_us INTEGER NOT NULL,                -- the clock's: 0 exact, 1000000 for whole seconds (floored)
  time_is       TEXT NOT NULL,                   -- what its times mean: start or end of a request, or unknown
  UNIQUE (kind, name, resolution_us, time_is)
) STRICT;
INSERT INTO source SELECT id, kind, name, resolution_us, iif(kind = 'combined', 'unknown', 'start') FROM source_2;
DROP TABLE source_2;
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

CREATE TABLE capture (
  id      INTEGER PRIMARY KEY,
  span    INTEGER NOT NULL,                      -- a random number that the rows of one program's run share
  kind    TEXT NOT NULL,                         -- started, beat: still running (at most hourly), stopped
  at      INTEGER NOT NULL,
  version TEXT NOT NULL                          -- the program's
) STRICT;

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

DELETE FROM cache_chunk;
DELETE FROM cache_filter;
DELETE FROM cache_state;
DROP TABLE cache_mark;
CREATE TABLE cache_mark (
  only     INTEGER PRIMARY KEY CHECK (only = 1),
  upto     INTEGER NOT NULL,                     -- all requests with an id up to this are in chunks
  rows     INTEGER NOT NULL,                     -- how many those are
  checksum BLOB NOT NULL                         -- of upto and rows; empty in a new file
) STRICT;
INSERT INTO cache_mark VALUES (1, 0, 0, x'');

-- Listed recordings have an order of arrival.
CREATE TABLE recording_2 AS SELECT * FROM recording;
DROP TABLE recording;
CREATE TABLE recording (
  id          INTEGER PRIMARY KEY,
  tenant_id   INTEGER NOT NULL REFERENCES tenant,
  started_at  INTEGER NOT NULL,
  key         TEXT NOT NULL,
  duration_us INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  listed_at   INTEGER NOT NULL,
  UNIQUE (tenant_id, started_at, key)
) STRICT;
INSERT INTO recording (tenant_id, started_at, key, duration_us, bytes, listed_at)
SELECT tenant_id, started_at, key, duration_us, bytes, 0 FROM recording_2 ORDER BY tenant_id, started_at, key;
DROP TABLE recording_2;

-- The seals begin empty.
CREATE TABLE seal_log (
  tenant_id  INTEGER PRIMARY KEY REFERENCES tenant,
  log_id     BLOB NOT NULL,
  public_key BLOB NOT NULL
) STRICT;

CREATE TABLE seal_run (
  n              INTEGER PRIMARY KEY,
  sealed_at      INTEGER NOT NULL,
  request_upto   INTEGER NOT NULL,
  event_upto     INTEGER NOT NULL,
  recording_upto INTEGER NOT NULL,
  capture_upto   INTEGER NOT NULL,
  pad            BLOB NOT NULL,
  text_sum       BLOB NOT NULL
) STRICT;

CREATE TABLE seal_told (
  n INTEGER PRIMARY KEY REFERENCES seal_run
) STRICT;

CREATE TABLE seal_stamp (
  n      INTEGER PRIMARY KEY REFERENCES seal_run,
  answer BLOB NOT NULL
) STRICT;

CREATE TABLE seal_head (
  tenant_id  INTEGER NOT NULL REFERENCES tenant,
  run        INTEGER NOT NULL REFERENCES seal_run,
  size       INTEGER NOT NULL,
  checkpoint TEXT NOT NULL,
  peaks      BLOB NOT NULL,
  hints      BLOB NOT NULL,
  UNIQUE (tenant_id, run)
) STRICT;

CREATE INDEX seal_head_run ON seal_head (run);

CREATE TABLE seal_leaf (
  tenant_id INTEGER NOT NULL REFERENCES tenant,
  seq       INTEGER NOT NULL,
  line      TEXT NOT NULL,
  PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE seal_pruned (
  tenant_id INTEGER NOT NULL REFERENCES tenant,
  level     INTEGER NOT NULL,
  n         INTEGER NOT NULL,
  hash      BLOB NOT NULL,
  PRIMARY KEY (tenant_id, level, n)
) STRICT, WITHOUT ROWID;
