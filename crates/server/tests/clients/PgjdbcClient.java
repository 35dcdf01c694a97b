// pgjdbc, in both query modes, both formats and with server-side prepared statements.
//
//     java -cp postgresql.jar PgjdbcClient.java PORT

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGResultSetMetaData;
import org.postgresql.PGStatement;
import org.postgresql.copy.CopyManager;
import org.postgresql.ds.PGConnectionPoolDataSource;
import org.postgresql.util.PGobject;

class PgjdbcClient {
    static int checks = 0;
    static int failed = 0;
    static String server;

    interface Work {
        void run() throws Exception;
    }

    static void same(Object found, Object expected) {
        checks++;
        if (!Objects.deepEquals(found, expected)) {
            throw new AssertionError("found " + shown(found) + ", expected " + shown(expected));
        }
    }

    static String shown(Object value) {
        return value instanceof Object[] many ? Arrays.deepToString(many) : String.valueOf(value);
    }

    static void refused(String state, Work work) throws Exception {
        checks++;
        try {
            work.run();
        } catch (SQLException error) {
            if (!state.equals(error.getSQLState())) {
                throw new AssertionError(error.getSQLState() + " for " + state, error);
            }
            return;
        }
        throw new AssertionError(state + " expected");
    }

    static Connection connect(String options) throws SQLException {
        return DriverManager.getConnection(server + "?user=cvx&" + options);
    }

    static PGobject vector(String text) throws SQLException {
        var vector = new PGobject();
        vector.setType("vector");
        vector.setValue(text);
        return vector;
    }

    static OffsetDateTime day(int n) {
        return OffsetDateTime.of(2024, 1, 1, 0, 0, 0, 0, ZoneOffset.UTC).plusDays(n);
    }

    /** A statement's rows, each a list of what getObject gives. */
    static List<List<Object>> rows(ResultSet set) throws SQLException {
        var rows = new ArrayList<List<Object>>();
        while (set.next()) {
            var row = new ArrayList<Object>();
            for (int n = 1; n <= set.getMetaData().getColumnCount(); n++) {
                row.add(set.getObject(n));
            }
            rows.add(row);
        }
        return rows;
    }

    static List<List<Object>> rows(Connection conn, String sql, Object... params)
            throws SQLException {
        try (var statement = conn.prepareStatement(sql)) {
            for (int n = 0; n < params.length; n++) {
                statement.setObject(n + 1, params[n]);
            }
            return rows(statement.executeQuery());
        }
    }

    static Object one(Connection conn, String sql, Object... params) throws SQLException {
        return rows(conn, sql, params).get(0).get(0);
    }

    static void run(Connection conn, String sql) throws SQLException {
        try (var statement = conn.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Every type as a parameter and back. From the fifth run on the driver asks for binary. */
    static void types(Connection conn, boolean extended) throws SQLException {
        var values = new LinkedHashMap<String, Object>();
        values.put("boolean", true);
        values.put("smallint", -32768);
        values.put("integer", Integer.MAX_VALUE);
        values.put("bigint", Long.MIN_VALUE);
        values.put("real", 1.5f);
        values.put("double precision", 0.1);
        values.put("numeric", new BigDecimal("-12345.678"));
        values.put("text", "tab\t, quote ' and back\\slash, ünïcödé");
        if (extended) {
            // The driver cannot write bytes into a simple query.
            values.put("bytea", new byte[] {0, 1, 39, 92, -1});
        }
        values.put("uuid", UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
        for (var each : values.entrySet()) {
            try (var statement = conn.prepareStatement("SELECT ?::" + each.getKey())) {
                for (int n = 0; n < 7; n++) {
                    statement.setObject(1, each.getValue());
                    same(rows(statement.executeQuery()).get(0).get(0), each.getValue());
                    statement.setObject(1, null);
                    same(rows(statement.executeQuery()).get(0).get(0), null);
                }
            }
        }
        times(conn);
        arrays(conn);
    }

    static void times(Connection conn) throws SQLException {
        var values = new LinkedHashMap<String, Object>();
        values.put("date", LocalDate.of(1969, 7, 20));
        values.put("time", LocalTime.of(20, 17, 40, 123_456_000));
        values.put("timestamp", LocalDateTime.of(1969, 7, 20, 20, 17, 40, 123_456_000));
        values.put("timestamptz", day(59).plusNanos(789_000_000));
        for (var each : values.entrySet()) {
            var value = each.getValue();
            try (var statement = conn.prepareStatement("SELECT ?::" + each.getKey())) {
                for (int n = 0; n < 7; n++) {
                    statement.setObject(1, value);
                    var found = statement.executeQuery();
                    found.next();
                    same(found.getObject(1, value.getClass()), value);
                }
            }
        }
        same(one(conn, "SELECT interval '3 days 04:00:00.000005'").toString(),
            "0 years 0 mons 3 days 4 hours 0 mins 0.000005 secs");
    }

    static void arrays(Connection conn) throws SQLException {
        Object[][] cases = {
            {"int4", new Integer[] {1, null, 3}},
            {"int8", new Long[] {}},
            {"float8", new Double[] {0.5, -1.0}},
            {"text", new String[] {"a,b", "", null, "q\"uote"}},
            {"bool", new Boolean[] {true, false}},
        };
        for (var each : cases) {
            try (var statement = conn.prepareStatement("SELECT ?::" + each[0] + "[]")) {
                for (int n = 0; n < 7; n++) {
                    statement.setArray(1, conn.createArrayOf((String) each[0], (Object[]) each[1]));
                    var found = statement.executeQuery();
                    found.next();
                    same(found.getArray(1).getArray(), each[1]);
                }
            }
        }
    }

    static void tables(Connection conn) throws SQLException {
        run(conn, "DROP TABLE IF EXISTS jdocs, jitems");
        run(conn, "CREATE TABLE jdocs (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, n INTEGER,"
            + " price NUMERIC(10, 2), embedding VECTOR(3), PRIMARY KEY (doc_id, ts))"
            + " WITH (entity = 'doc_id', valid_time = 'ts', metric = 'l2')");
        run(conn, "CREATE TABLE jitems (id BIGSERIAL PRIMARY KEY, name VARCHAR(20) NOT NULL)");
        run(conn, "COMMENT ON TABLE jdocs IS 'from Java'");
    }

    static final String INSERT =
        "INSERT INTO jdocs (doc_id, ts, title, n, price, embedding) VALUES (?, ?, ?, ?, ?, ?)";

    static void row(PreparedStatement insert, long doc, int n) throws SQLException {
        insert.setLong(1, doc);
        insert.setObject(2, day(n));
        insert.setString(3, "doc " + n);
        insert.setInt(4, n);
        insert.setBigDecimal(5, new BigDecimal(n + ".50"));
        insert.setObject(6, vector("[" + n + ",0,1]"));
        insert.addBatch();
    }

    static void writing(Connection conn, String options) throws Exception {
        try (var insert = conn.prepareStatement(INSERT)) {
            for (int n = 0; n < 50; n++) {
                row(insert, 1 + n % 5, n);
            }
            same(Arrays.stream(insert.executeBatch()).filter(n -> n == 1 || n == -2).count(), 50L);
        }
        // The driver makes one INSERT of many rows out of a batch.
        try (var other = connect("reWriteBatchedInserts=true&" + options);
                var insert = other.prepareStatement(INSERT)) {
            for (int n = 50; n < 150; n++) {
                row(insert, 1 + n % 5, n);
            }
            same(insert.executeBatch().length, 100);
        }
        same(one(conn, "SELECT count(*) FROM jdocs"), 150L);
        // A batch of which one statement fails, in a block: none of it is kept.
        conn.setAutoCommit(false);
        try (var insert = conn.prepareStatement(INSERT)) {
            row(insert, 900, 1);
            row(insert, 1, 0);
            insert.setString(3, "other");
            insert.addBatch();
            insert.executeBatch();
            throw new AssertionError("a batch with a bad row was taken");
        } catch (BatchUpdateException error) {
            same(error.getSQLState(), "23505");
        }
        conn.rollback();
        conn.setAutoCommit(true);
        same(one(conn, "SELECT count(*) FROM jdocs"), 150L);
        var keys = "INSERT INTO jitems (name) VALUES ('a'), ('b')";
        try (var insert = conn.prepareStatement(keys, Statement.RETURN_GENERATED_KEYS)) {
            same(insert.executeUpdate(), 2);
            var made = rows(insert.getGeneratedKeys());
            same(made, List.of(List.of(1L, "a"), List.of(2L, "b")));
        }
        try (var insert = conn.prepareStatement(keys, new String[] {"id"})) {
            insert.executeUpdate();
            same(rows(insert.getGeneratedKeys()).size(), 2);
        }
        try (var update = conn.prepareStatement("UPDATE jdocs SET title = ? WHERE doc_id = ?")) {
            update.setString(1, "five");
            update.setLong(2, 5);
            same(update.executeUpdate(), 30);
        }
        try (var delete = conn.prepareStatement("DELETE FROM jitems WHERE id > ?")) {
            delete.setInt(1, 3);
            same(delete.executeUpdate(), 1);
        }
    }

    /** A result set that writes: the driver asks for the primary key and sends the UPDATE. */
    static void updatable(Connection conn) throws SQLException {
        try (var statement = conn.createStatement(
                ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
            var set = statement.executeQuery("SELECT id, name FROM jitems ORDER BY id");
            set.last();
            same(set.getRow(), 3);
            set.absolute(2);
            set.updateString("name", "bee");
            set.updateRow();
            set.moveToInsertRow();
            set.updateLong("id", 77);
            set.updateString("name", "new");
            set.insertRow();
            set.first();
            set.deleteRow();
        }
        same(rows(conn, "SELECT id, name FROM jitems WHERE id IN (1, 2, 77) ORDER BY id"),
            List.of(List.of(2L, "bee"), List.of(77L, "new")));
    }

    /** Few rows at a time: Execute with a limit on a portal that stays open in the block. */
    static void fetching(Connection conn, boolean extended) throws Exception {
        var sql = "SELECT x, x::text AS t FROM generate_series(1, 5000) AS g(x)";
        conn.setAutoCommit(false);
        try (var statement = conn.prepareStatement(sql)) {
            statement.setFetchSize(7);
            var set = statement.executeQuery();
            long sum = 0;
            while (set.next()) {
                sum += set.getLong(1);
                same(set.getString(2), String.valueOf(set.getLong(1)));
                if (set.getRow() == 100) {
                    // Another statement between two pieces of the first.
                    same(one(conn, "SELECT 1"), 1);
                }
            }
            same(sum, 5000L * 5001 / 2);
            if (extended) {
                // In simple queries the driver does not ask for fewer.
                statement.setMaxRows(10);
                same(rows(statement.executeQuery()).size(), 10);
            }
        }
        conn.commit();
        run(conn, "DECLARE c SCROLL CURSOR FOR SELECT id FROM jitems ORDER BY id");
        same(rows(conn, "FETCH 2 FROM c"), List.of(List.of(2L), List.of(3L)));
        same(rows(conn, "FETCH LAST FROM c").size(), 1);
        same(rows(conn, "FETCH PRIOR FROM c").size(), 1);
        run(conn, "CLOSE c");
        conn.commit();
        conn.setAutoCommit(true);
    }

    static void copying(Connection conn) throws Exception {
        CopyManager copy = conn.unwrap(PGConnection.class).getCopyAPI();
        var into = "COPY jdocs (doc_id, ts, title, embedding) FROM STDIN";
        var text = new StringBuilder();
        for (int n = 0; n < 200; n++) {
            text.append(100 + n % 10).append('\t').append(day(n)).append("\tcopied\t[")
                .append(n).append(",1,2]\n");
        }
        var bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        same(copy.copyIn(into, new ByteArrayInputStream(bytes)), 200L);
        var csv = "300,2024-01-01,\"a,b\",\"[1,2,3]\"\n301,2024-01-01,,\n";
        var stream = new ByteArrayInputStream(csv.getBytes(StandardCharsets.UTF_8));
        same(copy.copyIn(into + " WITH (FORMAT csv)", stream), 2L);
        var out = new ByteArrayOutputStream();
        var query = "SELECT doc_id, title, embedding FROM jdocs WHERE doc_id >= 300 ORDER BY 1";
        same(copy.copyOut("COPY (" + query + ") TO STDOUT WITH (FORMAT csv)", out), 2L);
        same(out.toString(StandardCharsets.UTF_8), "300,\"a,b\",\"[1,2,3]\"\n301,,\n");
        var all = "SELECT doc_id, ts, title, embedding FROM jdocs WHERE doc_id >= 100";
        var binary = new ByteArrayOutputStream();
        copy.copyOut("COPY (" + all + ") TO STDOUT WITH (FORMAT binary)", binary);
        run(conn, "DELETE FROM jdocs WHERE doc_id >= 100");
        var back = new ByteArrayInputStream(binary.toByteArray());
        run(conn, "SET cvx.force = on");
        same(copy.copyIn(into + " WITH (FORMAT binary)", back), 202L);
        run(conn, "RESET cvx.force");
        same(one(conn, "SELECT count(*) FROM jdocs WHERE doc_id >= 100"), 202L);
        var bad = new ByteArrayInputStream("1\tnever\tx\t[1,2,3]\n".getBytes());
        refused("22007", () -> copy.copyIn(into, bad));
        same(one(conn, "SELECT 1"), 1);
        run(conn, "DELETE FROM jdocs WHERE doc_id >= 100");
    }

    static void transactions(Connection conn, String options) throws Exception {
        var count = "SELECT count(*) FROM jitems";
        var before = (long) one(conn, count);
        try (var other = connect(options)) {
            conn.setAutoCommit(false);
            run(conn, "INSERT INTO jitems (name) VALUES ('x')");
            same(one(other, count), before);
            var savepoint = conn.setSavepoint("here");
            run(conn, "INSERT INTO jitems (name) VALUES ('y')");
            refused("23502", () -> run(conn, "INSERT INTO jitems (name) VALUES (NULL)"));
            refused("25P02", () -> one(conn, "SELECT 1"));
            conn.rollback(savepoint);
            same(one(conn, count), before + 1);
            var unnamed = conn.setSavepoint();
            run(conn, "INSERT INTO jitems (name) VALUES ('z')");
            conn.releaseSavepoint(unnamed);
            conn.commit();
            same(one(other, count), before + 2);
            run(conn, "DELETE FROM jitems");
            conn.rollback();
            same(one(other, count), before + 2);
        }
        conn.setAutoCommit(true);
        same(conn.getTransactionIsolation(), Connection.TRANSACTION_REPEATABLE_READ);
        conn.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        refused("0A000",
            () -> conn.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE));
        conn.setReadOnly(true);
        conn.setAutoCommit(false);
        refused("25006", () -> run(conn, "DELETE FROM jitems"));
        conn.rollback();
        conn.setAutoCommit(true);
        conn.setReadOnly(false);
        // A savepoint before each statement, of the driver's own: a failure costs one statement.
        try (var saving = connect("autosave=always&" + options)) {
            saving.setAutoCommit(false);
            run(saving, "INSERT INTO jitems (name) VALUES ('kept')");
            refused("22012", () -> one(saving, "SELECT 1 / 0"));
            same(one(saving, "SELECT count(*) FROM jitems WHERE name = 'kept'"), 1L);
            saving.rollback();
        }
    }

    static void errors(Connection conn) throws Exception {
        refused("42P01", () -> one(conn, "SELECT * FROM missing WHERE id = ?", 1));
        refused("42703", () -> one(conn, "SELECT missing FROM jdocs"));
        refused("42601", () -> run(conn, "SELEC 1"));
        refused("22000", () -> run(conn, "INSERT INTO jdocs VALUES (9, now(), '', 1, 1, '[1,2]')"));
        refused("22P02", () -> one(conn, "SELECT 'x'::int"));
        refused("42883", () -> one(conn, "SELECT no_such(1)"));
        try (var statement = conn.createStatement()) {
            statement.setQueryTimeout(1);
            refused("57014", () -> statement.executeQuery(SLOW));
        }
        try (var statement = conn.createStatement()) {
            var timer = new Thread(() -> {
                try {
                    Thread.sleep(300);
                    statement.cancel();
                } catch (Exception error) {
                    error.printStackTrace();
                }
            });
            timer.start();
            refused("57014", () -> statement.executeQuery(SLOW));
            timer.join();
        }
        same(one(conn, "SELECT 1"), 1);
    }

    static final String SLOW = "SELECT count(*) FROM generate_series(1, 200000::bigint) AS a(x),"
        + " generate_series(1, 200000::bigint) AS b(y)";

    static List<List<Object>> picked(ResultSet set, String... names) throws SQLException {
        var rows = new ArrayList<List<Object>>();
        while (set.next()) {
            var row = new ArrayList<Object>();
            for (var name : names) {
                row.add(set.getString(name));
            }
            rows.add(row);
        }
        return rows;
    }

    static void metadata(Connection conn, boolean extended) throws SQLException {
        var meta = conn.getMetaData();
        same(meta.getDatabaseProductName(), "PostgreSQL");
        same(meta.getDatabaseMajorVersion(), 16);
        same(picked(meta.getTables(null, "public", "j%", new String[] {"TABLE"}),
            "TABLE_NAME", "REMARKS"),
            List.of(Arrays.asList("jdocs", "from Java"), Arrays.asList("jitems", null)));
        same(picked(meta.getColumns(null, "public", "jdocs", null),
            "COLUMN_NAME", "TYPE_NAME", "COLUMN_SIZE", "NULLABLE"), List.of(
            List.of("doc_id", "int8", "19", "0"), List.of("ts", "timestamptz", "35", "0"),
            List.of("title", "text", "2147483647", "1"), List.of("n", "int4", "10", "1"),
            List.of("price", "numeric", "10", "1"),
            List.of("embedding", "vector", "2147483647", "1")));
        same(picked(meta.getColumns(null, "public", "jitems", "%"),
            "COLUMN_NAME", "TYPE_NAME", "COLUMN_SIZE", "IS_AUTOINCREMENT"), List.of(
            List.of("id", "bigserial", "19", "YES"), List.of("name", "varchar", "20", "NO")));
        same(picked(meta.getPrimaryKeys(null, "public", "jdocs"), "COLUMN_NAME", "KEY_SEQ"),
            List.of(List.of("doc_id", "1"), List.of("ts", "2")));
        same(picked(meta.getIndexInfo(null, "public", "jitems", false, false),
            "INDEX_NAME", "NON_UNIQUE", "COLUMN_NAME"), List.of(List.of("jitems_pkey", "f", "id")));
        same(picked(meta.getSchemas(), "TABLE_SCHEM").contains(List.of("public")), true);
        same(picked(meta.getCatalogs(), "TABLE_CAT"), List.of(List.of("cvx")));
        same(picked(meta.getTypeInfo(), "TYPE_NAME").contains(List.of("vector")), true);
        same(picked(meta.getFunctions(null, "public", "cosine_distance"), "FUNCTION_NAME").size(),
            3);
        same(rows(meta.getFunctionColumns(null, "public", "l2_norm", null)).isEmpty(), false);
        same(rows(meta.getProcedures(null, null, "no_such")).size(), 0);
        same(rows(meta.getTablePrivileges(null, "public", "jdocs")).isEmpty(), false);
        same(rows(meta.getColumnPrivileges(null, "public", "jdocs", null)).isEmpty(), false);
        same(picked(meta.getBestRowIdentifier(null, "public", "jitems", 0, true), "COLUMN_NAME"),
            List.of(List.of("id")));
        same(rows(meta.getVersionColumns(null, "public", "jitems")).isEmpty(), false);
        same(picked(meta.getUDTs(null, "public", "jitems", null), "TYPE_NAME"),
            List.of(List.of("jitems")));
        same(rows(meta.getClientInfoProperties()).isEmpty(), false);
        // There are none to be found, by queries that the driver has for them.
        same(rows(meta.getImportedKeys(null, "public", "jitems")).size(), 0);
        same(rows(meta.getExportedKeys(null, "public", "jitems")).size(), 0);
        same(rows(meta.getCrossReference(null, "public", "jdocs", null, "public", "jitems"))
            .size(), 0);
        same(List.of(meta.getSQLKeywords().split(",")).contains("analyze"), true);
        same(meta.getMaxColumnNameLength(), 63);
        if (extended) {
            of_a_result(conn);
        }
    }

    /** What a result set and a statement say of themselves; the driver asks the catalog. */
    static void of_a_result(Connection conn) throws SQLException {
        var sql = "SELECT id, name FROM jitems WHERE id = ? AND name <> ?";
        try (var statement = conn.prepareStatement(sql)) {
            var params = statement.getParameterMetaData();
            same(params.getParameterTypeName(1), "int8");
            same(params.getParameterTypeName(2), "text");
            var meta = statement.getMetaData();
            same(meta.getColumnLabel(1), "id");
            same(meta.getColumnName(1), "id");
            same(meta.getTableName(1), "jitems");
            same(((PGResultSetMetaData) meta).getBaseSchemaName(2), "public");
            same(meta.isAutoIncrement(1), true);
            same(meta.isNullable(2), ResultSetMetaData.columnNoNulls);
            same(meta.getPrecision(2), 20);
            same(meta.getColumnClassName(1), "java.lang.Long");
        }
        var aliased = "SELECT i.id AS key, name AS label, id + 1 AS sum FROM jitems i WHERE id = ?";
        try (var statement = conn.prepareStatement(aliased)) {
            var meta = (PGResultSetMetaData) statement.getMetaData();
            same(meta.getBaseColumnName(1), "id");
            same(meta.getBaseTableName(1), "jitems");
            same(meta.getBaseColumnName(2), "name");
            same(meta.getBaseTableName(3), "");
        }
    }

    static void searching(Connection conn) throws SQLException {
        try (var statement = conn.prepareStatement(
                "SELECT n, embedding <-> ? AS d, embedding FROM jdocs"
                + " ORDER BY embedding <-> ? LIMIT ?")) {
            for (int n = 0; n < 7; n++) {
                statement.setObject(1, vector("[70,0,1]"));
                statement.setObject(2, vector("[70,0,1]"));
                statement.setInt(3, 3);
                var found = rows(statement.executeQuery());
                same(found.get(0), List.of(70, 0.0, vector("[70,0,1]")));
                same(found.get(1).get(1), 1.0);
                same(found.size(), 3);
            }
        }
        var as_of = "SELECT n FROM jdocs WHERE doc_id = ? AS OF ?";
        same(rows(conn, as_of, 1, day(12)), List.of(List.of(10)));
        same(rows(conn, as_of, 1, day(-1)), List.of());
        same(rows(conn, "SELECT n FROM jdocs ORDER BY embedding <-> ? LIMIT 9 AS OF ?",
            vector("[0,0,1]"), day(400)).size(), 5);
        same(rows(conn, "SELECT n FROM TRAJECTORY(jdocs, ?, ?, ?)", 2L, day(1), day(11)),
            List.of(List.of(1), List.of(6), List.of(11)));
    }

    /** Time travel for tools that send plain SQL only. */
    static void read_only_past(Connection conn) throws Exception {
        run(conn, "BEGIN READ ONLY; SET LOCAL cvx.valid_time = '2024-01-13'");
        same(rows(conn, "SELECT n FROM jdocs WHERE doc_id = 1"), List.of(List.of(10)));
        run(conn, "ROLLBACK");
        same(one(conn, "SELECT count(*) FROM jdocs WHERE doc_id = 1"), 30L);
    }

    static void pools(String options) throws Exception {
        var source = new PGConnectionPoolDataSource();
        source.setUrl(server + "?" + options);
        source.setUser("cvx");
        source.setDefaultAutoCommit(false);
        var pooled = source.getPooledConnection();
        try (var conn = pooled.getConnection()) {
            run(conn, "DELETE FROM jitems");
        }
        // Handed back without a commit: rolled back.
        try (var conn = pooled.getConnection()) {
            same((long) one(conn, "SELECT count(*) FROM jitems") > 0, true);
        }
        pooled.close();
        try (var conn = connect("prepareThreshold=1&" + options)) {
            run(conn, "SET statement_timeout = '7s'");
            for (int n = 0; n < 3; n++) {
                same(one(conn, "SELECT ?::int", n), n);
            }
            // Forgets the statements that the driver prepared; it notices and prepares again.
            run(conn, "DISCARD ALL");
            same(one(conn, "SHOW statement_timeout"), "0");
            same(one(conn, "SELECT ?::int", 9), 9);
            same(conn.isValid(5), true);
        }
    }

    static void prepared(Connection conn) throws SQLException {
        try (var statement = conn.prepareStatement("SELECT ?::int + 1")) {
            statement.unwrap(PGStatement.class).setPrepareThreshold(3);
            for (int n = 0; n < 6; n++) {
                statement.setInt(1, n);
                same(rows(statement.executeQuery()).get(0).get(0), n + 1);
            }
        }
        // From the third run on it is a statement of the server's.
        same(one(conn, "SELECT count(*) FROM pg_prepared_statements"
            + " WHERE statement = 'SELECT $1::int + 1'"), 1L);
        try (var statement = conn.prepareStatement("SELECT 1; SELECT 2, ?")) {
            statement.setString(1, "two");
            statement.execute();
            same(rows(statement.getResultSet()), List.of(List.of(1)));
            same(statement.getMoreResults(), true);
            same(rows(statement.getResultSet()), List.of(List.of(2, "two")));
        }
    }

    /** A part of the test; one that fails does not keep the others from running. */
    static void part(Connection conn, String options, String name, Work work) throws Exception {
        try {
            work.run();
        } catch (Exception | AssertionError error) {
            System.err.println("== " + name + " with " + options);
            error.printStackTrace();
            failed++;
            if (!conn.getAutoCommit()) {
                conn.rollback();
                conn.setAutoCommit(true);
            }
        }
    }

    static void all(String options, boolean extended) throws Exception {
        try (var conn = connect(options)) {
            tables(conn);
            var parts = new LinkedHashMap<String, Work>();
            parts.put("types", () -> types(conn, extended));
            parts.put("writing", () -> writing(conn, options));
            parts.put("updatable", () -> updatable(conn));
            parts.put("fetching", () -> fetching(conn, extended));
            parts.put("copying", () -> copying(conn));
            parts.put("transactions", () -> transactions(conn, options));
            parts.put("errors", () -> errors(conn));
            parts.put("metadata", () -> metadata(conn, extended));
            parts.put("searching", () -> searching(conn));
            parts.put("past", () -> read_only_past(conn));
            parts.put("prepared", () -> {
                if (extended) {
                    prepared(conn);
                }
            });
            parts.put("pools", () -> pools(options));
            for (var each : parts.entrySet()) {
                part(conn, options, each.getKey(), each.getValue());
            }
            run(conn, "DROP TABLE jdocs; DROP TABLE jitems");
        }
    }

    public static void main(String[] arguments) throws Exception {
        server = "jdbc:postgresql://127.0.0.1:" + arguments[0] + "/cvx";
        all("preferQueryMode=extended", true);
        all("prepareThreshold=1&binaryTransferEnable=1700", true);
        all("preferQueryMode=simple", false);
        System.out.println("pgjdbc: " + checks + " checks");
        System.exit(failed == 0 ? 0 : 1);
    }
}
