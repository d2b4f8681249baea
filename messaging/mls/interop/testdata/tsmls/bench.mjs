// bench.mjs is the other half of the comparison in bench_test.go: the same operations
// with ts-mls, one JSON request a line. A cost is {clock, cpu}, in nanoseconds: cpu is
// the processor time of all threads, those of WebCrypto and the garbage collector
// included. Inputs are the bytes that came and outputs the bytes to be sent, so decoding
// and encoding count.
import * as ts from 'ts-mls';
import { decode, encode, wrap, suite, signatureKey, plain, config, serve } from './mls.mjs';

const cpu = () => {
  const u = process.cpuUsage();
  return 1000 * (u.user + u.system);
};
const begin = () => {
  const [c, t] = [cpu(), process.hrtime.bigint()];
  return () => ({ clock: process.hrtime.bigint() - t, cpu: cpu() - c });
};
const worlds = new Map();
const settings = config();
const lifetime = { notBefore: BigInt(Math.floor(Date.now() / 1000) - 3600), notAfter: BigInt(Math.floor(Date.now() / 1000) + 86400 * 28) };

// member makes a client with one key package.
const member = async (cs, name) => {
  const key = await signatureKey(cs);
  const end = begin();
  const p = await ts.generateKeyPackageWithKey({ credentialType: 'basic', identity: new TextEncoder().encode(name) }, plain(cs), lifetime, [], key, cs);
  const encoded = wrap.keyPackage(p.publicPackage);
  return { ...p, encoded, cost: end() };
};
const add = (encoded) => ({ proposalType: 'add', add: { keyPackage: decode(encoded, 'mls_key_package').keyPackage } });

const commit = async (state, cs, options) => {
  const end = begin();
  const r = await ts.createCommit({ state, cipherSuite: cs }, { ratchetTreeExtension: true, ...options() });
  const bytes = encode(r.commit);
  const welcome = r.welcome && wrap.welcome(r.welcome);
  return { cost: end(), state: r.newState, bytes, welcome };
};
const receive = async (state, cs, bytes) => {
  const end = begin();
  const r = await ts.processPrivateMessage(state, decode(bytes, 'mls_private_message').privateMessage, ts.emptyPskIndex, cs);
  return { cost: end(), state: r.newState, text: r.message };
};
const join = async (w, i, welcome = w.welcome) => {
  const { publicPackage, privatePackage } = w.members[i];
  const end = begin();
  const state = await ts.joinGroup(decode(welcome, 'mls_welcome').welcome, publicPackage, privatePackage, ts.emptyPskIndex, w.cs, undefined, undefined, settings);
  return { cost: end(), state };
};

await serve({
  // setup makes n clients, and how long a key package took each time.
  async setup(q) {
    const cs = await suite(q.suite);
    const w = { cs, members: [] };
    for (let i = 0; i < q.members; i++) w.members.push(await member(cs, `member ${i}`));
    worlds.set(q.world, w);
    return { costs: w.members.map((m) => m.cost), bytes: w.members[0].encoded.length };
  },

  // create makes the group of all of them, by one commit that adds everybody else.
  async create(q) {
    const w = worlds.get(q.world);
    const [first, ...rest] = w.members;
    const end = begin();
    const state = await ts.createGroup(new TextEncoder().encode('bench'), first.publicPackage, first.privatePackage, [], w.cs, settings);
    const r = await commit(state, w.cs, () => ({ extraProposals: rest.map((m) => add(m.encoded)) }));
    const cost = end();
    [w.a, w.welcome, w.b, w.log] = [r.state, r.welcome, undefined, []];
    return { cost, bytes: r.bytes.length, welcome: r.welcome.length };
  },

  // join has the second member join by the Welcome.
  async join(q) {
    const w = worlds.get(q.world);
    const r = await join(w, 1);
    w.b = r.state;
    return { cost: r.cost };
  },

  // settle has so many members, evenly spread, join and send an update each.
  async settle(q) {
    const w = worlds.get(q.world);
    for (let k = 1; k < q.updates; k++) {
      let { state } = await join(w, Math.floor((k * w.members.length) / q.updates));
      for (const u of w.log) ({ state } = await receive(state, w.cs, u));
      const r = await commit(state, w.cs, () => ({}));
      ({ state: w.a } = await receive(w.a, w.cs, r.bytes));
      ({ state: w.b } = await receive(w.b, w.cs, r.bytes));
      w.log.push(r.bytes);
    }
    return {};
  },

  // turn has the first member commit an update, an add, or the removal of whom was
  // added last, and the second process it.
  async turn(q) {
    const w = worlds.get(q.world);
    let options = () => ({});
    if (q.what === 'add') {
      const m = await member(w.cs, 'one more');
      options = () => ({ extraProposals: [add(m.encoded)] });
    }
    if (q.what === 'remove') options = () => ({ extraProposals: [{ proposalType: 'remove', remove: { removed: w.members.length } }] });
    const c = await commit(w.a, w.cs, options);
    const p = await receive(w.b, w.cs, c.bytes);
    [w.a, w.b] = [c.state, p.state];
    w.log.push(c.bytes);
    if (Buffer.compare(w.a.keySchedule.epochAuthenticator, w.b.keySchedule.epochAuthenticator) !== 0) throw new Error('they disagree');
    return { commit: c.cost, process: p.cost, bytes: c.bytes.length, welcome: c.welcome?.length ?? 0 };
  },

  // messages has the first member send so many messages of so many bytes, and the
  // second receive them.
  async messages(q) {
    const w = worlds.get(q.world);
    const text = new Uint8Array(q.size).fill(42);
    const messages = [];
    let end = begin();
    for (let i = 0; i < q.count; i++) {
      const r = await ts.createApplicationMessage(w.a, text, w.cs);
      w.a = r.newState;
      messages.push(wrap.privateMessage(r.privateMessage));
    }
    const send = end();
    end = begin();
    for (const m of messages) {
      const r = await receive(w.b, w.cs, m);
      w.b = r.state;
      if (r.text.length !== q.size) throw new Error('another text');
    }
    return { send, receive: end(), bytes: messages[0].length };
  },

  drop(q) {
    worlds.delete(q.world);
  },
});
