-- production: parameter
-- error: syntax error at end of input
SET cvx.valid_time

-- production: parameter
-- error: syntax error at end of input
SHOW

-- production: admin_call
-- error: syntax error at end of input
CALL cvx.compact('docs'
