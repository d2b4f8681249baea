'use strict';
// @serenity-kit/opaque against /auth/v1: opaque.js URL ROUNDS. Its context is empty.
const opaque = require('@serenity-kit/opaque');
const { ask, lives, rounds } = require('./http.js');

const make = (name, i) => {
  const identifiers = { client: name, server: 'example.org' };
  // The first round stretches as its users do; that takes a second each.
  const keyStretching = i === 0 ? 'memory-constrained' : { 'argon2id-custom': { memory: 1024, iterations: 1, parallelism: 1 } };
  let exported;
  return {
    register: async (password) => {
      const { clientRegistrationState, registrationRequest } = opaque.client.startRegistration({ password });
      const { response } = await ask('request', '/opaque', { name, request: registrationRequest }, 200);
      const done = opaque.client.finishRegistration({ clientRegistrationState, registrationResponse: response, password, identifiers, keyStretching });
      exported = done.exportKey;
      await ask('sign-up', '/accounts', { name, password: { protocol: 'opaque', record: done.registrationRecord } }, 201);
    },
    login: async (password) => {
      const { clientLoginState, startLoginRequest } = opaque.client.startLogin({ password });
      const c = await ask('start', '/login/opaque', { name, ke1: startLoginRequest }, 200);
      const done = opaque.client.finishLogin({ clientLoginState, loginResponse: c.ke2, password, identifiers, keyStretching });
      if (password === 'wrong') {
        if (done !== undefined) throw new Error('a wrong password opens the envelope');
        await ask('a proof of nothing', '/login/opaque/' + c.handshake, { ke3: 'A'.repeat(86) }, 403);
        return undefined;
      }
      if (done === undefined) throw new Error('the right password does not');
      if (done.exportKey !== exported) throw new Error('another export key');
      const g = await ask('proof', '/login/opaque/' + c.handshake, { ke3: done.finishLoginRequest }, 200);
      await ask('the same proof again', '/login/opaque/' + c.handshake, { ke3: done.finishLoginRequest }, 403);
      return g;
    },
  };
};

opaque.ready.then(() => lives('opaque-', make, rounds)).catch((e) => {
  console.error(e);
  process.exit(1);
});
