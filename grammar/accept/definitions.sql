-- production: table_options
CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, meta JSONB, embedding VECTOR(384), PRIMARY KEY (doc_id, ts)) WITH (entity = 'doc_id', valid_time = 'ts', time_scale = '30 days', keyframe_interval = 32, delta_epsilon = 0.01)

-- production: set_options
ALTER TABLE docs SET (time_scale = '1 day', out_of_order = 'accept')

-- production: set_options
ALTER TABLE IF EXISTS public.docs RESET (time_scale, out_of_order)

-- production: index_using
CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 100)

-- production: index_using
CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON docs USING hnsw ((embedding::halfvec(3)) halfvec_l2_ops)

-- production: extension
CREATE EXTENSION IF NOT EXISTS vector

-- production: extension
ALTER EXTENSION vector UPDATE TO '0.8.0'
