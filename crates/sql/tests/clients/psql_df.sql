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
public|adf_pvalue|double precision|vector, timestamp with time zone|agg
public|adf_statistic|double precision|vector, timestamp with time zone|agg
public|analogy|SETOF record|regclass, text, timestamp with time zone, timestamp with time zone, bigint|func
public|anchor_projection|SETOF record|regclass, text, vector[], timestamp with time zone, timestamp with time zone|func
public|anchor_projection|vector|vector, vector[]|func
public|anchor_projection|vector|vector, vector[], text|func
public|avg|halfvec|halfvec|agg
public|avg|vector|vector|agg
public|binary_quantize|bit|halfvec|func
public|binary_quantize|bit|vector|func
public|changepoints|SETOF record|regclass, text, timestamp with time zone, timestamp with time zone|func
public|cohort_drift|SETOF record|regclass, timestamp with time zone, timestamp with time zone|func
public|cosine_distance|double precision|halfvec, halfvec|func
public|cosine_distance|double precision|sparsevec, sparsevec|func
public|cosine_distance|double precision|vector, vector|func
public|displacement|double precision|vector, timestamp with time zone|agg
public|divergence|SETOF record|regclass, text, text, timestamp with time zone, timestamp with time zone|func
public|drift|SETOF record|regclass, text, timestamp with time zone, timestamp with time zone|func
public|drift|double precision|vector, timestamp with time zone|agg
public|garch|double precision[]|vector, timestamp with time zone|agg
public|half_life|double precision|vector, timestamp with time zone|agg
public|halfvec_add|halfvec|halfvec, halfvec|func
public|halfvec_cmp|integer|halfvec, halfvec|func
public|halfvec_concat|halfvec|halfvec, halfvec|func
public|halfvec_eq|boolean|halfvec, halfvec|func
public|halfvec_ge|boolean|halfvec, halfvec|func
public|halfvec_gt|boolean|halfvec, halfvec|func
public|halfvec_in|halfvec|cstring, oid, integer|func
public|halfvec_le|boolean|halfvec, halfvec|func
public|halfvec_lt|boolean|halfvec, halfvec|func
public|halfvec_mul|halfvec|halfvec, halfvec|func
public|halfvec_ne|boolean|halfvec, halfvec|func
public|halfvec_negative_inner_product|double precision|halfvec, halfvec|func
public|halfvec_out|cstring|halfvec|func
public|halfvec_recv|halfvec|internal, oid, integer|func
public|halfvec_send|bytea|halfvec|func
public|halfvec_sub|halfvec|halfvec, halfvec|func
public|halfvec_typmod_in|integer|cstring[]|func
public|hamming_distance|double precision|bit, bit|func
public|history|SETOF record|regclass, text, timestamp with time zone|func
public|hurst|double precision|vector, timestamp with time zone|agg
public|inner_product|double precision|halfvec, halfvec|func
public|inner_product|double precision|sparsevec, sparsevec|func
public|inner_product|double precision|vector, vector|func
public|jaccard_distance|double precision|bit, bit|func
public|l1_distance|double precision|halfvec, halfvec|func
public|l1_distance|double precision|sparsevec, sparsevec|func
public|l1_distance|double precision|vector, vector|func
public|l2_distance|double precision|halfvec, halfvec|func
public|l2_distance|double precision|sparsevec, sparsevec|func
public|l2_distance|double precision|vector, vector|func
public|l2_norm|double precision|halfvec|func
public|l2_norm|double precision|sparsevec|func
public|l2_normalize|halfvec|halfvec|func
public|l2_normalize|sparsevec|sparsevec|func
public|l2_normalize|vector|vector|func
public|max_drawdown|double precision|vector, timestamp with time zone|agg
public|path_length|double precision|vector, timestamp with time zone|agg
public|predict|SETOF record|regclass, text, timestamp with time zone|func
public|procrustes|SETOF record|regclass, timestamp with time zone, timestamp with time zone|func
public|realised_volatility|double precision|vector, timestamp with time zone|agg
public|signature|SETOF record|regclass, text, timestamp with time zone, timestamp with time zone|func
public|signature|double precision[]|vector, timestamp with time zone|agg
public|signature|double precision[]|vector, timestamp with time zone, bigint|agg
public|signature_distance|double precision|double precision[], double precision[], bigint|func
public|similarity|SETOF record|regclass, text, text, timestamp with time zone, timestamp with time zone|func
public|sparsevec_cmp|integer|sparsevec, sparsevec|func
public|sparsevec_eq|boolean|sparsevec, sparsevec|func
public|sparsevec_ge|boolean|sparsevec, sparsevec|func
public|sparsevec_gt|boolean|sparsevec, sparsevec|func
public|sparsevec_in|sparsevec|cstring, oid, integer|func
public|sparsevec_le|boolean|sparsevec, sparsevec|func
public|sparsevec_lt|boolean|sparsevec, sparsevec|func
public|sparsevec_ne|boolean|sparsevec, sparsevec|func
public|sparsevec_negative_inner_product|double precision|sparsevec, sparsevec|func
public|sparsevec_out|cstring|sparsevec|func
public|sparsevec_recv|sparsevec|internal, oid, integer|func
public|sparsevec_send|bytea|sparsevec|func
public|sparsevec_typmod_in|integer|cstring[]|func
public|subvector|halfvec|halfvec, integer, integer|func
public|subvector|vector|vector, integer, integer|func
public|sum|halfvec|halfvec|agg
public|sum|vector|vector|agg
public|trajectory|SETOF record|regclass, text, timestamp with time zone, timestamp with time zone|func
public|variance_ratio|double precision|vector, timestamp with time zone|agg
public|variance_ratio|double precision|vector, timestamp with time zone, bigint|agg
public|vector_add|vector|vector, vector|func
public|vector_cmp|integer|vector, vector|func
public|vector_concat|vector|vector, vector|func
public|vector_dims|integer|halfvec|func
public|vector_dims|integer|vector|func
public|vector_eq|boolean|vector, vector|func
public|vector_ge|boolean|vector, vector|func
public|vector_gt|boolean|vector, vector|func
public|vector_in|vector|cstring, oid, integer|func
public|vector_le|boolean|vector, vector|func
public|vector_lt|boolean|vector, vector|func
public|vector_mul|vector|vector, vector|func
public|vector_ne|boolean|vector, vector|func
public|vector_negative_inner_product|double precision|vector, vector|func
public|vector_norm|double precision|vector|func
public|vector_out|cstring|vector|func
public|vector_recv|vector|internal, oid, integer|func
public|vector_send|bytea|vector|func
public|vector_sub|vector|vector, vector|func
public|vector_typmod_in|integer|cstring[]|func
public|velocity|SETOF record|regclass, text, timestamp with time zone|func
public|velocity|vector|vector, timestamp with time zone|agg
====
