-- Format 1 to 2: recording lists are kept, REPLACE is refused, names are guarded, the view gives each value of a key its
-- place, and the cache has checksums, so what it holds is made anew.

DELETE FROM cache_chunk;
DELETE FROM cache_filter;
DELETE FROM cache_state;
DROP TABLE cache_mark;
CREATE TABLE cache_mark (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  upto INTEGER NOT NULL,                         -- all requests with an id up to this are in chunks
  rows INTEGER NOT NULL                          -- how many those are
) STRICT;
INSERT INTO cache_mark VALUES (1, 0, 0);

-- Recording lists.
CREATE TABLE recording (
  tenant_id   INTEGER NOT NULL REFERENCES tenant,
  started_at  INTEGER NOT NULL,                  -- when the recording began, as the list says
  key         TEXT NOT NULL,                     -- as in request.key
  duration_us INTEGER NOT NULL,                  -- its length; 0: not known
  bytes       INTEGER NOT NULL,                  -- its size; 0: not known
  PRIMARY KEY (tenant_id, started_at, key)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER recording_no_update BEFORE UPDATE ON recording
BEGIN SELECT RAISE(ABORT, 'the list of recordings is append-only'); END;
CREATE TRIGGER recording_no_delete BEFORE DELETE ON recording
WHEN NOT EXISTS (SELECT 1 FROM event WHERE kind = 'prune' AND at > OLD.started_at)
BEGIN SELECT RAISE(ABORT, 'the list of recordings is append-only'); END;
CREATE TRIGGER recording_no_replace BEFORE INSERT ON recording
WHEN EXISTS (SELECT 1 FROM recording WHERE (tenant_id, started_at, key) = (NEW.tenant_id, NEW.started_at, NEW.key))
BEGIN SELECT RAISE(IGNORE); END;

-- There is no "headroom prune" that the message could send anybody to.
DROP TRIGGER request_no_delete;
CREATE TRIGGER request_no_delete BEFORE DELETE ON request
WHEN NOT EXISTS (SELECT 1 FROM event WHERE kind = 'prune' AND at > OLD.started_at)
BEGIN SELECT RAISE(ABORT, 'the request log is append-only'); END;

CREATE TRIGGER request_no_replace BEFORE INSERT ON request
WHEN NEW.id > 0 AND EXISTS (SELECT 1 FROM request WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the request log is append-only'); END;
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

DROP VIEW requests;
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
