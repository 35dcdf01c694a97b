-- What a table's clauses are not.

-- production: axis_clause
-- error: unknown time clause FOR FOO_TIME
SELECT * FROM docs FOR FOO_TIME AS OF '2024-01-01'

-- production: axis_clause
-- error: the time axes are FOR VALID_TIME and FOR SYSTEM_TIME
SELECT * FROM docs FOR foo AS OF '2024-01-01'

-- production: table_item
-- error: FOR VALID_TIME stands twice on one table
SELECT * FROM docs FOR VALID_TIME AS OF $1 d FOR VALID TIME ALL

-- production: table_clause
-- error: either AS OF or FOR VALID_TIME
SELECT * FROM docs AS OF $1 FOR SYSTEM_TIME AS OF $2 JOIN users ON true

-- production: table_clause
-- error: either AS OF or FOR VALID_TIME
SELECT * FROM docs FOR VALID_TIME AS OF $1 AS OF $2 JOIN users ON true

-- production: own_as_of
-- error: AS OF stands twice on one table
SELECT * FROM docs AS OF $1 AS OF $2 JOIN users ON true

-- production: period
-- error: expected AS OF, FROM ... TO, BETWEEN ... AND or ALL after FOR VALID_TIME
SELECT * FROM docs FOR VALID_TIME SINCE '2024-01-01'

-- production: from_to_period
-- error: expected TO and the end of the period
SELECT * FROM docs FOR VALID_TIME FROM '2024-01-01' WHERE doc_id = 1

-- production: between_period
-- error: expected AND and the end of the period
SELECT * FROM docs FOR SYSTEM_TIME BETWEEN '2024-01-01' LIMIT 3

-- production: axis_clause
-- error: a time clause must follow a table in FROM
SELECT * FROM docs WHERE doc_id = 1 FOR VALID_TIME ALL

-- production: table_item
-- sqlstate: 0A000
-- error: a sub-query in FROM takes no time clause
SELECT * FROM (SELECT * FROM docs) d FOR VALID_TIME AS OF $1

-- production: table_item
-- sqlstate: 0A000
-- error: a join in FROM takes no time clause
SELECT * FROM (docs JOIN users ON true) FOR VALID_TIME AS OF $1

-- production: table_item
-- sqlstate: 0A000
-- error: the table that a statement writes to takes no time clause
UPDATE docs FOR VALID_TIME AS OF $1 SET title = 'x'

-- production: table_item
-- sqlstate: 0A000
-- error: the table that a statement writes to takes no time clause
DELETE FROM docs AS OF $1 WHERE doc_id = 1

-- production: table_item
-- sqlstate: 0A000
-- error: the table that a statement writes to takes no time clause
INSERT INTO docs FOR SYSTEM_TIME AS OF $1 VALUES (1)

-- What carries the clauses inside is no syntax.
-- production: table_item
-- error: the name __cvx_time is reserved
SELECT * FROM docs __cvx_time(valid_all => true)

-- production: trailing_as_of
-- error: syntax error at or near "SETTINGS"
SELECT * FROM docs d SETTINGS as_of = '2024-01-01'
