-- headroom's file format, one SQLite file. This page is the authored copy; store/sqlite/schema.sql is generated from it.
--
-- Conventions: *_at are integer microseconds since 1970-01-01 00:00:00 UTC; *_us are microseconds; *_bytes are bytes on
-- the wire; *_s are seconds. A column is NOT NULL unless its comment says what NULL means.
--
-- To read it with the sqlite3 shell:
--   select datetime(started_at/1e6,'unixepoch'), tenant, method, path, status, response_bytes from requests limit 9;

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
  UNIQUE (kind, name, resolution_us)
) STRICT;

-- The request log: one row per HTTP attempt, in order of arrival. Rows are only ever added.
CREATE TABLE request (
  id             INTEGER PRIMARY KEY,            -- order of arrival, from 1
  tenant_id      INTEGER NOT NULL REFERENCES tenant,
  route_id       INTEGER NOT NULL REFERENCES route,
  source_id      INTEGER NOT NULL REFERENCES source,
  client_id      INTEGER REFERENCES client,      -- NULL: not known
  started_at     INTEGER NOT NULL,               -- when the attempt began
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
  error          TEXT                            -- dns, connect, tls, timeout, cancelled, reset, other; NULL: none
) STRICT;

-- What the vendor's recording lists said there is, whether it was downloaded or not. Rows are only ever added; a recording
-- listed again is not.
CREATE TABLE recording (
  tenant_id   INTEGER NOT NULL REFERENCES tenant,
  started_at  INTEGER NOT NULL,                  -- when the recording began, as the list says
  key         TEXT NOT NULL,                     -- as in request.key
  duration_us INTEGER NOT NULL,                  -- its length; 0: not known
  bytes       INTEGER NOT NULL,                  -- its size; 0: not known
  PRIMARY KEY (tenant_id, started_at, key)
) STRICT, WITHOUT ROWID;

-- What happened to a tenant's limits, or to this log. Rows are only ever added.
CREATE TABLE event (
  id          INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,                     -- reset: support reset the egress window; dropped: requests that could
                                                 -- not be recorded; prune: rows removed from this file; paced:
                                                 -- requests held back to keep the least interval
  at          INTEGER NOT NULL,                  -- reset: when; dropped: when noticed; prune: rows before this went;
                                                 -- paced: when the pacing ended
  tenant_id   INTEGER REFERENCES tenant,         -- NULL: not about one tenant
  count       INTEGER NOT NULL DEFAULT 0,        -- dropped, prune, paced: how many requests
  bytes       INTEGER NOT NULL DEFAULT 0,        -- prune: their response bytes
  note        TEXT NOT NULL DEFAULT '',          -- what the user wrote; paced: how long they were held
  recorded_at INTEGER NOT NULL                   -- when this row was added
) STRICT;

-- When the next request of a paced class may start: what processes with --pace tell each other. It is not part of the
-- log: rows change with every paced request, and may be deleted when nothing is running.
CREATE TABLE pace (
  tenant_id INTEGER NOT NULL REFERENCES tenant,
  class     TEXT NOT NULL,                       -- the policy's class that has a least interval
  next_at   INTEGER NOT NULL,                    -- no request of the class may start before this
  PRIMARY KEY (tenant_id, class)
) STRICT, WITHOUT ROWID;

-- What is written stays. A REPLACE deletes without firing a DELETE trigger, hence the third trigger of each table; that
-- of request is down while a large import runs.
CREATE TRIGGER request_no_update BEFORE UPDATE ON request
BEGIN SELECT RAISE(ABORT, 'the request log is append-only'); END;

CREATE TRIGGER request_no_delete BEFORE DELETE ON request
WHEN NOT EXISTS (SELECT 1 FROM event WHERE kind = 'prune' AND at > OLD.started_at)
BEGIN SELECT RAISE(ABORT, 'the request log is append-only'); END;

CREATE TRIGGER recording_no_update BEFORE UPDATE ON recording
BEGIN SELECT RAISE(ABORT, 'the list of recordings is append-only'); END;

CREATE TRIGGER recording_no_delete BEFORE DELETE ON recording
WHEN NOT EXISTS (SELECT 1 FROM event WHERE kind = 'prune' AND at > OLD.started_at)
BEGIN SELECT RAISE(ABORT, 'the list of recordings is append-only'); END;

CREATE TRIGGER recording_no_replace BEFORE INSERT ON recording
WHEN EXISTS (SELECT 1 FROM recording WHERE (tenant_id, started_at, key) = (NEW.tenant_id, NEW.started_at, NEW.key))
BEGIN SELECT RAISE(IGNORE); END;

CREATE TRIGGER request_no_replace BEFORE INSERT ON request
WHEN NEW.id > 0 AND EXISTS (SELECT 1 FROM request WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the request log is append-only'); END;

CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TRIGGER event_no_replace BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TRIGGER meta_no_update BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER meta_no_delete BEFORE DELETE ON meta BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER meta_no_replace BEFORE INSERT ON meta
WHEN EXISTS (SELECT 1 FROM meta WHERE name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;

CREATE TRIGGER tenant_no_update BEFORE UPDATE ON tenant BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER tenant_no_delete BEFORE DELETE ON tenant BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER tenant_no_replace BEFORE INSERT ON tenant
WHEN EXISTS (SELECT 1 FROM tenant WHERE id = NEW.id OR name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;

CREATE TRIGGER route_no_update BEFORE UPDATE ON route BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER route_no_delete BEFORE DELETE ON route BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER route_no_replace BEFORE INSERT ON route
WHEN EXISTS (SELECT 1 FROM route WHERE id = NEW.id OR (method, origin, template) = (NEW.method, NEW.origin, NEW.template))
BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;

CREATE TRIGGER client_no_update BEFORE UPDATE ON client BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER client_no_delete BEFORE DELETE ON client BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER client_no_replace BEFORE INSERT ON client
WHEN EXISTS (SELECT 1 FROM client WHERE id = NEW.id OR name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;

CREATE TRIGGER source_no_update BEFORE UPDATE ON source BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER source_no_delete BEFORE DELETE ON source BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;
CREATE TRIGGER source_no_replace BEFORE INSERT ON source
WHEN EXISTS (SELECT 1 FROM source WHERE id = NEW.id OR (kind, name, resolution_us) = (NEW.kind, NEW.name, NEW.resolution_us))
BEGIN SELECT RAISE(ABORT, 'names are append-only'); END;

-- The log with its names joined, for reading by people. The values of request.key take their places in the template.
CREATE VIEW requests AS
SELECT r.id, t.name AS tenant, r.started_at, o.method, o.class,
       o.origin || CASE instr(o.template, '{+') WHEN 0 THEN o.template ELSE (
         WITH RECURSIVE fill(done, rest, key) AS (
           VALUES ('', o.template, coalesce(r.key, '') || '/')
           UNION ALL SELECT done || substr(rest, 1, instr(rest, '{+') - 1) || substr(key, 1, instr(key, '/') - 1),
             substr(rest, instr(rest, '{+') + instr(substr(rest, instr(rest, '{+')), '}')), substr(key, instr(key, '/') + 1)
           FROM fill WHERE rest LIKE '%{+%}%')
         SELECT done || rest FROM fill WHERE rest NOT LIKE '%{+%}%')
       END || coalesce('?' || r.query, '') AS url,
       o.template AS path, r.status, r.response_bytes, r.request_bytes, r.duration_us, r.first_byte_us, r.cut_short,
       r.retry_after_s, r.error, c.name AS client, s.kind AS source, s.name AS source_name, s.resolution_us, r.params
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
  data      BLOB NOT NULL                        -- columns, see store/chunk.go; sealed, see store/seal.go
) STRICT;

CREATE INDEX cache_chunk_tenant ON cache_chunk (tenant_id, first_at, first_id, last_at, rows);

-- Which recordings a chunk may hold: a Bloom filter over its item hashes.
CREATE TABLE cache_filter (
  chunk_id INTEGER PRIMARY KEY,
  bits     BLOB NOT NULL                         -- sealed
) STRICT;

-- What an analysis had summed up when it last reached the end of a tenant's requests.
CREATE TABLE cache_state (
  tenant_id INTEGER PRIMARY KEY,
  key       BLOB NOT NULL,                       -- identifies policy, settings and program; another key: not usable
  upto_at   INTEGER NOT NULL,                    -- all requests up to here are in it; a later arrival before it drops it
  state     BLOB NOT NULL                        -- sealed
) STRICT;

-- How far the cache reaches. Where the sum of cache_chunk.rows is another, the cache counts as empty.
CREATE TABLE cache_mark (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  upto INTEGER NOT NULL,                         -- all requests with an id up to this are in chunks
  rows INTEGER NOT NULL                          -- how many those are
) STRICT;
INSERT INTO cache_mark VALUES (1, 0, 0);

PRAGMA user_version = 2;
-- A few rows, and a cache that is of no use to a newer format.
INSERT INTO meta VALUES ('hash_key', x'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'), ('created_at', 1767225600000000);
INSERT INTO tenant VALUES (1, 'writer 0');
INSERT INTO route VALUES (1, 'GET', 'https://a.example', '/x/{+key}', 'x');
INSERT INTO client VALUES (1, 'client 0');
INSERT INTO source VALUES (1, 'combined', 'access.log', 1000000);
INSERT INTO request (tenant_id, route_id, source_id, client_id, started_at, status, response_bytes, key)
VALUES (1, 1, 1, 1, 0, 200, 0, '0'), (1, 1, 1, 1, 1, 200, 0, '1'), (1, 1, 1, NULL, 2, 200, 0, '2');
INSERT INTO event (kind, at, tenant_id, recorded_at) VALUES ('reset', 1, 1, 1767225600000000);
INSERT INTO cache_chunk VALUES (1, 1, 3, 0, 1, 2, 3, x'01');
INSERT INTO cache_filter VALUES (1, x'');
INSERT INTO cache_state VALUES (1, x'00', 2, x'00');
INSERT INTO recording VALUES (1, 5, 'late', 1000000, 77), (1, 4, 'early', 2000000, 0);
UPDATE cache_mark SET upto = 3, rows = 3;
