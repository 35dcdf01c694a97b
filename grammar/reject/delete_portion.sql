-- production: delete_portion
-- sqlstate: 0A000
-- error: only DELETE FROM takes FOR PORTION OF VALID_TIME
UPDATE docs FOR PORTION OF VALID_TIME FROM $1 TO NULL SET title = 'x'

-- production: delete_portion
-- sqlstate: 0A000
-- error: only DELETE FROM takes FOR PORTION OF VALID_TIME
DELETE FROM docs FOR PORTION OF SYSTEM_TIME FROM $1 TO NULL

-- production: delete_portion
-- sqlstate: 0A000
-- error: only DELETE FROM takes FOR PORTION OF VALID_TIME
WITH gone AS (DELETE FROM docs FOR PORTION OF VALID_TIME FROM $1 TO NULL RETURNING *) SELECT * FROM gone

-- production: delete_portion
-- sqlstate: 0A000
-- error: only a DELETE of its own takes FOR PORTION OF
EXPLAIN DELETE FROM docs FOR PORTION OF VALID_TIME FROM $1 TO NULL

-- production: delete_portion
-- error: expected TO and the end of the period
DELETE FROM docs FOR PORTION OF VALID_TIME FROM $1 WHERE doc_id = 7

-- production: delete_portion
-- error: FOR PORTION OF must follow the table of a DELETE
DELETE FROM docs WHERE doc_id = 7 FOR PORTION OF VALID_TIME FROM $1 TO NULL
