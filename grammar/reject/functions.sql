-- production: table_argument
-- error: AS OF is not allowed here
SELECT * FROM TRAJECTORY(docs AS OF $1, 7)

-- production: named_argument
-- error: syntax error at or near "=>"
SELECT * FROM TRAJECTORY(docs, 7 => 'pelt')
