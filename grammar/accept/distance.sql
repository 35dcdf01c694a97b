-- production: distance_call, distance_word
SELECT st_distance(embedding, $1, ALPHA 0.7) FROM docs

-- production: distance_word
SELECT st_distance(embedding, $1, ALPHA 0.7, AT now(), TAU interval '30 days', METRIC 'cosine', DECAY 'exponential', TS d.ts) FROM docs d

-- production: distance_word
SELECT st_distance(embedding, $1 ALPHA 0.7 AT '2024-01-01'::timestamptz TAU '30 days' METRIC 'l2') FROM docs

-- production: distance_call, named_argument
SELECT st_distance(embedding, $1, alpha => 0.7, at => now(), tau := interval '1 day') FROM docs

-- Columns of these names are columns.
-- production: distance_call
SELECT st_distance(ts, at), st_distance(v, q, alpha), st_distance(v, q, 0.7, ts AT TIME ZONE 'UTC') FROM docs

-- production: distance_operator
SELECT a <-> b, a <#> b, a <=> b, a <+> b, a <~> b, a <%> b FROM docs

-- production: distance_operator
SELECT a<+>$1, a<=>'[1,2]'<0.5, 0.5>a<->b, a <+> b + c FROM docs ORDER BY a<+>$1 LIMIT 3

-- production: vector_literal
SELECT vector '[1,2,3]' <-> embedding, halfvec '[1]', sparsevec '{1:1}/3' FROM docs
