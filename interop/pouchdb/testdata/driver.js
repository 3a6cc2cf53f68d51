// Runs PouchDBs for the tests: a line of JSON on the input is a call, a line on the output its result.
const PouchDB = require('pouchdb');
const readline = require('readline');
const path = require('path');

const folder = process.argv[2];
const dbs = new Map(), lives = new Map(), seen = new Map();

const db = name => {
  if (!dbs.has(name)) dbs.set(name, new PouchDB(path.join(folder, name)));
  return dbs.get(name);
};
const remote = (url, options) => new PouchDB(url, { auth: { username: 'bob', password: 'bob' }, ...options });
const total = r => r.push && r.pull ? [r.push, r.pull] : [r];
const result = r => ({
  written: total(r).map(x => x.docs_written), failures: total(r).map(x => x.doc_write_failures),
  ok: total(r).every(x => x.ok),
});
const bytes = async b => Buffer.isBuffer(b) ? b : Buffer.from(await b.arrayBuffer());

const calls = {
  async put({ name, docs }) {
    const rows = [];
    for (const doc of docs) {
      const old = await db(name).get(doc._id).catch(() => null);
      if (old) { doc._rev = old._rev; if (!doc._attachments && old._attachments) doc._attachments = old._attachments; }
      rows.push(await db(name).put(doc));
    }
    return rows;
  },
  async load({ name, from, count, size }) {
    const text = 'x'.repeat(size);
    for (let i = from; i < from + count; i += 1000) {
      const docs = [];
      for (let j = i; j < Math.min(i + 1000, from + count); j++) docs.push({ _id: 'doc-' + String(j).padStart(6, '0'), n: j, text });
      await db(name).bulkDocs(docs);
    }
  },
  async remove({ name, id }) { const old = await db(name).get(id).catch(() => null); return old && db(name).remove(old); },
  async removeRevision({ name, id, rev }) { return db(name).remove(id, rev); },
  async get({ name, id, options }) {
    return db(name).get(id, options || {}).catch(e => { if (e.status === 404) return null; throw e; });
  },
  async attachment({ name, id, key }) { return (await bytes(await db(name).getAttachment(id, key))).toString('base64'); },
  async removeAttachment({ name, id, key }) { const old = await db(name).get(id); return db(name).removeAttachment(id, key, old._rev); },
  async sync({ name, url, way, options }) {
    const denied = [];
    const r = way === 'both' ? db(name).sync(remote(url), options) : way === 'push' ? db(name).replicate.to(remote(url), options) : db(name).replicate.from(remote(url), options);
    r.on('denied', e => denied.push((e.doc || e).id));
    return { ...result(await r), denied };
  },
  async live({ name, url }) {
    const state = { live: db(name).sync(remote(url), { live: true, retry: true, back_off_function: () => 200 }), errors: [] };
    state.live.on('error', e => state.errors.push(String(e && e.reason || e)));
    lives.set(name, state);
    seen.set(name, new Set());
    db(name).changes({ since: 'now', live: true }).on('change', c => seen.get(name).add(c.id));
  },
  async seen({ name, id }) { return seen.get(name).has(id); },
  async stop({ name }) {
    const { live, errors } = lives.get(name);
    await new Promise(done => { live.on('complete', done); live.cancel(); });
    return errors;
  },
  // all returns every document that is not deleted, its conflicts among them.
  async all({ name }) {
    const r = await db(name).allDocs({ include_docs: true, conflicts: true });
    return r.rows.map(x => x.doc);
  },
  async count({ name }) { return (await db(name).info()).doc_count; },
  async usage() { const u = process.cpuUsage(); return { seconds: (u.user + u.system) / 1e6 }; },
  async timed({ name, url, way, options }) {
    const began = process.hrtime.bigint();
    const r = await calls.sync({ name, url, way, options });
    return { ...r, seconds: Number(process.hrtime.bigint() - began) / 1e9 };
  },
};

readline.createInterface({ input: process.stdin }).on('line', async line => {
  const { n, call, args } = JSON.parse(line);
  let answer;
  try {
    answer = { n, result: await calls[call](args || {}) };
  } catch (e) {
    answer = { n, error: String(e && (e.reason || e.message) || e), status: e && e.status };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}).on('close', () => process.exit(0));
