-- production: distance_word
-- error: syntax error at or near "0.7"
SELECT st_distance(embedding, ALPHA 0.7) FROM docs

-- production: distance_word
-- error: syntax error at or near "0.7"
SELECT distance(embedding, $1, ALPHA 0.7) FROM docs

-- production: distance_operator
-- error: syntax error at or near ">"
SELECT a <+ > b FROM docs

-- production: vector_literal
-- error: syntax error at or near "'[2]'"
SELECT '[1]' '[2]'
