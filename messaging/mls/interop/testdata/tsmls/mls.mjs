// mls.mjs is what peer.mjs and bench.mjs share: ts-mls by the numbers of RFC 9420.
import * as ts from 'ts-mls';
import { getCiphersuiteFromId } from 'ts-mls/crypto/ciphersuite.js';

export const encode = ts.encodeMlsMessage;

// decode takes an MLSMessage of that wire format, and nothing behind it.
export const decode = (bytes, ...wireformats) => {
  const [message, length] = ts.decodeMlsMessage(bytes, 0) ?? [];
  if (message === undefined || length !== bytes.length) throw new Error('not an MLSMessage');
  if (!wireformats.includes(message.wireformat)) throw new Error(`a ${message.wireformat}, not a ${wireformats.join(' or ')}`);
  return message;
};

export const wrap = {
  keyPackage: (keyPackage) => encode({ version: 'mls10', wireformat: 'mls_key_package', keyPackage }),
  welcome: (welcome) => encode({ version: 'mls10', wireformat: 'mls_welcome', welcome }),
  groupInfo: (groupInfo) => encode({ version: 'mls10', wireformat: 'mls_group_info', groupInfo }),
  publicMessage: (publicMessage) => encode({ version: 'mls10', wireformat: 'mls_public_message', publicMessage }),
  privateMessage: (privateMessage) => encode({ version: 'mls10', wireformat: 'mls_private_message', privateMessage }),
};

const suites = new Map();
export const suite = async (id) => {
  if (!suites.has(id)) suites.set(id, await ts.getCiphersuiteImpl(getCiphersuiteFromId(id)));
  return suites.get(id);
};

// signatureKey makes a signature key pair. RFC 9420, "Cipher Suites" (5.1), has ECDSA
// keys uncompressed; the package's own keygen gives compressed ones, which compressed
// asks for.
export const signatureKey = async (cs, compressed = false) => {
  const pair = await cs.signature.keygen();
  const curve = { 33: 'p256', 49: 'p384', 67: 'p521' }[pair.publicKey.length];
  if (curve === undefined || compressed) return pair;
  const nist = await import('@noble/curves/nist.js');
  return { signKey: pair.signKey, publicKey: nist[curve].getPublicKey(pair.signKey, false) };
};

// plain are capabilities that name one suite and nothing else.
export const plain = (cs) => ({ versions: ['mls10'], ciphersuites: [cs.name], extensions: [], proposals: [], credentials: ['basic'] });

// config is a client's configuration; padding is off unless it is asked for.
export const config = (authService = ts.defaultAuthenticationService, padding = 0) => ({
  keyRetentionConfig: { ...ts.defaultKeyRetentionConfig },
  lifetimeConfig: { ...ts.defaultLifetimeConfig, validateLifetimeOnReceive: true },
  keyPackageEqualityConfig: ts.defaultKeyPackageEqualityConfig,
  paddingConfig: padding > 0 ? { kind: 'padUntilLength', padUntilLength: padding } : { kind: 'alwaysPad', paddingLength: 0 },
  authService,
});

// serve answers JSON lines from standard input, one after the other.
export const serve = async (operations) => {
  const { createInterface } = await import('node:readline');
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const { op, ...q } = JSON.parse(line);
    let answer;
    try {
      if (!Object.hasOwn(operations, op)) throw new Error(`no operation ${op}`);
      answer = (await operations[op](q)) ?? {};
    } catch (e) {
      answer = { error: `${e?.message ?? e}` || 'no reason' };
      if (process.env.PEER_STACK) answer.stack = `${e?.stack}`;
    }
    process.stdout.write(JSON.stringify(answer, (_, v) => (typeof v === 'bigint' ? Number(v) : v)) + '\n');
  }
};
