-- production: copy_in
-- error: option "colour" not recognized
COPY docs FROM STDIN (FORMAT csv, colour 'red')

-- production: copy_in
-- error: conflicting or redundant options
COPY docs FROM STDIN (FORMAT csv, FORMAT text)

-- production: copy_in
-- error: syntax error at or near "FROM"
COPY (SELECT 1) FROM STDIN

-- production: copy_out
-- error: syntax error at or near "docs"
COPY docs TO docs

-- production: copy_in
-- error: takes a Boolean value
COPY docs FROM STDIN (FREEZE maybe)
