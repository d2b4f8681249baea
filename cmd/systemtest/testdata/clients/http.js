'use strict';
// ask sends JSON to the account service, and wants a status.
const url = process.argv[2];
exports.rounds = Number(process.argv[3]);
exports.network = { i: 0 };
exports.ask = async (what, path, q, status, method = 'POST', token = '') => {
  const i = exports.network.i;
  const r = await fetch(url + '/auth/v1' + path, {
    method,
    headers: {
      'Content-Type': 'application/json',
      'Test-Network': `10.2.${i >> 8}.${i & 255}`,
      ...(token && { Authorization: 'Bearer ' + token }),
    },
    body: q && JSON.stringify(q),
  });
  const text = await r.text();
  if (r.status !== status) throw new Error(`${what}: ${r.status}, not ${status}: ${text}`);
  return text && JSON.parse(text);
};
exports.b64 = (b) => Buffer.from(b).toString('base64url');
exports.buffer = (s) => Buffer.from(s, 'base64url');
// lives runs the life of an account so many times.
exports.lives = async (name, make, rounds) => {
  for (let i = 0; i < rounds; i++) {
    exports.network.i++;
    const n = `${name}${i}`;
    const { register, login } = make(n, i);
    const password = `pässwort ${i}`;
    await register(password);
    const g = await login(password);
    await login('wrong');
    await exports.ask('sessions', '/sessions', undefined, 200, 'GET', g.token);
    await exports.ask('logout', '/sessions/current', undefined, 204, 'DELETE', g.token);
    await exports.ask('second logout', '/sessions/current', undefined, 401, 'DELETE', g.token);
  }
  console.log(`${rounds} rounds of ${name}`);
};
