SELECT  nspname
        FROM    pg_catalog.pg_namespace
        ORDER BY 1
----
information_schema
pg_catalog
public
====
SELECT  n.nspname schema_name,
                c.relname table_name
        FROM    pg_catalog.pg_class c
                LEFT JOIN pg_catalog.pg_namespace n
                    ON n.oid = c.relnamespace
        WHERE   c.relkind = ANY($1)
        ORDER BY 1,2
-- params: $1 = '{r,p,f}'
-- only: public
----
pg_catalog|pg_publication
pg_catalog|pg_publication_namespace
pg_catalog|pg_publication_rel
public|docs
public|items
public|notes
====
SELECT  nsp.nspname schema_name,
                        cls.relname table_name,
                        att.attname column_name,
                        att.atttypid::regtype::text type_name,
                        att.atthasdef AS has_default,
                        pg_catalog.pg_get_expr(def.adbin, def.adrelid, true) as default
                FROM    pg_catalog.pg_attribute att
                        INNER JOIN pg_catalog.pg_class cls
                            ON att.attrelid = cls.oid
                        INNER JOIN pg_catalog.pg_namespace nsp
                            ON cls.relnamespace = nsp.oid
                        LEFT OUTER JOIN pg_attrdef def
                            ON def.adrelid = att.attrelid
                            AND def.adnum = att.attnum
                WHERE   cls.relkind = ANY($1)
                        AND NOT att.attisdropped
                        AND att.attnum  > 0
                ORDER BY 1, 2, att.attnum
-- params: $1 = '{r,p,f}'
-- only: public
----
pg_catalog|pg_publication|oid|oid|f|∅
pg_catalog|pg_publication|pubname|name|f|∅
pg_catalog|pg_publication|pubowner|oid|f|∅
pg_catalog|pg_publication|puballtables|boolean|f|∅
pg_catalog|pg_publication|pubinsert|boolean|f|∅
pg_catalog|pg_publication|pubupdate|boolean|f|∅
pg_catalog|pg_publication|pubdelete|boolean|f|∅
pg_catalog|pg_publication|pubtruncate|boolean|f|∅
pg_catalog|pg_publication|pubviaroot|boolean|f|∅
pg_catalog|pg_publication_namespace|oid|oid|f|∅
pg_catalog|pg_publication_namespace|pnpubid|oid|f|∅
pg_catalog|pg_publication_namespace|pnnspid|oid|f|∅
pg_catalog|pg_publication_rel|oid|oid|f|∅
pg_catalog|pg_publication_rel|prpubid|oid|f|∅
pg_catalog|pg_publication_rel|prrelid|oid|f|∅
pg_catalog|pg_publication_rel|prqual|text|f|∅
pg_catalog|pg_publication_rel|prattrs|int2vector|f|∅
public|docs|doc_id|bigint|f|∅
public|docs|ts|timestamp with time zone|f|∅
public|docs|title|text|t|'untitled'
public|docs|meta|jsonb|f|∅
public|docs|label|character varying|t|'x'
public|docs|price|numeric|f|∅
public|docs|tags|text[]|f|∅
public|docs|embedding|vector|f|∅
public|items|id|bigint|t|nextval('items_id_seq'::regclass)
public|items|name|text|f|∅
public|items|embedding|vector|f|∅
public|notes|body|text|f|∅
====
SELECT d.datname
        FROM pg_catalog.pg_database d
        ORDER BY 1
----
cvx
====
SELECT s_p.nspname AS parentschema,
                       t_p.relname AS parenttable,
                       unnest((
                        select
                            array_agg(attname ORDER BY i)
                        from
                            (select unnest(confkey) as attnum, generate_subscripts(confkey, 1) as i) x
                            JOIN pg_catalog.pg_attribute c USING(attnum)
                            WHERE c.attrelid = fk.confrelid
                        )) AS parentcolumn,
                       s_c.nspname AS childschema,
                       t_c.relname AS childtable,
                       unnest((
                        select
                            array_agg(attname ORDER BY i)
                        from
                            (select unnest(conkey) as attnum, generate_subscripts(conkey, 1) as i) x
                            JOIN pg_catalog.pg_attribute c USING(attnum)
                            WHERE c.attrelid = fk.conrelid
                        )) AS childcolumn
                FROM pg_catalog.pg_constraint fk
                JOIN pg_catalog.pg_class      t_p ON t_p.oid = fk.confrelid
                JOIN pg_catalog.pg_namespace  s_p ON s_p.oid = t_p.relnamespace
                JOIN pg_catalog.pg_class      t_c ON t_c.oid = fk.conrelid
                JOIN pg_catalog.pg_namespace  s_c ON s_c.oid = t_c.relnamespace
                WHERE fk.contype = 'f'
----
====
SELECT n.nspname schema_name,
                        p.proname func_name,
                        p.proargnames,
                        COALESCE(proallargtypes::regtype[], proargtypes::regtype[])::text[],
                        p.proargmodes,
                        prorettype::regtype::text return_type,
                        p.prokind = 'a' is_aggregate,
                        p.prokind = 'w' is_window,
                        p.proretset is_set_returning,
                        d.deptype = 'e' is_extension,
                        pg_get_expr(proargdefaults, 0) AS arg_defaults
                FROM pg_catalog.pg_proc p
                        INNER JOIN pg_catalog.pg_namespace n
                            ON n.oid = p.pronamespace
                LEFT JOIN pg_depend d ON d.objid = p.oid and d.deptype = 'e'
                WHERE p.prorettype::regtype != 'trigger'::regtype
                ORDER BY 1, 2
-- only: public
----
public|adf_pvalue|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|adf_statistic|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|analogy|{,entity,t_ref,t_target,k,align,metric,entity,distance,ts,vector}|{regclass,anyelement,timestamp with time zone,timestamp with time zone,bigint,text,text,anyelement,double precision,timestamp with time zone,vector}|{i,i,i,i,i,i,i,t,t,t,t}|record|f|f|t|t|∅
public|anchor_projection|∅|{vector,vector[]}|∅|vector|f|f|f|t|∅
public|anchor_projection|∅|{vector,vector[],text}|∅|vector|f|f|f|t|∅
public|anchor_projection|{,entity,anchors,t1,t2,names,along,ts,anchor,coordinate}|{regclass,anyelement,vector[],timestamp with time zone,timestamp with time zone,text[],text,timestamp with time zone,text,double precision}|{i,i,i,i,i,i,i,t,t,t}|record|f|f|t|t|∅
public|avg|∅|{halfvec}|∅|halfvec|t|f|f|t|∅
public|avg|∅|{vector}|∅|vector|t|f|f|t|∅
public|backtest|{,confidence,steps_ahead,cases,method,error,coverage,cases,used}|{regclass,double precision,bigint,bigint,text,double precision,double precision,bigint,boolean}|{i,i,i,i,t,t,t,t,t}|record|f|f|t|t|∅
public|binary_quantize|∅|{halfvec}|∅|bit|f|f|f|t|∅
public|binary_quantize|∅|{vector}|∅|bit|f|f|f|t|∅
public|changepoints|{,entity,t1,t2,method,penalty,min_segment,mean_run,threshold,ts,severity,drift_vector,method,score}|{regclass,anyelement,timestamp with time zone,timestamp with time zone,text,text,bigint,double precision,double precision,timestamp with time zone,double precision,vector,text,double precision}|{i,i,i,i,i,i,i,i,i,t,t,t,t,t}|record|f|f|t|t|∅
public|cohort_drift|{,t1,t2,cohort,top,permutations,entities_before,entities_after,entities_both,shift,mean_shift,dispersion_before,dispersion_after,mmd_squared,p_value,auc,top_movers,top_drifts,bandwidth,wasserstein}|{regclass,timestamp with time zone,timestamp with time zone,text,bigint,bigint,bigint,bigint,bigint,double precision,vector,double precision,double precision,double precision,double precision,double precision,anyarray,double precision[],double precision,double precision}|{i,i,i,i,i,i,t,t,t,t,t,t,t,t,t,t,t,t,t,t}|record|f|f|t|t|∅
public|cosine_distance|∅|{halfvec,halfvec}|∅|double precision|f|f|f|t|∅
public|cosine_distance|∅|{vector,vector}|∅|double precision|f|f|f|t|∅
public|cosine_distance|∅|{sparsevec,sparsevec}|∅|double precision|f|f|f|t|∅
public|displacement|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|divergence|{,a,b,t1,t2,metric,penalty,min_segment,ts,distance,is_break,severity}|{regclass,anyelement,anyelement,timestamp with time zone,timestamp with time zone,text,text,bigint,timestamp with time zone,double precision,boolean,double precision}|{i,i,i,i,i,i,i,i,t,t,t,t}|record|f|f|t|t|∅
public|drift|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|drift|{,entity,t1,t2,interpolate,window,top,unit,from_ts,to_ts,l2,cosine,angular,rate,direction,dimensions,changes,shares}|{regclass,anyelement,timestamp with time zone,timestamp with time zone,text,interval,bigint,text,timestamp with time zone,timestamp with time zone,double precision,double precision,double precision,double precision,vector,integer[],double precision[],double precision[]}|{i,i,i,i,i,i,i,i,t,t,t,t,t,t,t,t,t,t}|record|f|f|t|t|∅
public|garch|∅|{vector,timestamp with time zone}|∅|double precision[]|t|f|f|t|∅
public|half_life|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|halfvec_add|∅|{halfvec,halfvec}|∅|halfvec|f|f|f|t|∅
public|halfvec_cmp|∅|{halfvec,halfvec}|∅|integer|f|f|f|t|∅
public|halfvec_concat|∅|{halfvec,halfvec}|∅|halfvec|f|f|f|t|∅
public|halfvec_eq|∅|{halfvec,halfvec}|∅|boolean|f|f|f|t|∅
public|halfvec_ge|∅|{halfvec,halfvec}|∅|boolean|f|f|f|t|∅
public|halfvec_gt|∅|{halfvec,halfvec}|∅|boolean|f|f|f|t|∅
public|halfvec_in|∅|{cstring,oid,integer}|∅|halfvec|f|f|f|t|∅
public|halfvec_le|∅|{halfvec,halfvec}|∅|boolean|f|f|f|t|∅
public|halfvec_lt|∅|{halfvec,halfvec}|∅|boolean|f|f|f|t|∅
public|halfvec_mul|∅|{halfvec,halfvec}|∅|halfvec|f|f|f|t|∅
public|halfvec_ne|∅|{halfvec,halfvec}|∅|boolean|f|f|f|t|∅
public|halfvec_negative_inner_product|∅|{halfvec,halfvec}|∅|double precision|f|f|f|t|∅
public|halfvec_out|∅|{halfvec}|∅|cstring|f|f|f|t|∅
public|halfvec_recv|∅|{internal,oid,integer}|∅|halfvec|f|f|f|t|∅
public|halfvec_send|∅|{halfvec}|∅|bytea|f|f|f|t|∅
public|halfvec_sub|∅|{halfvec,halfvec}|∅|halfvec|f|f|f|t|∅
public|halfvec_typmod_in|∅|{cstring[]}|∅|integer|f|f|f|t|∅
public|hamming_distance|∅|{bit,bit}|∅|double precision|f|f|f|t|∅
public|history|∅|{regclass,text,timestamp with time zone}|∅|record|f|f|t|t|∅
public|hurst|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|inner_product|∅|{halfvec,halfvec}|∅|double precision|f|f|f|t|∅
public|inner_product|∅|{sparsevec,sparsevec}|∅|double precision|f|f|f|t|∅
public|inner_product|∅|{vector,vector}|∅|double precision|f|f|f|t|∅
public|jaccard_distance|∅|{bit,bit}|∅|double precision|f|f|f|t|∅
public|l1_distance|∅|{sparsevec,sparsevec}|∅|double precision|f|f|f|t|∅
public|l1_distance|∅|{halfvec,halfvec}|∅|double precision|f|f|f|t|∅
public|l1_distance|∅|{vector,vector}|∅|double precision|f|f|f|t|∅
public|l2_distance|∅|{sparsevec,sparsevec}|∅|double precision|f|f|f|t|∅
public|l2_distance|∅|{halfvec,halfvec}|∅|double precision|f|f|f|t|∅
public|l2_distance|∅|{vector,vector}|∅|double precision|f|f|f|t|∅
public|l2_norm|∅|{halfvec}|∅|double precision|f|f|f|t|∅
public|l2_norm|∅|{sparsevec}|∅|double precision|f|f|f|t|∅
public|l2_normalize|∅|{vector}|∅|vector|f|f|f|t|∅
public|l2_normalize|∅|{sparsevec}|∅|sparsevec|f|f|f|t|∅
public|l2_normalize|∅|{halfvec}|∅|halfvec|f|f|f|t|∅
public|max_drawdown|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|path_length|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|predict|{,entity,t,confidence,method,vector,lower,upper,uncertainty,method}|{regclass,anyelement,timestamp with time zone,double precision,text,vector,vector,vector,vector,text}|{i,i,i,i,i,t,t,t,t,t}|record|f|f|t|t|∅
public|procrustes|{,t1,t2,origin,entity,mapped,distance,unmapped_distance,residual,unmapped,unexplained}|{regclass,timestamp with time zone,timestamp with time zone,text,anyelement,vector,double precision,double precision,double precision,double precision,double precision}|{i,i,i,i,t,t,t,t,t,t,t}|record|f|f|t|t|∅
public|realised_volatility|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|signature|∅|{vector,timestamp with time zone,bigint}|∅|double precision[]|t|f|f|t|∅
public|signature|{,entity,t1,t2,rank,depth,anchors,signature,dimensions,depth,points}|{regclass,anyelement,timestamp with time zone,timestamp with time zone,bigint,bigint,vector[],double precision[],bigint,bigint,bigint}|{i,i,i,i,i,i,i,t,t,t,t}|record|f|f|t|t|∅
public|signature|∅|{vector,timestamp with time zone}|∅|double precision[]|t|f|f|t|∅
public|signature_distance|∅|{double precision[],double precision[],bigint}|∅|double precision|f|f|f|t|∅
public|similarity|{,a,b,t1,t2,metric,band,rank,depth,frechet,dtw,signature_distance,points_a,points_b}|{regclass,anyelement,anyelement,timestamp with time zone,timestamp with time zone,text,double precision,bigint,bigint,double precision,double precision,double precision,bigint,bigint}|{i,i,i,i,i,i,i,i,i,t,t,t,t,t}|record|f|f|t|t|∅
public|sparsevec_cmp|∅|{sparsevec,sparsevec}|∅|integer|f|f|f|t|∅
public|sparsevec_eq|∅|{sparsevec,sparsevec}|∅|boolean|f|f|f|t|∅
public|sparsevec_ge|∅|{sparsevec,sparsevec}|∅|boolean|f|f|f|t|∅
public|sparsevec_gt|∅|{sparsevec,sparsevec}|∅|boolean|f|f|f|t|∅
public|sparsevec_in|∅|{cstring,oid,integer}|∅|sparsevec|f|f|f|t|∅
public|sparsevec_le|∅|{sparsevec,sparsevec}|∅|boolean|f|f|f|t|∅
public|sparsevec_lt|∅|{sparsevec,sparsevec}|∅|boolean|f|f|f|t|∅
public|sparsevec_ne|∅|{sparsevec,sparsevec}|∅|boolean|f|f|f|t|∅
public|sparsevec_negative_inner_product|∅|{sparsevec,sparsevec}|∅|double precision|f|f|f|t|∅
public|sparsevec_out|∅|{sparsevec}|∅|cstring|f|f|f|t|∅
public|sparsevec_recv|∅|{internal,oid,integer}|∅|sparsevec|f|f|f|t|∅
public|sparsevec_send|∅|{sparsevec}|∅|bytea|f|f|f|t|∅
public|sparsevec_typmod_in|∅|{cstring[]}|∅|integer|f|f|f|t|∅
public|subvector|∅|{halfvec,integer,integer}|∅|halfvec|f|f|f|t|∅
public|subvector|∅|{vector,integer,integer}|∅|vector|f|f|f|t|∅
public|sum|∅|{halfvec}|∅|halfvec|t|f|f|t|∅
public|sum|∅|{vector}|∅|vector|t|f|f|t|∅
public|trajectory|∅|{regclass,text,timestamp with time zone,timestamp with time zone}|∅|record|f|f|t|t|∅
public|variance_ratio|∅|{vector,timestamp with time zone,bigint}|∅|double precision|t|f|f|t|∅
public|variance_ratio|∅|{vector,timestamp with time zone}|∅|double precision|t|f|f|t|∅
public|vector_add|∅|{vector,vector}|∅|vector|f|f|f|t|∅
public|vector_cmp|∅|{vector,vector}|∅|integer|f|f|f|t|∅
public|vector_concat|∅|{vector,vector}|∅|vector|f|f|f|t|∅
public|vector_dims|∅|{halfvec}|∅|integer|f|f|f|t|∅
public|vector_dims|∅|{vector}|∅|integer|f|f|f|t|∅
public|vector_eq|∅|{vector,vector}|∅|boolean|f|f|f|t|∅
public|vector_ge|∅|{vector,vector}|∅|boolean|f|f|f|t|∅
public|vector_gt|∅|{vector,vector}|∅|boolean|f|f|f|t|∅
public|vector_in|∅|{cstring,oid,integer}|∅|vector|f|f|f|t|∅
public|vector_le|∅|{vector,vector}|∅|boolean|f|f|f|t|∅
public|vector_lt|∅|{vector,vector}|∅|boolean|f|f|f|t|∅
public|vector_mul|∅|{vector,vector}|∅|vector|f|f|f|t|∅
public|vector_ne|∅|{vector,vector}|∅|boolean|f|f|f|t|∅
public|vector_negative_inner_product|∅|{vector,vector}|∅|double precision|f|f|f|t|∅
public|vector_norm|∅|{vector}|∅|double precision|f|f|f|t|∅
public|vector_out|∅|{vector}|∅|cstring|f|f|f|t|∅
public|vector_recv|∅|{internal,oid,integer}|∅|vector|f|f|f|t|∅
public|vector_send|∅|{vector}|∅|bytea|f|f|f|t|∅
public|vector_sub|∅|{vector,vector}|∅|vector|f|f|f|t|∅
public|vector_typmod_in|∅|{cstring[]}|∅|integer|f|f|f|t|∅
public|velocity|{,entity,t,unit,ts,velocity,magnitude,acceleration}|{regclass,anyelement,timestamp with time zone,text,timestamp with time zone,vector,double precision,vector}|{i,i,i,i,t,t,t,t}|record|f|f|t|t|∅
public|velocity|∅|{vector,timestamp with time zone}|∅|vector|t|f|f|t|∅
====
SELECT n.nspname schema_name,
                           t.typname type_name
                    FROM   pg_catalog.pg_type t
                           INNER JOIN pg_catalog.pg_namespace n
                              ON n.oid = t.typnamespace
                    WHERE ( t.typrelid = 0  -- non-composite types
                            OR (  -- composite type, but not a table
                                  SELECT c.relkind = 'c'
                                  FROM pg_catalog.pg_class c
                                  WHERE c.oid = t.typrelid
                                )
                          )
                          AND NOT EXISTS( -- ignore array types
                                SELECT  1
                                FROM    pg_catalog.pg_type el
                                WHERE   el.oid = t.typelem AND el.typarray = t.oid
                              )
                          AND n.nspname <> 'pg_catalog'
                          AND n.nspname <> 'information_schema'
                    ORDER BY 1, 2
-- only: public
----
public|halfvec
public|sparsevec
public|vector
====
SELECT d.datname as "Name",
            pg_catalog.pg_get_userbyid(d.datdba) as "Owner",
            pg_catalog.pg_encoding_to_char(d.encoding) as "Encoding",
            d.datcollate as "Collate",
            d.datctype as "Ctype",
            pg_catalog.array_to_string(d.datacl, E'
') AS "Access privileges"
        FROM pg_catalog.pg_database d
        ORDER BY 1
----
cvx|cvx|UTF8|C|C|∅
====
SELECT * FROM unnest(current_schemas(true))
----
pg_catalog
public
====
