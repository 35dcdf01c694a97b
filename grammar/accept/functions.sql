-- Functions in FROM.

-- production: table_function, table_argument
SELECT * FROM TRAJECTORY(docs, 7)

-- production: table_argument
SELECT * FROM TRAJECTORY('public.docs', $1, '2023-01-01', '2024-01-01') AS t

-- production: table_argument
SELECT * FROM HISTORY((SELECT doc_id, ts, embedding FROM docs WHERE title = 'x'), 7) AS h (a, b)

-- production: function_argument, named_argument
SELECT * FROM CHANGEPOINTS(docs, 7, method => 'pelt', penalty := 'auto', column => 'embedding')

-- production: table_function
SELECT * FROM users u, LATERAL TRAJECTORY(docs, u.doc_id) AS t WHERE t.ts > u.since

-- production: table_function
SELECT * FROM users u LEFT JOIN TRAJECTORY("Docs", u.doc_id) WITH ORDINALITY AS t ON true

-- production: table_function
SELECT * FROM TRAJECTORY(docs, 7) FOR SYSTEM_TIME AS OF $1 AS t

-- production: table_function, trailing_as_of
SELECT * FROM DRIFT(docs, 7, $1, $2) AS OF $3

-- production: table_function
SELECT doc_id, drift(embedding, ts) OVER (PARTITION BY doc_id ORDER BY ts) FROM docs
