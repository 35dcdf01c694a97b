-- production: parameter
SET cvx.valid_time = '2024-01-01'

-- production: parameter
SET LOCAL hnsw.ef_search TO 100

-- production: parameter
SHOW hnsw.ef_search

-- production: parameter
RESET cvx.system_time

-- production: admin_call
CALL cvx.compact('docs')

-- production: admin_call, named_argument
CALL cvx.erase('docs', predicate => 'doc_id = 7')
