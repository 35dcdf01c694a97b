SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME,  CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema'  WHEN true THEN CASE  WHEN n.nspname = 'pg_catalog' OR n.nspname = 'information_schema' THEN CASE c.relkind   WHEN 'r' THEN 'SYSTEM TABLE'   WHEN 'v' THEN 'SYSTEM VIEW'   WHEN 'i' THEN 'SYSTEM INDEX'   ELSE NULL   END  WHEN n.nspname = 'pg_toast' THEN CASE c.relkind   WHEN 'r' THEN 'SYSTEM TOAST TABLE'   WHEN 'i' THEN 'SYSTEM TOAST INDEX'   ELSE NULL   END  ELSE CASE c.relkind   WHEN 'r' THEN 'TEMPORARY TABLE'   WHEN 'p' THEN 'TEMPORARY TABLE'   WHEN 'i' THEN 'TEMPORARY INDEX'   WHEN 'S' THEN 'TEMPORARY SEQUENCE'   WHEN 'v' THEN 'TEMPORARY VIEW'   ELSE NULL   END  END  WHEN false THEN CASE c.relkind  WHEN 'r' THEN 'TABLE'  WHEN 'p' THEN 'PARTITIONED TABLE'  WHEN 'i' THEN 'INDEX'  WHEN 'P' then 'PARTITIONED INDEX'  WHEN 'S' THEN 'SEQUENCE'  WHEN 'v' THEN 'VIEW'  WHEN 'c' THEN 'TYPE'  WHEN 'f' THEN 'FOREIGN TABLE'  WHEN 'm' THEN 'MATERIALIZED VIEW'  ELSE NULL  END  ELSE NULL  END  AS TABLE_TYPE, d.description AS REMARKS,  '' as TYPE_CAT, '' as TYPE_SCHEM, '' as TYPE_NAME, '' AS SELF_REFERENCING_COL_NAME, '' AS REF_GENERATION  FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c  LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0  and d.classoid = 'pg_class'::regclass)  WHERE c.relnamespace = n.oid  AND n.nspname LIKE 'public' AND c.relname LIKE '%' AND (false  OR ( c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' )  OR ( c.relkind = 'v' AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' ) )  ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME
----
∅|public|docs|TABLE|Documents over time|||||
∅|public|items|TABLE|∅|||||
∅|public|notes|TABLE|∅|||||
∅|public|recent|VIEW|∅|||||
====
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME,  CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema'  WHEN true THEN CASE  WHEN n.nspname = 'pg_catalog' OR n.nspname = 'information_schema' THEN CASE c.relkind   WHEN 'r' THEN 'SYSTEM TABLE'   WHEN 'v' THEN 'SYSTEM VIEW'   WHEN 'i' THEN 'SYSTEM INDEX'   ELSE NULL   END  WHEN n.nspname = 'pg_toast' THEN CASE c.relkind   WHEN 'r' THEN 'SYSTEM TOAST TABLE'   WHEN 'i' THEN 'SYSTEM TOAST INDEX'   ELSE NULL   END  ELSE CASE c.relkind   WHEN 'r' THEN 'TEMPORARY TABLE'   WHEN 'p' THEN 'TEMPORARY TABLE'   WHEN 'i' THEN 'TEMPORARY INDEX'   WHEN 'S' THEN 'TEMPORARY SEQUENCE'   WHEN 'v' THEN 'TEMPORARY VIEW'   ELSE NULL   END  END  WHEN false THEN CASE c.relkind  WHEN 'r' THEN 'TABLE'  WHEN 'p' THEN 'PARTITIONED TABLE'  WHEN 'i' THEN 'INDEX'  WHEN 'P' then 'PARTITIONED INDEX'  WHEN 'S' THEN 'SEQUENCE'  WHEN 'v' THEN 'VIEW'  WHEN 'c' THEN 'TYPE'  WHEN 'f' THEN 'FOREIGN TABLE'  WHEN 'm' THEN 'MATERIALIZED VIEW'  ELSE NULL  END  ELSE NULL  END  AS TABLE_TYPE, d.description AS REMARKS,  '' as TYPE_CAT, '' as TYPE_SCHEM, '' as TYPE_NAME, '' AS SELF_REFERENCING_COL_NAME, '' AS REF_GENERATION  FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c  LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0  and d.classoid = 'pg_class'::regclass)  WHERE c.relnamespace = n.oid  AND c.relname LIKE '%' ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME
-- only: |public|
----
∅|public|docs_embedding_idx|INDEX|∅|||||
∅|public|docs_pkey|INDEX|∅|||||
∅|public|items_pkey|INDEX|∅|||||
∅|public|items_id_seq|SEQUENCE|∅|||||
∅|public|docs|TABLE|Documents over time|||||
∅|public|items|TABLE|∅|||||
∅|public|notes|TABLE|∅|||||
∅|public|recent|VIEW|∅|||||
====
SELECT * FROM (SELECT n.nspname,c.relname,a.attname,a.atttypid,a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull,a.atttypmod,a.attlen,t.typtypmod,row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity,nullif(a.attgenerated, '') as attgenerated,pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc,dsc.description,t.typbasetype,t.typtype  FROM pg_catalog.pg_namespace n  JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid)  JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid)  JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid)  LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum)  LEFT JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid)  LEFT JOIN pg_catalog.pg_class dc ON (dc.oid=dsc.classoid AND dc.relname='pg_class')  LEFT JOIN pg_catalog.pg_namespace dn ON (dc.relnamespace=dn.oid AND dn.nspname='pg_catalog')  WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped  AND n.nspname LIKE 'public' AND c.relname LIKE '%') c WHERE true  AND attname LIKE '%' ORDER BY nspname,c.relname,attnum
----
public|docs|doc_id|20|t|-1|8|-1|1|∅|∅|∅|∅|0|b
public|docs|ts|1184|t|-1|8|-1|2|∅|∅|∅|∅|0|b
public|docs|title|25|f|-1|-1|-1|3|∅|∅|'untitled'|∅|0|b
public|docs|meta|3802|f|-1|-1|-1|4|∅|∅|∅|∅|0|b
public|docs|label|1043|t|14|-1|-1|5|∅|∅|'x'|∅|0|b
public|docs|price|1700|f|655366|-1|-1|6|∅|∅|∅|∅|0|b
public|docs|tags|1009|f|-1|-1|-1|7|∅|∅|∅|∅|0|b
public|docs|embedding|16401|f|3|-1|-1|8|∅|∅|∅|∅|0|b
public|items|id|20|t|-1|8|-1|1|∅|∅|nextval('items_id_seq'::regclass)|∅|0|b
public|items|name|25|t|-1|-1|-1|2|∅|∅|∅|∅|0|b
public|items|embedding|16401|f|3|-1|-1|3|∅|∅|∅|∅|0|b
public|notes|body|25|f|-1|-1|-1|1|∅|∅|∅|∅|0|b
public|recent|doc_id|20|f|-1|8|-1|1|∅|∅|∅|∅|0|b
public|recent|title|25|f|-1|-1|-1|2|∅|∅|∅|∅|0|b
====
SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid   FROM pg_catalog.pg_type   LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r           from pg_namespace as ns           join ( select s.r, (current_schemas(false))[s.r] as nspname                    from generate_series(1, array_upper(current_schemas(false), 1)) as s(r) ) as r          using ( nspname )        ) as sp     ON sp.nspoid = typnamespace  WHERE pg_type.oid = $1  ORDER BY sp.r, pg_type.oid DESC
-- params: $1 = '3802'
----
f|b|jsonb|3802
====
SELECT n.nspname = ANY(current_schemas(true)), n.nspname, t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = $1
-- params: $1 = '3802'
----
t|pg_catalog|jsonb
====
SELECT        result.TABLE_CAT,        result.TABLE_SCHEM,        result.TABLE_NAME,        result.COLUMN_NAME,        result.KEY_SEQ,        result.PK_NAME FROM      (SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM,   ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME,   (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME,   information_schema._pg_expandarray(i.indkey) AS KEYS, a.attnum AS A_ATTNUM FROM pg_catalog.pg_class ct   JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid)   JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid)   JOIN pg_catalog.pg_index i ON ( a.attrelid = i.indrelid)   JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE true  AND n.nspname = 'public' AND ct.relname = 'docs' AND i.indisprimary  ) result where  result.A_ATTNUM = (result.KEYS).x  ORDER BY result.table_name, result.pk_name, result.key_seq
----
∅|public|docs|doc_id|1|docs_pkey
∅|public|docs|ts|2|docs_pkey
====
SELECT     tmp.TABLE_CAT,     tmp.TABLE_SCHEM,     tmp.TABLE_NAME,     tmp.NON_UNIQUE,     tmp.INDEX_QUALIFIER,     tmp.INDEX_NAME,     tmp.TYPE,     tmp.ORDINAL_POSITION,     trim(both '"' from pg_catalog.pg_get_indexdef(tmp.CI_OID, tmp.ORDINAL_POSITION, false)) AS COLUMN_NAME,   CASE tmp.AM_NAME     WHEN 'btree' THEN CASE tmp.I_INDOPTION[tmp.ORDINAL_POSITION - 1] & 1::smallint       WHEN 1 THEN 'D'       ELSE 'A'     END     ELSE NULL   END AS ASC_OR_DESC,     tmp.CARDINALITY,     tmp.PAGES,     tmp.FILTER_CONDITION FROM (SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM,   ct.relname AS TABLE_NAME, NOT i.indisunique AS NON_UNIQUE,   NULL AS INDEX_QUALIFIER, ci.relname AS INDEX_NAME,   CASE i.indisclustered     WHEN true THEN 1    ELSE CASE am.amname       WHEN 'hash' THEN 2      ELSE 3    END   END AS TYPE,   (information_schema._pg_expandarray(i.indkey)).n AS ORDINAL_POSITION,   ci.reltuples AS CARDINALITY,   ci.relpages AS PAGES,   pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS FILTER_CONDITION,   ci.oid AS CI_OID,   i.indoption AS I_INDOPTION,   am.amname AS AM_NAME FROM pg_catalog.pg_class ct   JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid)   JOIN pg_catalog.pg_index i ON (ct.oid = i.indrelid)   JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid)   JOIN pg_catalog.pg_am am ON (ci.relam = am.oid) WHERE true  AND n.nspname = 'public' AND ct.relname = 'docs') AS tmp ORDER BY NON_UNIQUE, TYPE, INDEX_NAME, ORDINAL_POSITION
----
∅|public|docs|f|∅|docs_pkey|3|1|doc_id|A|-1.0|0|∅
∅|public|docs|f|∅|docs_pkey|3|2|ts|A|-1.0|0|∅
∅|public|docs|t|∅|docs_embedding_idx|3|1|embedding|∅|-1.0|0|∅
====
SELECT nspname AS TABLE_SCHEM, NULL AS TABLE_CATALOG FROM pg_catalog.pg_namespace  WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_'  OR nspname = (pg_catalog.current_schemas(true))[1]) AND (nspname !~ '^pg_toast_temp_'  OR nspname = replace((pg_catalog.current_schemas(true))[1], 'pg_temp_', 'pg_toast_temp_'))  ORDER BY TABLE_SCHEM
----
information_schema|∅
pg_catalog|∅
public|∅
====
SELECT t.typname,t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON (t.typnamespace = n.oid)  WHERE n.nspname  != 'pg_toast' AND  (t.typrelid = 0 OR (SELECT c.relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid))
-- only: vec
----
int2vector|22
oidvector|30
_int2vector|1006
_oidvector|1013
vector|16401
_vector|16402
halfvec|16403
_halfvec|16404
sparsevec|16405
_sparsevec|16406
====
SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid   FROM pg_catalog.pg_type   LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r           from pg_namespace as ns           join ( select s.r, (current_schemas(false))[s.r] as nspname                    from generate_series(1, array_upper(current_schemas(false), 1)) as s(r) ) as r          using ( nspname )        ) as sp     ON sp.nspoid = typnamespace  ORDER BY sp.r, pg_type.oid DESC
-- only: vector
----
t|b|_vector|16402
f|b|vector|16401
t|b|_oidvector|1013
t|b|_int2vector|1006
f|b|oidvector|30
f|b|int2vector|22
====
SELECT setting FROM pg_catalog.pg_settings WHERE name='max_index_keys'
----
32
====
SELECT NULL::text AS PKTABLE_CAT, pkn.nspname AS PKTABLE_SCHEM, pkc.relname AS PKTABLE_NAME, pka.attname AS PKCOLUMN_NAME, NULL::text AS FKTABLE_CAT, fkn.nspname AS FKTABLE_SCHEM, fkc.relname AS FKTABLE_NAME, fka.attname AS FKCOLUMN_NAME, pos.n AS KEY_SEQ, CASE con.confupdtype  WHEN 'c' THEN 0 WHEN 'n' THEN 2 WHEN 'd' THEN 4 WHEN 'r' THEN 1 WHEN 'p' THEN 1 WHEN 'a' THEN 3 ELSE NULL END AS UPDATE_RULE, CASE con.confdeltype  WHEN 'c' THEN 0 WHEN 'n' THEN 2 WHEN 'd' THEN 4 WHEN 'r' THEN 1 WHEN 'p' THEN 1 WHEN 'a' THEN 3 ELSE NULL END AS DELETE_RULE, con.conname AS FK_NAME, pkic.relname AS PK_NAME, CASE  WHEN con.condeferrable AND con.condeferred THEN 5 WHEN con.condeferrable THEN 6 ELSE 7 END AS DEFERRABILITY  FROM  pg_catalog.pg_namespace pkn, pg_catalog.pg_class pkc, pg_catalog.pg_attribute pka,  pg_catalog.pg_namespace fkn, pg_catalog.pg_class fkc, pg_catalog.pg_attribute fka,  pg_catalog.pg_constraint con,  pg_catalog.generate_series(1, 32) pos(n),  pg_catalog.pg_class pkic WHERE pkn.oid = pkc.relnamespace AND pkc.oid = pka.attrelid AND pka.attnum = con.confkey[pos.n] AND con.confrelid = pkc.oid  AND fkn.oid = fkc.relnamespace AND fkc.oid = fka.attrelid AND fka.attnum = con.conkey[pos.n] AND con.conrelid = fkc.oid  AND con.contype = 'f' AND (pkic.relkind = 'i' OR pkic.relkind = 'I') AND pkic.oid = con.conindid  AND fkn.nspname = 'public' AND fkc.relname = 'docs' ORDER BY pkn.nspname,pkc.relname, con.conname,pos.n
----
====
SELECT NULL::text AS PKTABLE_CAT, pkn.nspname AS PKTABLE_SCHEM, pkc.relname AS PKTABLE_NAME, pka.attname AS PKCOLUMN_NAME, NULL::text AS FKTABLE_CAT, fkn.nspname AS FKTABLE_SCHEM, fkc.relname AS FKTABLE_NAME, fka.attname AS FKCOLUMN_NAME, pos.n AS KEY_SEQ, CASE con.confupdtype  WHEN 'c' THEN 0 WHEN 'n' THEN 2 WHEN 'd' THEN 4 WHEN 'r' THEN 1 WHEN 'p' THEN 1 WHEN 'a' THEN 3 ELSE NULL END AS UPDATE_RULE, CASE con.confdeltype  WHEN 'c' THEN 0 WHEN 'n' THEN 2 WHEN 'd' THEN 4 WHEN 'r' THEN 1 WHEN 'p' THEN 1 WHEN 'a' THEN 3 ELSE NULL END AS DELETE_RULE, con.conname AS FK_NAME, pkic.relname AS PK_NAME, CASE  WHEN con.condeferrable AND con.condeferred THEN 5 WHEN con.condeferrable THEN 6 ELSE 7 END AS DEFERRABILITY  FROM  pg_catalog.pg_namespace pkn, pg_catalog.pg_class pkc, pg_catalog.pg_attribute pka,  pg_catalog.pg_namespace fkn, pg_catalog.pg_class fkc, pg_catalog.pg_attribute fka,  pg_catalog.pg_constraint con,  pg_catalog.generate_series(1, 32) pos(n),  pg_catalog.pg_class pkic WHERE pkn.oid = pkc.relnamespace AND pkc.oid = pka.attrelid AND pka.attnum = con.confkey[pos.n] AND con.confrelid = pkc.oid  AND fkn.oid = fkc.relnamespace AND fkc.oid = fka.attrelid AND fka.attnum = con.conkey[pos.n] AND con.conrelid = fkc.oid  AND con.contype = 'f' AND (pkic.relkind = 'i' OR pkic.relkind = 'I') AND pkic.oid = con.conindid  AND pkn.nspname = 'public' AND pkc.relname = 'docs' ORDER BY fkn.nspname,fkc.relname,con.conname,pos.n
----
====
SELECT current_database() AS FUNCTION_CAT, n.nspname AS FUNCTION_SCHEM, p.proname AS FUNCTION_NAME,  d.description AS REMARKS,  CASE    WHEN (format_type(p.prorettype, null) = 'unknown') THEN 0   WHEN      (substring(pg_get_function_result(p.oid) from 0 for 6) = 'TABLE') OR      (substring(pg_get_function_result(p.oid) from 0 for 6) = 'SETOF') THEN 2   ELSE 1 END  AS FUNCTION_TYPE,  p.proname || '_' || p.oid AS SPECIFIC_NAME FROM pg_catalog.pg_proc p INNER JOIN pg_catalog.pg_namespace n ON p.pronamespace=n.oid LEFT JOIN pg_catalog.pg_description d ON p.oid=d.objoid WHERE true   AND p.prokind='f' AND n.nspname LIKE 'public' AND p.proname LIKE '%' ORDER BY FUNCTION_SCHEM, FUNCTION_NAME, p.oid::text
----
cvx|public|analogy|who held the place|2|analogy_9166
cvx|public|anchor_projection|cosine to each anchor|1|anchor_projection_9156
cvx|public|anchor_projection|cosine to, or component along, each anchor|1|anchor_projection_9157
cvx|public|anchor_projection|how near it was to each anchor|2|anchor_projection_9171
cvx|public|backtest|how far off each method of prediction was|2|backtest_9173
cvx|public|binary_quantize|a bit for each element, set above 0|1|binary_quantize_9019
cvx|public|binary_quantize|a bit for each element, set above 0|1|binary_quantize_9055
cvx|public|changepoints|where the regime changed|2|changepoints_9164
cvx|public|cohort_drift|how a population moved|2|cohort_drift_9168
cvx|public|cosine_distance|one minus the cosine of the angle|1|cosine_distance_9012
cvx|public|cosine_distance|one minus the cosine of the angle|1|cosine_distance_9048
cvx|public|cosine_distance|one minus the cosine of the angle|1|cosine_distance_9078
cvx|public|divergence|how far apart two entities were|2|divergence_9167
cvx|public|drift|drift between two moments|2|drift_9163
cvx|public|halfvec_add|implementation of + operator|1|halfvec_add_9058
cvx|public|halfvec_cmp|less-equal-greater|1|halfvec_cmp_9068
cvx|public|halfvec_concat|implementation of || operator|1|halfvec_concat_9061
cvx|public|halfvec_eq|implementation of = operator|1|halfvec_eq_9064
cvx|public|halfvec_ge|implementation of >= operator|1|halfvec_ge_9066
cvx|public|halfvec_gt|implementation of > operator|1|halfvec_gt_9067
cvx|public|halfvec_in|∅|1|halfvec_in_9041
cvx|public|halfvec_le|implementation of <= operator|1|halfvec_le_9063
cvx|public|halfvec_lt|implementation of < operator|1|halfvec_lt_9062
cvx|public|halfvec_mul|implementation of * operator|1|halfvec_mul_9060
cvx|public|halfvec_ne|implementation of <> operator|1|halfvec_ne_9065
cvx|public|halfvec_negative_inner_product|inner product, negated|1|halfvec_negative_inner_product_9050
cvx|public|halfvec_out|∅|1|halfvec_out_9042
cvx|public|halfvec_recv|∅|1|halfvec_recv_9044
cvx|public|halfvec_send|∅|1|halfvec_send_9045
cvx|public|halfvec_sub|implementation of - operator|1|halfvec_sub_9059
cvx|public|halfvec_typmod_in|∅|1|halfvec_typmod_in_9043
cvx|public|hamming_distance|how many bits differ|1|hamming_distance_9100
cvx|public|history|every system version|2|history_9161
cvx|public|inner_product|inner product|1|inner_product_9011
cvx|public|inner_product|inner product|1|inner_product_9047
cvx|public|inner_product|inner product|1|inner_product_9077
cvx|public|jaccard_distance|one minus the bits in common over the bits set|1|jaccard_distance_9101
cvx|public|l1_distance|sum of absolute differences|1|l1_distance_9013
cvx|public|l1_distance|sum of absolute differences|1|l1_distance_9049
cvx|public|l1_distance|sum of absolute differences|1|l1_distance_9079
cvx|public|l2_distance|Euclidean distance|1|l2_distance_9010
cvx|public|l2_distance|Euclidean distance|1|l2_distance_9046
cvx|public|l2_distance|Euclidean distance|1|l2_distance_9076
cvx|public|l2_norm|Euclidean norm|1|l2_norm_9052
cvx|public|l2_norm|Euclidean norm|1|l2_norm_9081
cvx|public|l2_normalize|the vector scaled to norm 1|1|l2_normalize_9017
cvx|public|l2_normalize|the vector scaled to norm 1|1|l2_normalize_9053
cvx|public|l2_normalize|the vector scaled to norm 1|1|l2_normalize_9082
cvx|public|predict|where it will be|2|predict_9165
cvx|public|procrustes|the turn between two models' vectors|2|procrustes_9170
cvx|public|signature|iterated integrals of an entity's way|2|signature_9172
cvx|public|signature_distance|how differently two paths went|1|signature_distance_9155
cvx|public|similarity|how alike the ways of two entities are|2|similarity_9169
cvx|public|sparsevec_cmp|less-equal-greater|1|sparsevec_cmp_9089
cvx|public|sparsevec_eq|implementation of = operator|1|sparsevec_eq_9085
cvx|public|sparsevec_ge|implementation of >= operator|1|sparsevec_ge_9087
cvx|public|sparsevec_gt|implementation of > operator|1|sparsevec_gt_9088
cvx|public|sparsevec_in|∅|1|sparsevec_in_9071
cvx|public|sparsevec_le|implementation of <= operator|1|sparsevec_le_9084
cvx|public|sparsevec_lt|implementation of < operator|1|sparsevec_lt_9083
cvx|public|sparsevec_ne|implementation of <> operator|1|sparsevec_ne_9086
cvx|public|sparsevec_negative_inner_product|inner product, negated|1|sparsevec_negative_inner_product_9080
cvx|public|sparsevec_out|∅|1|sparsevec_out_9072
cvx|public|sparsevec_recv|∅|1|sparsevec_recv_9074
cvx|public|sparsevec_send|∅|1|sparsevec_send_9075
cvx|public|sparsevec_typmod_in|∅|1|sparsevec_typmod_in_9073
cvx|public|subvector|part of a vector|1|subvector_9018
cvx|public|subvector|part of a vector|1|subvector_9054
cvx|public|trajectory|points in the order of time|2|trajectory_9160
cvx|public|vector_add|implementation of + operator|1|vector_add_9020
cvx|public|vector_cmp|less-equal-greater|1|vector_cmp_9116
cvx|public|vector_concat|implementation of || operator|1|vector_concat_9023
cvx|public|vector_dims|number of dimensions|1|vector_dims_9015
cvx|public|vector_dims|number of dimensions|1|vector_dims_9051
cvx|public|vector_eq|implementation of = operator|1|vector_eq_9112
cvx|public|vector_ge|implementation of >= operator|1|vector_ge_9114
cvx|public|vector_gt|implementation of > operator|1|vector_gt_9115
cvx|public|vector_in|∅|1|vector_in_9001
cvx|public|vector_le|implementation of <= operator|1|vector_le_9111
cvx|public|vector_lt|implementation of < operator|1|vector_lt_9110
cvx|public|vector_mul|implementation of * operator|1|vector_mul_9022
cvx|public|vector_ne|implementation of <> operator|1|vector_ne_9113
cvx|public|vector_negative_inner_product|inner product, negated|1|vector_negative_inner_product_9014
cvx|public|vector_norm|Euclidean norm|1|vector_norm_9016
cvx|public|vector_out|∅|1|vector_out_9002
cvx|public|vector_recv|∅|1|vector_recv_9004
cvx|public|vector_send|∅|1|vector_send_9005
cvx|public|vector_sub|implementation of - operator|1|vector_sub_9021
cvx|public|vector_typmod_in|∅|1|vector_typmod_in_9003
cvx|public|velocity|velocity and acceleration at a moment|2|velocity_9162
====
SELECT NULL AS PROCEDURE_CAT, n.nspname AS PROCEDURE_SCHEM, p.proname AS PROCEDURE_NAME, NULL, NULL, NULL, d.description AS REMARKS, 2 AS PROCEDURE_TYPE,  p.proname || '_' || p.oid AS SPECIFIC_NAME  FROM pg_catalog.pg_namespace n, pg_catalog.pg_proc p  LEFT JOIN pg_catalog.pg_description d ON (p.oid=d.objoid)  LEFT JOIN pg_catalog.pg_class c ON (d.classoid=c.oid AND c.relname='pg_proc')  LEFT JOIN pg_catalog.pg_namespace pn ON (c.relnamespace=pn.oid AND pn.nspname='pg_catalog')  WHERE p.pronamespace=n.oid  AND p.prokind='p' AND n.nspname LIKE 'public' AND p.proname LIKE '%' ORDER BY PROCEDURE_SCHEM, PROCEDURE_NAME, p.oid::text
----
====
SELECT a.attname, a.atttypid, atttypmod FROM pg_catalog.pg_class ct   JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid)   JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid)   JOIN (SELECT i.indexrelid, i.indrelid, i.indisprimary,              information_schema._pg_expandarray(i.indkey) AS keys         FROM pg_catalog.pg_index i) i     ON (a.attnum = (i.keys).x AND a.attrelid = i.indrelid) WHERE true  AND n.nspname = 'public' AND ct.relname = 'docs' AND i.indisprimary  ORDER BY a.attnum
----
doc_id|20|-1
ts|1184|-1
====
SELECT n.nspname,c.relname,r.rolname,c.relacl  FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c, pg_catalog.pg_roles r  WHERE c.relnamespace = n.oid  AND c.relowner = r.oid  AND c.relkind IN ('r','p','v','m','f')  AND n.nspname LIKE 'public' AND c.relname LIKE 'docs' ORDER BY nspname, relname
----
public|docs|cvx|∅
====
SELECT n.nspname,c.relname,r.rolname,c.relacl, a.attacl,  a.attname  FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c,  pg_catalog.pg_roles r, pg_catalog.pg_attribute a  WHERE c.relnamespace = n.oid  AND c.relowner = r.oid  AND c.oid = a.attrelid  AND c.relkind = 'r'  AND a.attnum > 0 AND NOT a.attisdropped  AND n.nspname = 'public' AND c.relname = 'docs' AND a.attname LIKE '%' ORDER BY attname
----
public|docs|cvx|∅|∅|doc_id
public|docs|cvx|∅|∅|embedding
public|docs|cvx|∅|∅|label
public|docs|cvx|∅|∅|meta
public|docs|cvx|∅|∅|price
public|docs|cvx|∅|∅|tags
public|docs|cvx|∅|∅|title
public|docs|cvx|∅|∅|ts
====
SELECT t.typlen FROM pg_catalog.pg_type t, pg_catalog.pg_namespace n WHERE t.typnamespace=n.oid AND t.typname='name' AND n.nspname='pg_catalog'
----
64
====
SELECT c.oid, a.attnum, a.attname, c.relname, n.nspname, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), a.attidentity != '' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%' FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (c.oid = a.attrelid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef d ON (d.adrelid = a.attrelid AND d.adnum = a.attnum) JOIN (SELECT 16396 AS oid , 1 AS attnum UNION ALL SELECT 16396, 2 UNION ALL SELECT 16396, 3 UNION ALL SELECT 16396, 4 UNION ALL SELECT 16396, 5 UNION ALL SELECT 16396, 6 UNION ALL SELECT 16396, 7 UNION ALL SELECT 16396, 8) vals ON (c.oid = vals.oid AND a.attnum = vals.attnum)
----
16396|1|doc_id|docs|public|t|∅
16396|2|ts|docs|public|t|∅
16396|3|title|docs|public|f|f
16396|4|meta|docs|public|f|∅
16396|5|label|docs|public|t|f
16396|6|price|docs|public|f|∅
16396|7|tags|docs|public|f|∅
16396|8|embedding|docs|public|f|∅
====
