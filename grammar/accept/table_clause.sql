-- The clauses of a table.

-- production: table_item, table_clause, axis_clause, valid_time, period, as_of_period
SELECT * FROM docs FOR VALID_TIME AS OF '2024-01-01'

-- production: axis_clause, valid_time
SELECT * FROM docs FOR VALID TIME AS OF $1 WHERE doc_id = 7

-- production: axis_clause, system_time
SELECT * FROM docs FOR SYSTEM_TIME AS OF now() - interval '1 hour' AS d ORDER BY d.ts

-- production: axis_clause, system_time
SELECT * FROM docs d FOR SYSTEM TIME AS OF $1 ORDER BY d.ts

-- production: from_to_period
SELECT * FROM docs FOR VALID_TIME FROM '2023-01-01' TO '2024-01-01'

-- production: from_to_period
SELECT * FROM docs FOR VALID_TIME FROM now() - interval '1' DAY TO now() d

-- production: between_period
SELECT * FROM docs FOR VALID_TIME BETWEEN $1 AND $2 WHERE a AND b

-- production: all_period
SELECT * FROM docs FOR VALID_TIME ALL

-- production: table_item
SELECT * FROM docs FOR SYSTEM_TIME ALL FOR VALID_TIME FROM $1 TO $2 AS d

-- production: table_item
SELECT * FROM docs FOR VALID_TIME AS OF $1 AS d FOR SYSTEM_TIME BETWEEN $2 AND $3

-- production: table_item
SELECT * FROM public.docs FOR VALID_TIME AS OF $1 d JOIN users FOR SYSTEM_TIME AS OF $2 u ON d.a = u.a

-- production: own_as_of
SELECT * FROM docs AS OF '2023-01-01' AS a JOIN docs AS OF '2024-01-01' AS b ON a.doc_id = b.doc_id

-- production: own_as_of
SELECT * FROM docs AS OF '2023-01-01', users WHERE docs.author = users.id

-- production: own_as_of
SELECT * FROM docs AS OF SYSTEM TIME '2023-01-01' LEFT JOIN users USING (id) AS OF '2024-01-01'

-- production: own_as_of
SELECT * FROM (docs AS OF '2023-01-01' JOIN users AS OF '2024-01-01' ON true)

-- production: own_as_of
UPDATE docs SET title = old.title FROM docs AS OF '2023-01-01' AS old WHERE old.doc_id = docs.doc_id

-- production: own_as_of
DELETE FROM docs USING users AS OF '2023-01-01' WHERE docs.author = users.id

-- production: own_as_of
MERGE INTO docs USING users AS OF '2023-01-01' ON docs.id = users.id WHEN MATCHED THEN DELETE

-- Words that are names elsewhere stay names.
-- production: table_item
SELECT at, before, valid_time FROM docs at, system_time before WHERE substring(a FOR 3) = 'x'
