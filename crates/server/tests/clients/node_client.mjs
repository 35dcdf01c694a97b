// node-postgres (npm `pg`) with pgvector's registration.
//
//     node node_client.mjs PORT [--plain]
//
// --plain leaves out what only ChronosVector has: so the rest can be checked against PostgreSQL.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

// The packages lie where `make setup` put them.
const require = createRequire(`${process.env.CVX_NODE ?? process.cwd()}/`);
const pg = require('pg');
const pgvector = require('pgvector/pg');

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
await pooling(pool);
await stopping(client);
if (!plain) await inTime(client);
await pool.end();
await client.end();
console.log(`node-postgres ${require('pg/package.json').version}: ${checks} checks`);
