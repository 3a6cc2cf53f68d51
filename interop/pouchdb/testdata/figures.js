// Compares Tandem with express-pouchdb as the server of one PouchDB client, in one run:
//
//   npm install pouchdb@9.0.0 express-pouchdb@4.2.0 express@4
//   node figures.js TANDEM_COMMAND [documents [runs]]
//
// Prints documents a second, the server's processor time for a document, and the latency of a live change.
const { spawn, execFileSync } = require('child_process');
const { once } = require('events');
const fs = require('fs'), os = require('os'), path = require('path');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pouchdb-figures-'));
const now = () => Number(process.hrtime.bigint()) / 1e6;
const median = a => [...a].sort((x, y) => x - y)[a.length >> 1];
const ticks = Number(execFileSync('getconf', ['CLK_TCK']));
const cpu = pid => { // milliseconds of a process
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks * 1000;
};

async function serveExpress(dir) { // in a process of its own
  const PouchDB = require('pouchdb'), express = require('express');
  const Base = PouchDB.defaults({ prefix: dir + '/' });
  const app = express();
  app.use('/', require('express-pouchdb')(Base, { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: dir + '/log.txt' }));
  const server = app.listen(0, '127.0.0.1', () => console.log('rest http://127.0.0.1:' + server.address().port));
}

async function start(kind, n) {
  const dir = path.join(folder, kind + n);
  fs.mkdirSync(dir);
  let child;
  if (kind === 'express') {
    child = spawn(process.execPath, [__filename, '--express', dir], { stdio: ['ignore', 'pipe', 'inherit'], env: process.env });
  } else {
    const command = process.argv[2];
    execFileSync(command, ['create', path.join(dir, 'orders'), '--versioning', 'rev-trees']);
    child = spawn(command, ['serve', path.join(dir, 'orders'), '--interface', '127.0.0.1', '--port', '0', '--no-tls', '--rest', '127.0.0.1:0', '--rest-write', '--user', 'bob'],
      { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, TANDEM_PASSWORD: 'bob' } });
  }
  let text = '';
  const url = await new Promise(done => child.stdout.on('data', d => {
    const found = /^rest (.*)$/m.exec(text += d);
    if (found) done(found[1] + '/orders');
  }));
  return { url, pid: child.pid, stop: () => { child.kill(); return once(child, 'exit'); } };
}

async function run(kind, n, documents, out) {
  const PouchDB = require('pouchdb');
  const note = (what, value) => ((out[what] = out[what] || {})[kind] = out[what][kind] || []).push(value);
  const s = await start(kind, n);
  const remote = new PouchDB(s.url, { auth: { username: 'bob', password: 'bob' } });
  await remote.info();
  const one = new PouchDB(path.join(folder, kind + n + '-one')), two = new PouchDB(path.join(folder, kind + n + '-two'));
  for (let i = 0; i < documents; i += 1000) {
    await one.bulkDocs(Array.from({ length: 1000 }, (_, j) => ({ _id: 'doc-' + String(i + j).padStart(8, '0'), number: i + j, note: 'x'.repeat(950) })));
  }
  for (const [what, work] of [['push', () => one.replicate.to(remote)], ['pull', () => two.replicate.from(remote)]]) {
    const began = now(), before = cpu(s.pid);
    await work();
    note(what + ', documents/s', documents / (now() - began) * 1000);
    note(what + ', server ms/document', (cpu(s.pid) - before) / documents);
  }
  const nothing = [];
  for (let i = 0; i < 20; i++) { const began = now(); await two.replicate.from(remote); nothing.push(now() - began); }
  note('nothing to do, ms', median(nothing));
  const live = [one, two].map(db => db.sync(remote, { live: true, retry: true }));
  await Promise.all(live.map(l => once(l, 'paused')));
  const came = {};
  const feed = two.changes({ since: 'now', live: true }).on('change', c => { came[c.id] = now(); });
  const late = [];
  for (let i = 0; i < 60; i++) {
    const id = 'live-' + i, began = now();
    await one.put({ _id: id, note: 'x'.repeat(950) });
    while (!came[id]) await new Promise(r => setTimeout(r, 1));
    late.push(came[id] - began);
  }
  note('live from client to client, ms', median(late.slice(10)));
  feed.cancel();
  for (const l of live) { l.removeAllListeners('error'); l.on('error', () => {}); l.cancel(); }
  await new Promise(r => setTimeout(r, 500));
  await one.close(); await two.close();
  await s.stop();
}

async function main() {
  const documents = Number(process.argv[3] || 20000), runs = Number(process.argv[4] || 3), out = {};
  for (let n = 0; n < runs; n++) for (const kind of n % 2 ? ['express', 'tandem'] : ['tandem', 'express']) await run(kind, n, documents, out);
  for (const [what, { tandem, express }] of Object.entries(out)) {
    console.log(what.padEnd(32), 'tandem', median(tandem).toFixed(3), ' express-pouchdb', median(express).toFixed(3), ' ratio', (median(tandem) / median(express)).toFixed(2));
  }
  fs.rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}

process.on('unhandledRejection', () => {}); // of a request that was under way when its server was stopped
if (process.argv[2] === '--express') serveExpress(process.argv[3]); else main().catch(e => { console.error(e); process.exit(1); });
