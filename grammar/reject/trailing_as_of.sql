-- What the AS OF of a query is not.

-- production: trailing_as_of
-- error: one query has two AS OF
SELECT * FROM docs AS OF '2024-01-01' LIMIT 3 AS OF '2023-01-01'

-- production: trailing_as_of
-- error: one query has two AS OF
SELECT a FROM docs AS OF '2023-01-01' UNION SELECT a FROM docs AS OF '2024-01-01'

-- production: trailing_as_of
-- error: AS OF is not allowed here
SELECT a AS OF '2024-01-01' FROM docs

-- production: trailing_as_of
-- error: AS OF is not allowed here
SELECT lower(a AS OF '2024-01-01') FROM docs

-- production: trailing_as_of
-- error: AS OF is not allowed here
SELECT (docs AS OF '2024-01-01')

-- production: trailing_as_of
-- error: AS OF VALID TIME is not a clause
SELECT * FROM docs AS OF VALID TIME '2024-01-01'

-- production: trailing_as_of
-- error: behind neither a table nor the whole FROM list
SELECT * FROM docs JOIN users ON true AS OF '2024-01-01' JOIN copies ON true

-- production: time
-- error: syntax error at end of input
SELECT * FROM docs AS OF now() -

-- production: time
-- error: syntax error at or near "LIMIT"
SELECT * FROM docs AS OF now() - LIMIT 3

-- production: trailing_as_of
-- sqlstate: 0A000
-- error: AS OF cannot stand at the end of UPDATE
UPDATE docs SET title = 'x' WHERE doc_id = 1 AS OF '2024-01-01'

-- production: trailing_as_of
-- sqlstate: 0A000
-- error: AS OF cannot stand at the end of DELETE
DELETE FROM docs WHERE doc_id = 1 AS OF '2024-01-01'
