SELECT n.nspname as "Schema",
  o.oprname AS "Name",
  CASE WHEN o.oprkind='l' THEN NULL ELSE pg_catalog.format_type(o.oprleft, NULL) END AS "Left arg type",
  CASE WHEN o.oprkind='r' THEN NULL ELSE pg_catalog.format_type(o.oprright, NULL) END AS "Right arg type",
  pg_catalog.format_type(o.oprresult, NULL) AS "Result type",
  coalesce(pg_catalog.obj_description(o.oid, 'pg_operator'),
           pg_catalog.obj_description(o.oprcode, 'pg_proc')) AS "Description"
FROM pg_catalog.pg_operator o
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
WHERE n.nspname <> 'pg_catalog'
      AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_operator_is_visible(o.oid)
ORDER BY 1, 2, 3, 4
----
public|*|halfvec|halfvec|halfvec|multiply
public|*|vector|vector|vector|multiply
public|+|halfvec|halfvec|halfvec|add
public|+|vector|vector|vector|add
public|-|halfvec|halfvec|halfvec|subtract
public|-|vector|vector|vector|subtract
public|<|halfvec|halfvec|boolean|less than
public|<|sparsevec|sparsevec|boolean|less than
public|<|vector|vector|boolean|less than
public|<#>|halfvec|halfvec|double precision|inner product, negated
public|<#>|sparsevec|sparsevec|double precision|inner product, negated
public|<#>|vector|vector|double precision|inner product, negated
public|<%>|bit|bit|double precision|one minus the bits in common over the bits set
public|<+>|halfvec|halfvec|double precision|sum of absolute differences
public|<+>|sparsevec|sparsevec|double precision|sum of absolute differences
public|<+>|vector|vector|double precision|sum of absolute differences
public|<->|halfvec|halfvec|double precision|Euclidean distance
public|<->|sparsevec|sparsevec|double precision|Euclidean distance
public|<->|vector|vector|double precision|Euclidean distance
public|<=|halfvec|halfvec|boolean|less than or equal
public|<=|sparsevec|sparsevec|boolean|less than or equal
public|<=|vector|vector|boolean|less than or equal
public|<=>|halfvec|halfvec|double precision|one minus the cosine of the angle
public|<=>|sparsevec|sparsevec|double precision|one minus the cosine of the angle
public|<=>|vector|vector|double precision|one minus the cosine of the angle
public|<>|halfvec|halfvec|boolean|not equal
public|<>|sparsevec|sparsevec|boolean|not equal
public|<>|vector|vector|boolean|not equal
public|<~>|bit|bit|double precision|how many bits differ
public|=|halfvec|halfvec|boolean|equal
public|=|sparsevec|sparsevec|boolean|equal
public|=|vector|vector|boolean|equal
public|>|halfvec|halfvec|boolean|greater than
public|>|sparsevec|sparsevec|boolean|greater than
public|>|vector|vector|boolean|greater than
public|>=|halfvec|halfvec|boolean|greater than or equal
public|>=|sparsevec|sparsevec|boolean|greater than or equal
public|>=|vector|vector|boolean|greater than or equal
public||||halfvec|halfvec|halfvec|concatenate
public||||vector|vector|vector|concatenate
====
