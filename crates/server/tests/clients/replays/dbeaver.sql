SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE 1 = 1 AND datallowconn AND NOT datistemplate OR db.datname =$1
ORDER BY db.datname
-- params: $1 = 'cvx'
----
16386|16386|cvx|10|6|c|f|t|-1|0|0|1663|C|C|∅|∅|∅|∅
====
SELECT current_schema(),session_user
----
public|cvx
====
SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass
 ORDER BY nspname
----
13212|13212|information_schema|10|∅|∅
11|11|pg_catalog|10|∅|system catalog schema
2200|2200|public|10|∅|standard public schema
====
SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description
FROM pg_catalog.pg_type t
LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem 
LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid
LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid
WHERE t.typname IS NOT NULL
AND (c.relkind IS NULL OR c.relkind = 'c')
AND (et.typcategory IS NULL OR et.typcategory <> 'C')
-- only: |vector|
----
16401|16401|vector|2200|10|-1|f|b|U|f|t|,|0|-|0|16402|vector_in|vector_out|vector_recv|vector_send|vector_typmod_in|-|-|i|e|f|0|-1|0|0|∅|∅|∅|∅|∅|∅
====
SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name FROM pg_catalog.pg_type t
LEFT OUTER JOIN pg_class c ON c.oid=t.typrelid
LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid
WHERE t.typname=$1 
-- params: $1 = 'vector'
----
16401|16401|vector|2200|10|-1|f|b|U|f|t|,|0|-|0|16402|vector_in|vector_out|vector_recv|vector_send|vector_typmod_in|-|-|i|e|f|0|-1|0|0|∅|∅|∅|∅|∅
====
select * from pg_catalog.pg_settings where name=$1
-- params: $1 = 'standard_conforming_strings'
----
standard_conforming_strings|on|∅||Backslashes are plain.|∅|user|bool|default|∅|∅|∅|∅|∅|∅|∅|f
====
SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr,  pg_catalog.pg_get_partkeydef(c.oid) as partition_key 
FROM pg_catalog.pg_class c
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass
WHERE c.relnamespace=$1 AND c.relkind not in ('i','I','c')
-- params: $1 = '2200'
----
16500|16500|docs|2200|536887412|0|10|2|16500|0|0|-1|0|0|t|f|p|r|8|0|f|f|f|f|f|t|d|f|0|0|0|∅|{entity=doc_id,valid_time=ts}|∅|Documents over time|∅|∅
16503|16503|items|2200|536887415|0|10|2|16503|0|0|-1|0|0|t|f|p|r|3|0|f|f|f|f|f|t|d|f|0|0|0|∅|∅|∅|∅|∅|∅
268435457|268435457|items_id_seq|2200|0|0|10|0|268435457|0|0|-1|0|0|f|f|p|S|3|0|f|f|f|f|f|t|n|f|0|0|0|∅|∅|∅|∅|∅|∅
16505|16505|notes|2200|536887417|0|10|2|16505|0|0|-1|0|0|f|f|p|r|1|0|f|f|f|f|f|t|d|f|0|0|0|∅|∅|∅|∅|∅|∅
16506|16506|recent|2200|536887418|0|10|0|0|0|0|0|0|0|f|f|p|v|2|0|t|f|f|f|f|t|n|f|0|0|0|∅|∅|∅|∅|∅|∅
====
SELECT c.relname,a.*,pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value,dsc.description,dep.objid
FROM pg_catalog.pg_attribute a
INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid)
LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum)
LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid)
LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
WHERE NOT a.attisdropped AND c.relkind not in ('i','I','c') AND c.oid=$1
ORDER BY a.attnum
-- params: $1 = '{docs}'
----
docs|16500|doc_id|20|8|1|-1|-1|0|t|d|p||t|f|f|||f|t|0|-1|0|∅|∅|∅|∅|∅|∅|∅
docs|16500|ts|1184|8|2|-1|-1|0|t|d|p||t|f|f|||f|t|0|-1|0|∅|∅|∅|∅|∅|∅|∅
docs|16500|title|25|-1|3|-1|-1|0|f|i|x||f|t|f|||f|t|0|-1|100|∅|∅|∅|∅|'untitled'|∅|∅
docs|16500|meta|3802|-1|4|-1|-1|0|f|i|x||f|f|f|||f|t|0|-1|0|∅|∅|∅|∅|∅|∅|∅
docs|16500|label|1043|-1|5|-1|14|0|f|i|x||t|t|f|||f|t|0|-1|100|∅|∅|∅|∅|'x'|∅|∅
docs|16500|price|1700|-1|6|-1|655366|0|f|i|m||f|f|f|||f|t|0|-1|0|∅|∅|∅|∅|∅|∅|∅
docs|16500|tags|1009|-1|7|-1|-1|1|f|i|x||f|f|f|||f|t|0|-1|100|∅|∅|∅|∅|∅|∅|∅
docs|16500|embedding|16401|-1|8|-1|3|0|f|i|e||f|f|f|||f|t|0|-1|0|∅|∅|∅|∅|∅|∅|∅
====
SELECT c.oid,c.*,t.relname as tabrelname,rt.relnamespace as refnamespace,d.description, case when c.contype='c' then "substring"(pg_get_constraintdef(c.oid), 7) else null end consrc_copy
FROM pg_catalog.pg_constraint c
INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid
LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid=c.confrelid
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_constraint'::regclass
WHERE t.relnamespace=$1
ORDER BY c.oid
-- params: $1 = '2200'
----
1342193781|1342193781|docs_pkey|2200|p|f|f|t|16500|0|16501|0|0| | | |t|0|t|{1,2}|∅|∅|∅|∅|∅|∅|∅|docs|∅|∅|∅
1342193784|1342193784|items_pkey|2200|p|f|f|t|16503|0|16504|0|0| | | |t|0|t|{1}|∅|∅|∅|∅|∅|∅|∅|items|∅|∅|∅
====
SELECT i.*,i.indkey as keys,c.relname,c.relnamespace,c.relam,c.reltablespace,tc.relname as tabrelname,dsc.description,pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr,pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr,pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size,pg_catalog.pg_stat_get_numscans(i.indexrelid) as index_num_scans
FROM pg_catalog.pg_index i
INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid
INNER JOIN pg_catalog.pg_class tc ON tc.oid=i.indrelid
LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid=dsc.objoid
WHERE  i.indrelid=$1 ORDER BY c.relname
-- params: $1 = '{docs}'
----
16502|16500|1|1|f|f|f|f|t|f|t|f|t|t|f|8|0|9303|0|∅|∅|8|docs_embedding_idx|2200|9400|0|docs|∅|∅|∅|∅|∅
16501|16500|2|2|t|f|t|f|t|f|t|f|t|t|f|1 2|0 0|3124 3127|0 0|∅|∅|1 2|docs_pkey|2200|403|0|docs|∅|∅|∅|0|∅
====
select c.oid,pg_catalog.pg_total_relation_size(c.oid) as total_rel_size,pg_catalog.pg_relation_size(c.oid) as rel_size
FROM pg_class c
WHERE c.relnamespace=$1
-- params: $1 = '2200'
----
16500|∅|∅
16501|0|0
16502|∅|∅
16503|∅|∅
16504|0|0
268435457|0|0
16505|∅|∅
16506|0|0
====
SELECT p.oid as poid,p.*,pg_catalog.pg_get_expr(p.proargdefaults, 0) as arg_defaults,d.description
FROM pg_catalog.pg_proc p
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=p.oid and d.classoid='pg_proc'::regclass  AND d.objsubid = 0
WHERE p.pronamespace=$1
ORDER BY p.proname
-- params: $1 = '2200'
-- only: |l1_distance|
----
9013|9013|l1_distance|2200|10|13|1|0|0|-|f|f|f|t|f|i|s|2|0|701|16401 16401|∅|∅|∅|∅|∅|l1_distance|∅|∅|∅|∅|∅|sum of absolute differences
9049|9049|l1_distance|2200|10|13|1|0|0|-|f|f|f|t|f|i|s|2|0|701|16403 16403|∅|∅|∅|∅|∅|l1_distance|∅|∅|∅|∅|∅|sum of absolute differences
9079|9079|l1_distance|2200|10|13|1|0|0|-|f|f|f|t|f|i|s|2|0|701|16405 16405|∅|∅|∅|∅|∅|l1_distance|∅|∅|∅|∅|∅|sum of absolute differences
====
SELECT a.oid,a.*,pd.description FROM pg_catalog.pg_roles a 
left join pg_catalog.pg_shdescription pd on a.oid = pd.objoid
ORDER BY a.rolname
----
10|cvx|t|t|t|t|t|t|-1|********|∅|t|∅|10|∅
6181|pg_read_all_data|f|t|f|f|f|f|-1|********|∅|f|∅|6181|∅
4569|pg_read_server_files|f|t|f|f|f|f|-1|********|∅|f|∅|4569|∅
6182|pg_write_all_data|f|t|f|f|f|f|-1|********|∅|f|∅|6182|∅
====
SELECT am.oid,am.* FROM pg_catalog.pg_am am 
ORDER BY am.oid
----
2|2|heap|3|t
403|403|btree|330|i
9400|9400|hnsw|-|i
9401|9401|ivfflat|-|i
====
SELECT c.contoencoding as encid,pg_catalog.pg_encoding_to_char(c.contoencoding) as encname
FROM pg_catalog.pg_conversion c
GROUP BY c.contoencoding
ORDER BY 2
----
====
SELECT c.oid,c.* FROM pg_catalog.pg_collation c 
ORDER BY c.oid
----
100|100|default|11|10|d|t|-1|∅|∅|∅|∅|∅
950|950|C|11|10|c|t|-1|C|C|∅|∅|∅
951|951|POSIX|11|10|c|t|-1|POSIX|POSIX|∅|∅|∅
====
SELECT l.oid,l.* FROM pg_catalog.pg_language l 
ORDER BY l.oid
----
12|12|internal|10|f|f|0|0|0|∅
13|13|c|10|f|f|0|0|0|∅
14|14|sql|10|f|t|0|0|0|∅
====
SELECT t.oid,t.*,pg_tablespace_location(t.oid) loc
FROM pg_catalog.pg_tablespace t 
ORDER BY t.oid
----
1663|1663|pg_default|10|∅|∅|
1664|1664|pg_global|10|∅|∅|
====
SELECT 
 e.oid,
 cfg.tbls,
  n.nspname as schema_name,
 e.* 
FROM 
 pg_catalog.pg_extension e 
 join pg_namespace n on n.oid =e.extnamespace
 left join  (
         select
            ARRAY_AGG(ns.nspname || '.' ||  cls.relname) tbls, oid_ext
          from
            (
            select
                unnest(e1.extconfig) oid , e1.oid oid_ext
            from
                pg_catalog.pg_extension e1 ) c 
                join    pg_class cls on cls.oid = c.oid 
                join pg_namespace ns on ns.oid = cls.relnamespace
            group by oid_ext        
         ) cfg on cfg.oid_ext = e.oid
ORDER BY e.oid
----
16400|∅|public|16400|vector|10|2200|t|0.8.0|∅|∅
====
SELECT x.oid,x.*,p.pronamespace as func_schema_id,d.description
FROM pg_catalog.pg_trigger x
LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid=x.tgfoid 
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=x.oid AND d.objsubid=0 
WHERE x.tgrelid = $1
-- params: $1 = '{docs}'
----
====
SELECT r.oid,r.*, pg_get_ruledef(r.oid) AS definition
FROM pg_rewrite r
WHERE r.ev_class={docs} AND r.rulename <> '_RETURN'::name
----
====
SELECT DISTINCT connamespace FROM pg_catalog.pg_constraint WHERE confrelid=$1
-- params: $1 = '{docs}'
----
====
SELECT i.*,c.relnamespace FROM pg_catalog.pg_inherits i,pg_catalog.pg_class c WHERE i.inhrelid=$1 AND c.oid=i.inhparent ORDER BY i.inhseqno
-- params: $1 = '{docs}'
----
====
select * from pg_catalog.pg_policies where schemaname=$1 and tablename=$2
-- params: $1 = 'public', $2 = 'docs'
----
====
SELECT db.datname,pg_database_size(db.oid) FROM pg_catalog.pg_database db WHERE db.datname = 'cvx'
----
cvx|∅
====
SELECT name,default_version,installed_version,comment FROM pg_catalog.pg_available_extensions ORDER BY name
----
vector|0.8.0|0.8.0|vector data type and hnsw access method
====
select description from pg_shdescription join pg_database on objoid = pg_database.oid where datname = $1
-- params: $1 = 'cvx'
----
====
