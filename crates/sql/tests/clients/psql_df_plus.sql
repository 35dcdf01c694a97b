SELECT n.nspname as "Schema",
  p.proname as "Name",
  pg_catalog.pg_get_function_result(p.oid) as "Result data type",
  pg_catalog.pg_get_function_arguments(p.oid) as "Argument data types",
 CASE p.prokind
  WHEN 'a' THEN 'agg'
  WHEN 'w' THEN 'window'
  WHEN 'p' THEN 'proc'
  ELSE 'func'
 END as "Type",
 CASE
  WHEN p.provolatile = 'i' THEN 'immutable'
  WHEN p.provolatile = 's' THEN 'stable'
  WHEN p.provolatile = 'v' THEN 'volatile'
 END as "Volatility",
 CASE
  WHEN p.proparallel = 'r' THEN 'restricted'
  WHEN p.proparallel = 's' THEN 'safe'
  WHEN p.proparallel = 'u' THEN 'unsafe'
 END as "Parallel",
 pg_catalog.pg_get_userbyid(p.proowner) as "Owner",
 CASE WHEN prosecdef THEN 'definer' ELSE 'invoker' END AS "Security",
 pg_catalog.array_to_string(p.proacl, E'\n') AS "Access privileges",
 l.lanname as "Language",
 COALESCE(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as "Source code",
 pg_catalog.obj_description(p.oid, 'pg_proc') as "Description"
FROM pg_catalog.pg_proc p
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     LEFT JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE pg_catalog.pg_function_is_visible(p.oid)
      AND n.nspname <> 'pg_catalog'
      AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 4
----
public|avg|vector|vector|agg|immutable|safe|cvx|invoker|∅|c|avg|mean of vectors
public|cosine_distance|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|cosine_distance|one minus the cosine of the angle
public|inner_product|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|inner_product|inner product
public|l1_distance|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|l1_distance|sum of absolute differences
public|l2_distance|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|l2_distance|Euclidean distance
public|l2_normalize|vector|vector|func|immutable|safe|cvx|invoker|∅|c|l2_normalize|the vector scaled to norm 1
public|subvector|vector|vector, integer, integer|func|immutable|safe|cvx|invoker|∅|c|subvector|part of a vector
public|sum|vector|vector|agg|immutable|safe|cvx|invoker|∅|c|sum|sum of vectors
public|vector_dims|integer|vector|func|immutable|safe|cvx|invoker|∅|c|vector_dims|number of dimensions
public|vector_in|vector|cstring, oid, integer|func|immutable|safe|cvx|invoker|∅|c|vector_in|∅
public|vector_negative_inner_product|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_negative_inner_product|inner product, negated
public|vector_norm|double precision|vector|func|immutable|safe|cvx|invoker|∅|c|vector_norm|Euclidean norm
public|vector_out|cstring|vector|func|immutable|safe|cvx|invoker|∅|c|vector_out|∅
public|vector_recv|vector|internal, oid, integer|func|immutable|safe|cvx|invoker|∅|c|vector_recv|∅
public|vector_send|bytea|vector|func|immutable|safe|cvx|invoker|∅|c|vector_send|∅
public|vector_typmod_in|integer|cstring[]|func|immutable|safe|cvx|invoker|∅|c|vector_typmod_in|∅
====
