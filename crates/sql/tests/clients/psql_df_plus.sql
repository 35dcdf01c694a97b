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
public|adf_pvalue|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|adf_pvalue|p-value of the augmented Dickey-Fuller test
public|adf_statistic|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|adf_statistic|augmented Dickey-Fuller statistic
public|analogy|TABLE(entity anyelement, distance double precision, ts timestamp with time zone, vector vector)|regclass, entity anyelement, t_ref timestamp with time zone, t_target timestamp with time zone, k bigint, align text DEFAULT NULL, metric text DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|analogy|who held the place
public|anchor_projection|TABLE(ts timestamp with time zone, anchor text, coordinate double precision)|regclass, entity anyelement, anchors vector[], t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, names text[] DEFAULT NULL, along text DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|anchor_projection|how near it was to each anchor
public|anchor_projection|vector|vector, vector[]|func|immutable|safe|cvx|invoker|∅|c|anchor_projection|cosine to each anchor
public|anchor_projection|vector|vector, vector[], text|func|immutable|safe|cvx|invoker|∅|c|anchor_projection|cosine to, or component along, each anchor
public|avg|halfvec|halfvec|agg|immutable|safe|cvx|invoker|∅|c|avg|mean of vectors
public|avg|vector|vector|agg|immutable|safe|cvx|invoker|∅|c|avg|mean of vectors
public|backtest|TABLE(method text, error double precision, coverage double precision, cases bigint, used boolean)|regclass, confidence double precision DEFAULT NULL, steps_ahead bigint DEFAULT NULL, cases bigint DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|backtest|how far off each method of prediction was
public|binary_quantize|bit|halfvec|func|immutable|safe|cvx|invoker|∅|c|binary_quantize|a bit for each element, set above 0
public|binary_quantize|bit|vector|func|immutable|safe|cvx|invoker|∅|c|binary_quantize|a bit for each element, set above 0
public|changepoints|TABLE(ts timestamp with time zone, severity double precision, drift_vector vector, method text, score double precision)|regclass, entity anyelement, t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, method text DEFAULT NULL, penalty text DEFAULT NULL, min_segment bigint DEFAULT NULL, mean_run double precision DEFAULT NULL, threshold double precision DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|changepoints|where the regime changed
public|cohort_drift|TABLE(entities_before bigint, entities_after bigint, entities_both bigint, shift double precision, mean_shift vector, dispersion_before double precision, dispersion_after double precision, mmd_squared double precision, p_value double precision, auc double precision, top_movers anyarray, top_drifts double precision[], bandwidth double precision, wasserstein double precision)|regclass, t1 timestamp with time zone, t2 timestamp with time zone, cohort text DEFAULT NULL, top bigint DEFAULT NULL, permutations bigint DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|cohort_drift|how a population moved
public|cosine_distance|double precision|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|cosine_distance|one minus the cosine of the angle
public|cosine_distance|double precision|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|cosine_distance|one minus the cosine of the angle
public|cosine_distance|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|cosine_distance|one minus the cosine of the angle
public|displacement|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|displacement|distance from the first point to the last
public|divergence|TABLE(ts timestamp with time zone, distance double precision, is_break boolean, severity double precision)|regclass, a anyelement, b anyelement, t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, metric text DEFAULT NULL, penalty text DEFAULT NULL, min_segment bigint DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|divergence|how far apart two entities were
public|drift|TABLE(from_ts timestamp with time zone, to_ts timestamp with time zone, l2 double precision, cosine double precision, angular double precision, rate double precision, direction vector, dimensions integer[], changes double precision[], shares double precision[])|regclass, entity anyelement, t1 timestamp with time zone, t2 timestamp with time zone, interpolate text DEFAULT NULL, window interval DEFAULT NULL, top bigint DEFAULT NULL, unit text DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|drift|drift between two moments
public|drift|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|drift|distance from the first point to the last
public|garch|double precision[]|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|garch|omega, alpha, beta, next variance of GARCH(1,1) on steps
public|half_life|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|half_life|days to return half of the way to the mean
public|halfvec_add|halfvec|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_add|implementation of + operator
public|halfvec_cmp|integer|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_cmp|less-equal-greater
public|halfvec_concat|halfvec|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_concat|implementation of || operator
public|halfvec_eq|boolean|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_eq|implementation of = operator
public|halfvec_ge|boolean|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_ge|implementation of >= operator
public|halfvec_gt|boolean|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_gt|implementation of > operator
public|halfvec_in|halfvec|cstring, oid, integer|func|immutable|safe|cvx|invoker|∅|c|halfvec_in|∅
public|halfvec_le|boolean|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_le|implementation of <= operator
public|halfvec_lt|boolean|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_lt|implementation of < operator
public|halfvec_mul|halfvec|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_mul|implementation of * operator
public|halfvec_ne|boolean|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_ne|implementation of <> operator
public|halfvec_negative_inner_product|double precision|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_negative_inner_product|inner product, negated
public|halfvec_out|cstring|halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_out|∅
public|halfvec_recv|halfvec|internal, oid, integer|func|immutable|safe|cvx|invoker|∅|c|halfvec_recv|∅
public|halfvec_send|bytea|halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_send|∅
public|halfvec_sub|halfvec|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|halfvec_sub|implementation of - operator
public|halfvec_typmod_in|integer|cstring[]|func|immutable|safe|cvx|invoker|∅|c|halfvec_typmod_in|∅
public|hamming_distance|double precision|bit, bit|func|immutable|safe|cvx|invoker|∅|c|hamming_distance|how many bits differ
public|history|SETOF record|regclass, text, timestamp with time zone|func|immutable|safe|cvx|invoker|∅|c|history|every system version
public|hurst|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|hurst|Hurst exponent
public|inner_product|double precision|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|inner_product|inner product
public|inner_product|double precision|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|inner_product|inner product
public|inner_product|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|inner_product|inner product
public|jaccard_distance|double precision|bit, bit|func|immutable|safe|cvx|invoker|∅|c|jaccard_distance|one minus the bits in common over the bits set
public|l1_distance|double precision|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|l1_distance|sum of absolute differences
public|l1_distance|double precision|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|l1_distance|sum of absolute differences
public|l1_distance|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|l1_distance|sum of absolute differences
public|l2_distance|double precision|halfvec, halfvec|func|immutable|safe|cvx|invoker|∅|c|l2_distance|Euclidean distance
public|l2_distance|double precision|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|l2_distance|Euclidean distance
public|l2_distance|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|l2_distance|Euclidean distance
public|l2_norm|double precision|halfvec|func|immutable|safe|cvx|invoker|∅|c|l2_norm|Euclidean norm
public|l2_norm|double precision|sparsevec|func|immutable|safe|cvx|invoker|∅|c|l2_norm|Euclidean norm
public|l2_normalize|halfvec|halfvec|func|immutable|safe|cvx|invoker|∅|c|l2_normalize|the vector scaled to norm 1
public|l2_normalize|sparsevec|sparsevec|func|immutable|safe|cvx|invoker|∅|c|l2_normalize|the vector scaled to norm 1
public|l2_normalize|vector|vector|func|immutable|safe|cvx|invoker|∅|c|l2_normalize|the vector scaled to norm 1
public|max_drawdown|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|max_drawdown|largest fall of the distance from the first point
public|path_length|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|path_length|length of the way from point to point
public|predict|TABLE(vector vector, lower vector, upper vector, uncertainty vector, method text)|regclass, entity anyelement, t timestamp with time zone, confidence double precision DEFAULT NULL, method text DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|predict|where it will be
public|procrustes|TABLE(entity anyelement, mapped vector, distance double precision, unmapped_distance double precision, residual double precision, unmapped double precision, unexplained double precision)|regclass, t1 timestamp with time zone, t2 timestamp with time zone, origin text DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|procrustes|the turn between two models' vectors
public|realised_volatility|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|realised_volatility|root of the squared steps' sum per day
public|signature|TABLE(signature double precision[], dimensions bigint, depth bigint, points bigint)|regclass, entity anyelement, t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, rank bigint DEFAULT NULL, depth bigint DEFAULT NULL, anchors vector[] DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|signature|iterated integrals of an entity's way
public|signature|double precision[]|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|signature|iterated integrals of the way
public|signature|double precision[]|vector, timestamp with time zone, bigint|agg|immutable|safe|cvx|invoker|∅|c|signature|iterated integrals of the way to a depth
public|signature_distance|double precision|double precision[], double precision[], bigint|func|immutable|safe|cvx|invoker|∅|c|signature_distance|how differently two paths went
public|similarity|TABLE(frechet double precision, dtw double precision, signature_distance double precision, points_a bigint, points_b bigint)|regclass, a anyelement, b anyelement, t1 timestamp with time zone DEFAULT NULL, t2 timestamp with time zone DEFAULT NULL, metric text DEFAULT NULL, band double precision DEFAULT NULL, rank bigint DEFAULT NULL, depth bigint DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|similarity|how alike the ways of two entities are
public|sparsevec_cmp|integer|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_cmp|less-equal-greater
public|sparsevec_eq|boolean|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_eq|implementation of = operator
public|sparsevec_ge|boolean|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_ge|implementation of >= operator
public|sparsevec_gt|boolean|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_gt|implementation of > operator
public|sparsevec_in|sparsevec|cstring, oid, integer|func|immutable|safe|cvx|invoker|∅|c|sparsevec_in|∅
public|sparsevec_le|boolean|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_le|implementation of <= operator
public|sparsevec_lt|boolean|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_lt|implementation of < operator
public|sparsevec_ne|boolean|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_ne|implementation of <> operator
public|sparsevec_negative_inner_product|double precision|sparsevec, sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_negative_inner_product|inner product, negated
public|sparsevec_out|cstring|sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_out|∅
public|sparsevec_recv|sparsevec|internal, oid, integer|func|immutable|safe|cvx|invoker|∅|c|sparsevec_recv|∅
public|sparsevec_send|bytea|sparsevec|func|immutable|safe|cvx|invoker|∅|c|sparsevec_send|∅
public|sparsevec_typmod_in|integer|cstring[]|func|immutable|safe|cvx|invoker|∅|c|sparsevec_typmod_in|∅
public|subvector|halfvec|halfvec, integer, integer|func|immutable|safe|cvx|invoker|∅|c|subvector|part of a vector
public|subvector|vector|vector, integer, integer|func|immutable|safe|cvx|invoker|∅|c|subvector|part of a vector
public|sum|halfvec|halfvec|agg|immutable|safe|cvx|invoker|∅|c|sum|sum of vectors
public|sum|vector|vector|agg|immutable|safe|cvx|invoker|∅|c|sum|sum of vectors
public|trajectory|SETOF record|regclass, text, timestamp with time zone, timestamp with time zone|func|immutable|safe|cvx|invoker|∅|c|trajectory|points in the order of time
public|variance_ratio|double precision|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|variance_ratio|variance ratio of two steps to one
public|variance_ratio|double precision|vector, timestamp with time zone, bigint|agg|immutable|safe|cvx|invoker|∅|c|variance_ratio|variance ratio of so many steps to one
public|vector_add|vector|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_add|implementation of + operator
public|vector_cmp|integer|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_cmp|less-equal-greater
public|vector_concat|vector|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_concat|implementation of || operator
public|vector_dims|integer|halfvec|func|immutable|safe|cvx|invoker|∅|c|vector_dims|number of dimensions
public|vector_dims|integer|vector|func|immutable|safe|cvx|invoker|∅|c|vector_dims|number of dimensions
public|vector_eq|boolean|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_eq|implementation of = operator
public|vector_ge|boolean|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_ge|implementation of >= operator
public|vector_gt|boolean|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_gt|implementation of > operator
public|vector_in|vector|cstring, oid, integer|func|immutable|safe|cvx|invoker|∅|c|vector_in|∅
public|vector_le|boolean|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_le|implementation of <= operator
public|vector_lt|boolean|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_lt|implementation of < operator
public|vector_mul|vector|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_mul|implementation of * operator
public|vector_ne|boolean|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_ne|implementation of <> operator
public|vector_negative_inner_product|double precision|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_negative_inner_product|inner product, negated
public|vector_norm|double precision|vector|func|immutable|safe|cvx|invoker|∅|c|vector_norm|Euclidean norm
public|vector_out|cstring|vector|func|immutable|safe|cvx|invoker|∅|c|vector_out|∅
public|vector_recv|vector|internal, oid, integer|func|immutable|safe|cvx|invoker|∅|c|vector_recv|∅
public|vector_send|bytea|vector|func|immutable|safe|cvx|invoker|∅|c|vector_send|∅
public|vector_sub|vector|vector, vector|func|immutable|safe|cvx|invoker|∅|c|vector_sub|implementation of - operator
public|vector_typmod_in|integer|cstring[]|func|immutable|safe|cvx|invoker|∅|c|vector_typmod_in|∅
public|velocity|TABLE(ts timestamp with time zone, velocity vector, magnitude double precision, acceleration vector)|regclass, entity anyelement, t timestamp with time zone, unit text DEFAULT NULL|func|immutable|safe|cvx|invoker|∅|c|velocity|velocity and acceleration at a moment
public|velocity|vector|vector, timestamp with time zone|agg|immutable|safe|cvx|invoker|∅|c|velocity|change per day at the last point
====
