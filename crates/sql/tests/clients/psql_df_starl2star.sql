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
WHERE p.proname OPERATOR(pg_catalog.~) '^(.*l2.*)$' COLLATE pg_catalog.default
  AND pg_catalog.pg_function_is_visible(p.oid)
ORDER BY 1, 2, 4
----
public|l2_distance|double precision|halfvec, halfvec|func
public|l2_distance|double precision|sparsevec, sparsevec|func
public|l2_distance|double precision|vector, vector|func
public|l2_norm|double precision|halfvec|func
public|l2_norm|double precision|sparsevec|func
public|l2_normalize|halfvec|halfvec|func
public|l2_normalize|sparsevec|sparsevec|func
public|l2_normalize|vector|vector|func
====
