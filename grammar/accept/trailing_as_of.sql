-- The AS OF of a query.

-- production: trailing_as_of, time
SELECT * FROM docs AS OF '2024-01-01'

-- production: trailing_as_of
SELECT doc_id FROM docs WHERE title = 'x' AS OF '2024-01-01' ORDER BY embedding <-> $1 LIMIT 10

-- production: trailing_as_of
SELECT doc_id FROM docs ORDER BY st_distance(embedding, $1, ALPHA 0.7) AS OF '2024-01-01' LIMIT 10

-- production: trailing_as_of
SELECT doc_id FROM docs ORDER BY embedding <-> $1 LIMIT 10 OFFSET 5 AS OF $2

-- production: trailing_as_of
SELECT doc_id FROM docs ORDER BY doc_id FETCH FIRST 3 ROWS ONLY AS OF $1

-- production: trailing_as_of
SELECT doc_id FROM docs FOR UPDATE AS OF $1

-- production: trailing_as_of, system_time
SELECT * FROM docs AS OF SYSTEM TIME now() - interval '1 hour'

-- production: trailing_as_of, system_time
SELECT * FROM docs WHERE doc_id = 7 AS OF SYSTEM_TIME '2024-01-01'

-- production: time
SELECT * FROM docs AS OF now() - interval '1 day' LIMIT 1

-- production: time
SELECT * FROM docs AS OF '2024-01-01'::timestamptz

-- production: time
SELECT * FROM docs AS OF CAST($1 AS timestamptz)

-- production: time
SELECT * FROM docs AS OF TIMESTAMPTZ '2024-01-01 00:00:00Z' AT TIME ZONE 'UTC' LIMIT 1

-- production: time
SELECT * FROM docs AS OF DATE '2024-01-01' + 30

-- production: time
SELECT * FROM docs AS OF (SELECT max(ts) FROM releases AS OF '2020-01-01') LIMIT 1

-- production: time
SELECT * FROM docs AS OF CASE WHEN $1 THEN now() ELSE '2024-01-01' END

-- production: time
SELECT * FROM docs AS OF -1

-- production: trailing_as_of
SELECT * FROM docs JOIN users ON docs.author = users.id AS OF '2024-01-01' WHERE users.id = 1

-- production: trailing_as_of
SELECT * FROM docs, users AS OF '2024-01-01' WHERE docs.author = users.id

-- production: trailing_as_of
SELECT a FROM docs UNION ALL SELECT b FROM users AS OF '2024-01-01' ORDER BY 1 LIMIT 3

-- production: trailing_as_of
(SELECT a FROM docs AS OF '2023-01-01') EXCEPT (SELECT a FROM docs AS OF '2024-01-01')

-- production: trailing_as_of
(SELECT a FROM docs) INTERSECT (SELECT a FROM users) AS OF '2024-01-01'

-- production: trailing_as_of
SELECT * FROM (SELECT * FROM docs AS OF '2024-01-01') AS d WHERE doc_id IN (SELECT id FROM users AS OF '2023-01-01')

-- production: trailing_as_of
SELECT 1 WHERE EXISTS (SELECT FROM docs AS OF '2024-01-01')

-- production: trailing_as_of
WITH old AS (SELECT * FROM docs AS OF '2020-01-01') SELECT * FROM old, docs AS OF '2024-01-01'

-- production: trailing_as_of
INSERT INTO copies SELECT * FROM docs AS OF '2024-01-01' ON CONFLICT (doc_id) DO NOTHING RETURNING doc_id

-- production: trailing_as_of
CREATE VIEW old AS SELECT * FROM docs AS OF '2024-01-01'

-- production: trailing_as_of
CREATE TABLE old AS SELECT * FROM docs AS OF '2024-01-01'

-- production: trailing_as_of
EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM docs AS OF '2024-01-01' LIMIT 1

-- production: trailing_as_of
PREPARE q (timestamptz) AS SELECT * FROM docs AS OF $1

-- production: trailing_as_of
DECLARE c CURSOR FOR SELECT * FROM docs AS OF '2024-01-01'

-- production: trailing_as_of
TABLE docs AS OF '2024-01-01'

-- An AS OF that no table consumes is well formed; the binder refuses it.
-- production: trailing_as_of
SELECT 1 AS OF '2024-01-01'

-- OF stays a name.
-- production: trailing_as_of
SELECT a AS of, of.b FROM docs AS of

-- production: trailing_as_of
SELECT * FROM docs AS of JOIN users AS of2 ON of.author = of2.id

-- production: trailing_as_of
SELECT * FROM docs AS of (a, b) WHERE of.a = 'AS OF ''2024-01-01'''
