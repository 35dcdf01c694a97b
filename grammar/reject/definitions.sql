-- production: table_options
-- error: syntax error at or near ")"
CREATE TABLE docs (doc_id BIGINT) WITH (entity =)

-- production: set_options
-- error: syntax error
ALTER TABLE docs RESET time_scale

-- production: index_using
-- error: syntax error
CREATE INDEX ON docs USING (embedding)

-- production: extension
-- error: expected UPDATE
ALTER EXTENSION vector
