'use strict';
// fast-srp-hap and jsrp against /auth/v1: srp.js URL ROUNDS hap|jsrp.
const { SRP, SrpClient } = require('fast-srp-hap');
const jsrp = require('jsrp');
const crypto = require('crypto');
const { ask, b64, buffer, lives, rounds } = require('./http.js');

// finish ends a login, wanting it to go well unless the password is wrong.
const finish = async (name, c, m1, password, holds) => {
  const good = password !== 'wrong';
  const g = await ask('proof', '/login/srp/' + c.handshake, { m1: b64(m1) }, good ? 200 : 403);
  if (good && !holds(buffer(g.m2))) throw new Error('M2 does not hold');
  if (good) await ask('the same proof again', '/login/srp/' + c.handshake, { m1: b64(m1) }, 403);
  return g;
};

const hap = (key, profile) => (name) => {
  const params = SRP.params[key];
  const I = Buffer.from(name);
  return {
    register: (password) => {
      const salt = crypto.randomBytes(16);
      const verifier = SRP.computeVerifier(params, salt, I, Buffer.from(password));
      return ask('sign-up', '/accounts', { name, password: { protocol: 'srp', profile, salt: b64(salt), verifier: b64(verifier) } }, 201);
    },
    login: async (password) => {
      const P = Buffer.from(password);
      const a = await SRP.genKey(32);
      // A does not depend on the salt, which the constructor wants.
      const A = new SrpClient(params, Buffer.alloc(0), I, P, a).computeA();
      const c = await ask('start', '/login/srp', { name, profile, a: b64(A) }, 200);
      const client = new SrpClient(params, buffer(c.salt), I, P, a);
      client.setB(buffer(c.b));
      return finish(name, c, client.computeM1(), password, (m2) => { client.checkM2(m2); return true; });
    },
  };
};

const short = (length, profile) => (name) => {
  const init = (password) => new Promise((done) => {
    const c = new jsrp.client();
    c.init({ username: name, password, length }, () => done(c));
  });
  const hex = (s) => Buffer.from(s, 'hex');
  return {
    register: async (password) => {
      const c = await init(password);
      const v = await new Promise((done, fail) => c.createVerifier((err, v) => (err ? fail(err) : done(v))));
      return ask('sign-up', '/accounts', { name, password: { protocol: 'srp', profile, salt: b64(hex(v.salt)), verifier: b64(hex(v.verifier)) } }, 201);
    },
    login: async (password) => {
      const client = await init(password);
      const c = await ask('start', '/login/srp', { name, profile, a: b64(hex(client.getPublicKey())) }, 200);
      client.setSalt(buffer(c.salt).toString('hex'));
      client.setServerPublicKey(buffer(c.b).toString('hex'));
      return finish(name, c, hex(client.getProof()), password, (m2) => client.checkServerProof(m2.toString('hex')));
    },
  };
};

// One group runs every round. The other is slow in this language, and runs a few unless
// there is time.
const few = process.env.KITH_SOAK ? rounds : Math.min(rounds, 5);
(async () => {
  if (process.argv[4] === 'hap') {
    await lives('hap-2048-', hap(2048, 'hap-2048-sha256'), rounds);
    await lives('hap-3072-', hap('hap', 'hap-3072-sha512'), few);
  } else {
    await lives('jsrp-2048-', short(2048, 'short-2048-sha256'), rounds);
    await lives('jsrp-4096-', short(4096, 'short-4096-sha256'), few);
  }
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
