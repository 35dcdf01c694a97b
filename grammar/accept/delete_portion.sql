-- production: delete_portion
DELETE FROM docs FOR PORTION OF VALID_TIME FROM '2024-01-01' TO NULL WHERE doc_id = 7

-- production: delete_portion
DELETE FROM docs FOR PORTION OF VALID TIME FROM $1 TO NULL AS d WHERE d.doc_id = $2 RETURNING d.doc_id

-- Well formed, and refused by the binder.
-- production: delete_portion
DELETE FROM docs FOR PORTION OF VALID_TIME FROM '2024-01-01' TO '2025-01-01'
