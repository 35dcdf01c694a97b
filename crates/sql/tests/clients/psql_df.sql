SELECT n.nspname as "Schema",
  p.proname as "Name",
  pg_catalog.pg_get_function_result(p.oid) as "Result data type",
  pg_catalog.pg_get_function_arguments(p.oid) as "Argument data types",
 CASE p.prokind
  WHEN 'a' THEN 'agg'
  WHEN 'w' THEN 'window'
  WHEN 'p' THEN 'proc'
  ELSE 'func'
 END as "Type"
FROM pg_catalog.pg_proc p
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE pg_catalog.pg_function_is_visible(p.oid)
      AND n.nspname <> 'pg_catalog'
      AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 4
----
public|avg|vector|vector|agg
public|cosine_distance|double precision|vector, vector|func
public|inner_product|double precision|vector, vector|func
public|l1_distance|double precision|vector, vector|func
public|l2_distance|double precision|vector, vector|func
public|l2_normalize|vector|vector|func
public|subvector|vector|vector, integer, integer|func
public|sum|vector|vector|agg
public|vector_dims|integer|vector|func
public|vector_in|vector|cstring, oid, integer|func
public|vector_negative_inner_product|double precision|vector, vector|func
public|vector_norm|double precision|vector|func
public|vector_out|cstring|vector|func
public|vector_recv|vector|internal, oid, integer|func
public|vector_send|bytea|vector|func
public|vector_typmod_in|integer|cstring[]|func
====
