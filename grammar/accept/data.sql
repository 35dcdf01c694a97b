-- production: copy_in
COPY docs FROM STDIN

-- production: copy_in
COPY docs (doc_id, ts, embedding) FROM STDIN WITH (FORMAT binary)

-- production: copy_in
COPY docs FROM STDIN (FORMAT csv, HEADER match, DELIMITER E'\t', NULL '', QUOTE '"', FORCE_NULL (title), ON_ERROR ignore) WHERE doc_id > 7

-- production: copy_in
COPY docs FROM STDIN WITH DELIMITER AS '|' NULL AS 'x' CSV HEADER QUOTE '"' FORCE NOT NULL title, meta

-- production: copy_in
COPY BINARY docs FROM STDIN

-- production: copy_in
COPY docs FROM 'file.parquet'

-- production: copy_out
COPY (SELECT * FROM docs AS OF '2024-01-01') TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE *)

-- production: copy_out
COPY docs TO 'file.parquet' (FORMAT parquet)
