// node-postgres (npm `pg`) with pgvector's registration, and pg-copy-streams.
//
//     node node_client.mjs PORT [--plain]
//
// --plain leaves out what only ChronosVector has: so the rest can be checked against PostgreSQL.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

// The packages lie where `make setup` put them.
const require = createRequire(`${process.env.CVX_NODE ?? process.cwd()}/`);
const pg = require('pg');
const pgvector = require('pgvector/pg');
const copy = require('pg-copy-streams');

const port = Number(process.argv[2]);
const plain = process.argv.includes('--plain');
const settings = { host: '127.0.0.1', port, user: 'cvx', database: 'cvx' };
let checks = 0;

function same(found, expected) {
  checks += 1;
  assert.deepEqual(found, expected);
}

async function refused(state, run) {
  checks += 1;
  await assert.rejects(run, (error) => {
    assert.equal(error.code, state, `${error.code} for ${state}: ${error.message}`);
    return true;
  });
}

const day = (n) => new Date(Date.UTC(2024, 0, n));

async function types(client) {
  const values = {
    boolean: true,
    integer: 2 ** 31 - 1,
    bigint: '-9223372036854775808',
    'double precision': 0.1,
    numeric: '12345.678',
    text: 'tab\t, quote \' and back\\slash, ünïcödé',
    bytea: Buffer.from([0, 1, 255]),
    uuid: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    timestamptz: day(3),
    jsonb: { a: [1, null, 'ä'] },
    'integer[]': [1, null, 3],
    'text[]': ['a,b', '', null, 'q"uote'],
  };
  for (const [type, value] of Object.entries(values)) {
    const sql = `SELECT $1::${type} AS value, $2::${type} AS none`;
    const { rows } = await client.query(sql, [value, null]);
    same(rows, [{ value, none: null }]);
  }
  const { rows } = await client.query('SELECT $1::vector AS v', [pgvector.toSql([1.5, -2, 0])]);
  same(rows[0].v, [1.5, -2, 0]);
  const untyped = await client.query('SELECT $1::int AS n, $2 AS t', ['42', 'x']);
  same(untyped.rows, [{ n: 42, t: 'x' }]);
}

async function writing(client) {
  const options = plain ? '' : "WITH (entity = 'doc_id', valid_time = 'ts')";
  await client.query('DROP TABLE IF EXISTS noded');
  await client.query(`CREATE TABLE noded (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT,
    embedding VECTOR(3), PRIMARY KEY (doc_id, ts)) ${options}`);
  const insert = 'INSERT INTO noded VALUES ($1, $2, $3, $4)';
  for (let n = 1; n <= 5; n += 1) {
    const { rowCount, command } =
      await client.query(insert, [1, day(n), `one ${n}`, pgvector.toSql([n, 0, 0])]);
    same([rowCount, command], [1, 'INSERT']);
  }
  const returned =
    await client.query(`${insert} RETURNING doc_id, ts, title`, [2, day(1), null, null]);
  same(returned.rows, [{ doc_id: '2', ts: day(1), title: null }]);
  same(returned.fields.map((field) => [field.name, field.dataTypeID]),
    [['doc_id', 20], ['ts', 1184], ['title', 25]]);
  // A named statement is prepared once, and used again with other values.
  const named = { name: 'by-time', text: 'SELECT title FROM noded WHERE doc_id = $1 AND ts = $2' };
  for (const n of [1, 4]) {
    const { rows } = await client.query({ ...named, values: [1, day(n)] });
    same(rows, [{ title: `one ${n}` }]);
  }
  const array = await client.query({ text: 'SELECT 1, 2', rowMode: 'array' });
  same(array.rows, [[1, 2]]);
  const nearest = await client.query(
    'SELECT title FROM noded WHERE doc_id = 1 ORDER BY embedding <-> $1 LIMIT $2',
    [pgvector.toSql([4.2, 0, 0]), 2],
  );
  same(nearest.rows.map((row) => row.title), ['one 4', 'one 5']);
  const several = await client.query('SELECT 1 AS a; SELECT 2 AS b');
  same(several.map((result) => result.rows), [[{ a: 1 }], [{ b: 2 }]]);
}

async function errors(client) {
  for (const [state, sql] of [
    ['23505', "INSERT INTO noded VALUES (1, '2024-01-01', 'other', NULL)"],
    ['42P01', 'SELECT * FROM missing'],
    ['42703', 'SELECT missing FROM noded'],
    ['42601', 'SELEC'],
    ['22012', 'SELECT 1/0'],
  ]) {
    await refused(state, client.query(sql));
    await refused(state, client.query({ text: sql, values: [] }));
  }
  await client.query('BEGIN');
  await refused('22012', client.query('SELECT 1/$1::int', [0]));
  await refused('25P02', client.query('SELECT 1'));
  await client.query('ROLLBACK');
}

async function transactions(client, pool) {
  const count = 'SELECT count(*)::int AS n FROM noded WHERE doc_id = 7';
  await client.query('BEGIN');
  await client.query('INSERT INTO noded (doc_id, ts) VALUES (7, $1)', [day(1)]);
  same((await client.query(count)).rows[0].n, 1);
  same((await pool.query(count)).rows[0].n, 0);
  await client.query('COMMIT');
  same((await pool.query(count)).rows[0].n, 1);
  await client.query('BEGIN');
  await client.query('DELETE FROM noded WHERE doc_id = 7');
  await client.query('ROLLBACK');
  same((await pool.query(count)).rows[0].n, 1);
}

async function pooling(pool) {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => pool.query('SELECT $1::int AS n', [n])),
  );
  same(answers.map(({ rows }) => rows[0].n), Array.from({ length: 20 }, (_, n) => n));
  same(pool.totalCount <= 4, true);
}

async function copyIn(client, sql, chunks) {
  const stream = client.query(copy.from(sql));
  await pipeline(Readable.from(chunks), stream);
  return stream.rowCount;
}

async function copyOut(client, sql) {
  const chunks = [];
  const stream = client.query(copy.to(sql));
  for await (const chunk of stream) chunks.push(chunk);
  return { bytes: Buffer.concat(chunks), rowCount: stream.rowCount };
}

async function copying(client) {
  await client.query(
    'CREATE TABLE poured (id INT PRIMARY KEY, title TEXT, embedding VECTOR(2))');
  // Rows need not begin where the chunks do.
  const text = ['1\ta\\tb\t[1,', '2]\n2\t\\N\t', '\\N\n'];
  same(await copyIn(client, 'COPY poured FROM STDIN', text), 2);
  const csv = 'COPY poured (id, title) FROM STDIN WITH (FORMAT csv, HEADER true)';
  same(await copyIn(client, csv, ['id,title\n3,"with, comma"\n']), 1);
  const { rows } = await client.query('SELECT * FROM poured ORDER BY id');
  same(rows, [
    { id: 1, title: 'a\tb', embedding: [1, 2] },
    { id: 2, title: null, embedding: null },
    { id: 3, title: 'with, comma', embedding: null },
  ]);
  const all = 'COPY (SELECT * FROM poured ORDER BY id) TO STDOUT';
  const out = await copyOut(client, all);
  same(out.bytes.toString(), '1\ta\\tb\t[1,2]\n2\t\\N\t\\N\n3\twith, comma\t\\N\n');
  same(out.rowCount, 3);
  const quoted = await copyOut(client, `${all} WITH (FORMAT csv)`);
  same(quoted.bytes.toString(), '1,a\tb,"[1,2]"\n2,,\n3,"with, comma",\n');
  const binary = await copyOut(client, `${all} WITH (FORMAT binary)`);
  await client.query('DELETE FROM poured');
  same(await copyIn(client, 'COPY poured FROM STDIN WITH (FORMAT binary)', [binary.bytes]), 3);
  same((await client.query('SELECT * FROM poured ORDER BY id')).rows, rows);
  // A bad row, and a stream that breaks off: nothing is kept, and the connection goes on.
  await refused('22P02', copyIn(client, 'COPY poured (id) FROM STDIN', ['8\nx\n']));
  async function* broken() {
    yield '9\n';
    throw new Error('broken off');
  }
  checks += 1;
  await assert.rejects(copyIn(client, 'COPY poured (id) FROM STDIN', broken()), /broken off/);
  same((await client.query('SELECT count(*)::int AS n FROM poured')).rows, [{ n: 3 }]);
  await client.query('DROP TABLE poured');
}

async function metadata(client) {
  await client.query(`CREATE TABLE described (id SERIAL PRIMARY KEY, price NUMERIC(8, 2) DEFAULT 1.5,
    name VARCHAR(40) NOT NULL, made TIMESTAMPTZ, embedding VECTOR(3))`);
  await client.query('CREATE VIEW described_names AS SELECT name FROM described');
  const { rows: [table] } = await client.query(
    "SELECT 'described'::regclass::oid::int AS oid, 'vector'::regtype::oid::int AS vector");
  // Of no rows too, and prepared: the table, the column, the type and its modifier.
  const empty = await client.query('SELECT * FROM described WHERE id = $1', [1]);
  same(empty.rows, []);
  same(empty.fields.map((f) => [f.name, f.tableID, f.columnID, f.dataTypeID, f.dataTypeModifier]), [
    ['id', table.oid, 1, 23, -1],
    ['price', table.oid, 2, 1700, ((8 << 16) | 2) + 4],
    ['name', table.oid, 3, 1043, 44],
    ['made', table.oid, 4, 1184, -1],
    ['embedding', table.oid, 5, table.vector, 3],
  ]);
  const columns = await client.query(`SELECT column_name, udt_name, is_nullable, column_default,
      character_maximum_length AS length, numeric_precision AS digits, numeric_scale AS scale
    FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2
    ORDER BY ordinal_position`, ['public', 'described']);
  same(columns.rows.map(Object.values), [
    ['id', 'int4', 'NO', "nextval('described_id_seq'::regclass)", null, 32, 0],
    ['price', 'numeric', 'YES', '1.5', null, 8, 2],
    ['name', 'varchar', 'NO', null, 40, null, null],
    ['made', 'timestamptz', 'YES', null, null, null, null],
    ['embedding', 'vector', 'YES', null, null, null, null],
  ]);
  const tables = await client.query(`SELECT table_name, table_type FROM information_schema.tables
    WHERE table_name LIKE $1 ORDER BY 1`, ['described%']);
  same(tables.rows.map(Object.values),
    [['described', 'BASE TABLE'], ['described_names', 'VIEW']]);
  const keys = await client.query(`SELECT c.constraint_type, k.column_name
    FROM information_schema.table_constraints AS c
    JOIN information_schema.key_column_usage AS k USING (constraint_name)
    WHERE c.table_name = $1 AND c.constraint_type = 'PRIMARY KEY'`, ['described']);
  same(keys.rows.map(Object.values), [['PRIMARY KEY', 'id']]);
  await client.query('DROP VIEW described_names');
  await client.query('DROP TABLE described');
}

// The pool itself resets nothing: its users send DISCARD ALL before they give a client back.
async function resetting() {
  const one = new pg.Pool({ ...settings, max: 1 });
  const named = { name: 'kept', text: 'SELECT $1::int + 1 AS n' };
  const sessions = new Set();
  for (let n = 0; n < 3; n += 1) {
    const client = await one.connect();
    sessions.add(client.processID);
    const shown = await client.query('SHOW application_name');
    same(shown.rows, [{ application_name: '' }]);
    same((await client.query('SELECT count(*)::int AS n FROM pg_cursors')).rows, [{ n: 0 }]);
    same((await client.query('SELECT count(*)::int AS n FROM pg_prepared_statements')).rows,
      [{ n: 0 }]);
    await client.query("SET application_name = 'careless'");
    await client.query('DECLARE left_open CURSOR WITH HOLD FOR SELECT 1');
    same((await client.query({ ...named, values: [41] })).rows, [{ n: 42 }]);
    same((await client.query('SELECT name FROM pg_prepared_statements')).rows, [{ name: 'kept' }]);
    await client.query('DISCARD ALL');
    // The driver remembers what it prepared, and the server does not any more.
    await refused('26000', client.query({ ...named, values: [1] }));
    client.connection.parsedStatements = {};
    client.release();
  }
  same(sessions.size, 1);
  // Given back as broken, a client is closed, and the next one is of another session.
  const broken = await one.connect();
  await broken.query("SET application_name = 'careless'");
  broken.release(true);
  const next = await one.connect();
  same(sessions.has(next.processID), false);
  same((await next.query('SHOW application_name')).rows, [{ application_name: '' }]);
  next.release();
  await one.end();
}

async function stopping(client) {
  await client.query("SET statement_timeout = '200ms'");
  await refused('57014', client.query(`SELECT count(*) FROM generate_series(1, 200000::bigint) AS a(x),
    generate_series(1, 200000::bigint) AS b(y)`));
  await client.query('RESET statement_timeout');
  same((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }]);
}

async function inTime(client) {
  const { rows } =
    await client.query('SELECT title FROM noded WHERE doc_id = $1 AS OF $2', [1, day(3)]);
  same(rows, [{ title: 'one 3' }]);
  const points = await client.query('SELECT title FROM TRAJECTORY(noded, $1, $2, $3)',
    [1, day(2), day(4)]);
  same(points.rows.map((row) => row.title), ['one 2', 'one 3', 'one 4']);
  const notices = [];
  client.on('notice', (notice) => notices.push(notice.message));
  await client.query('CREATE TABLE told (a BIGINT, b TIMESTAMPTZ, v VECTOR(2), PRIMARY KEY (a, b))');
  same(notices.length, 1);
  await client.query('DROP TABLE told');
}

const client = new pg.Client(settings);
await client.connect();
await client.query('CREATE EXTENSION IF NOT EXISTS vector');
await pgvector.registerTypes(client);
const pool = new pg.Pool({ ...settings, max: 4 });
await types(client);
await writing(client);
await errors(client);
await transactions(client, pool);
await copying(client);
await metadata(client);
await pooling(pool);
await resetting();
await stopping(client);
if (!plain) await inTime(client);
await pool.end();
await client.end();
console.log(`node-postgres ${require('pg/package.json').version}: ${checks} checks`);
