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
public|analogy|TABLE(entity anyelement, distance double precision, ts timestamp with time zone, vector vector)|regclass, entity anyelement, t_ref timestamp with time zone, t_target timestamp with time zone, k bigint, align text DEFAULT NULL, metric text DEFAULT NULL|func
public|anchor_projection|TABLE(ts timestamp with time zone, anchor text, coordinate double precision)|regclass, entity anyelement, anchors vector[], t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, names text[] DEFAULT NULL, along text DEFAULT NULL|func
public|anchor_projection|vector|vector, vector[]|func
public|anchor_projection|vector|vector, vector[], text|func
public|avg|halfvec|halfvec|agg
public|avg|vector|vector|agg
public|backtest|TABLE(method text, error double precision, coverage double precision, cases bigint, used boolean)|regclass, confidence double precision DEFAULT NULL, steps_ahead bigint DEFAULT NULL, cases bigint DEFAULT NULL|func
public|binary_quantize|bit|halfvec|func
public|binary_quantize|bit|vector|func
public|changepoints|TABLE(ts timestamp with time zone, severity double precision, drift_vector vector, method text, score double precision)|regclass, entity anyelement, t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, method text DEFAULT NULL, penalty text DEFAULT NULL, min_segment bigint DEFAULT NULL, mean_run double precision DEFAULT NULL, threshold double precision DEFAULT NULL|func
public|cohort_drift|TABLE(entities_before bigint, entities_after bigint, entities_both bigint, shift double precision, mean_shift vector, dispersion_before double precision, dispersion_after double precision, mmd_squared double precision, p_value double precision, auc double precision, top_movers anyarray, top_drifts double precision[], bandwidth double precision, wasserstein double precision)|regclass, t1 timestamp with time zone, t2 timestamp with time zone, cohort text DEFAULT NULL, top bigint DEFAULT NULL, permutations bigint DEFAULT NULL|func
public|cosine_distance|double precision|halfvec, halfvec|func
public|cosine_distance|double precision|sparsevec, sparsevec|func
public|cosine_distance|double precision|vector, vector|func
public|displacement|double precision|vector, timestamp with time zone|agg
public|divergence|TABLE(ts timestamp with time zone, distance double precision, is_break boolean, severity double precision)|regclass, a anyelement, b anyelement, t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, metric text DEFAULT NULL, penalty text DEFAULT NULL, min_segment bigint DEFAULT NULL|func
public|drift|TABLE(from_ts timestamp with time zone, to_ts timestamp with time zone, l2 double precision, cosine double precision, angular double precision, rate double precision, direction vector, dimensions integer[], changes double precision[], shares double precision[])|regclass, entity anyelement, t1 timestamp with time zone, t2 timestamp with time zone, interpolate text DEFAULT NULL, window interval DEFAULT NULL, top bigint DEFAULT NULL, unit text DEFAULT NULL|func
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
public|predict|TABLE(vector vector, lower vector, upper vector, uncertainty vector, method text)|regclass, entity anyelement, t timestamp with time zone, confidence double precision DEFAULT NULL, method text DEFAULT NULL|func
public|procrustes|TABLE(entity anyelement, mapped vector, distance double precision, unmapped_distance double precision, residual double precision, unmapped double precision, unexplained double precision)|regclass, t1 timestamp with time zone, t2 timestamp with time zone, origin text DEFAULT NULL|func
public|realised_volatility|double precision|vector, timestamp with time zone|agg
public|signature|TABLE(signature double precision[], dimensions bigint, depth bigint, points bigint)|regclass, entity anyelement, t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, rank bigint DEFAULT NULL, depth bigint DEFAULT NULL, anchors vector[] DEFAULT NULL|func
public|signature|double precision[]|vector, timestamp with time zone|agg
public|signature|double precision[]|vector, timestamp with time zone, bigint|agg
public|signature_distance|double precision|double precision[], double precision[], bigint|func
public|similarity|TABLE(frechet double precision, dtw double precision, signature_distance double precision, points_a bigint, points_b bigint)|regclass, a anyelement, b anyelement, t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, metric text DEFAULT NULL, band double precision DEFAULT NULL, rank bigint DEFAULT NULL, depth bigint DEFAULT NULL|func
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
public|velocity|TABLE(ts timestamp with time zone, velocity vector, magnitude double precision, acceleration vector)|regclass, entity anyelement, t timestamp with time zone, unit text DEFAULT NULL|func
public|velocity|vector|vector, timestamp with time zone|agg
====
