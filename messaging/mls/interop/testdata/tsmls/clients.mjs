// clients.mjs is the members of ts-mls that peer.mjs drives, by their names, and what
// its operations share.
import * as ts from 'ts-mls';
import { decodeRatchetTree } from 'ts-mls/ratchetTree.js';
import { decode } from './mls.mjs';
import { chainOf } from './x509.mjs';

export const bytes = (s) => Uint8Array.from(Buffer.from(s ?? '', 'base64'));
export const b64 = (b) => Buffer.from(b).toString('base64');
const text = (b) => Buffer.from(b).toString();
const hex = (b) => Buffer.from(b).toString('hex');

export const clients = new Map();
export const client = (q) => {
  const c = clients.get(q.who);
  if (c === undefined) throw new Error(`no client ${q.who}`);
  return c;
};

// identityOf is what a credential is called in answers: certificates in hexadecimal.
export const identityOf = (credential) => (credential.certificates === undefined ? text(credential.identity ?? []) : `x509:${credential.certificates.map(hex).join(',')}`);

// asked is the authentication service: it notes who it was asked about, and refuses
// the identities and the signature keys it was told to; with a root, also certificates
// that do not lead to it from that key.
export const asked = (c) => ({
  async validateCredential(credential, key) {
    const identity = identityOf(credential);
    c.asked.push({ identity, key: b64(key) });
    if (c.root !== undefined && credential.certificates !== undefined && !chainOf(credential.certificates, key, c.root)) return false;
    return !c.refused.identities.has(identity) && !c.refused.keys.has(b64(key));
  },
});

export const credentialOf = (q) => (q.certificates === undefined
  ? { credentialType: 'basic', identity: new TextEncoder().encode(q.identity) }
  : { credentialType: 'x509', certificates: q.certificates.map(bytes) });

export const packageOf = async (c) => {
  const lifetime = { notBefore: BigInt(Math.floor(Date.now() / 1000) - 3600), notAfter: BigInt(Math.floor(Date.now() / 1000) + 86400 * 28) };
  return ts.generateKeyPackageWithKey(c.credential, c.capabilities, lifetime, [], c.key, c.cs);
};

export const extensionsOf = (list) => (list ?? []).map((e) => ({
  extensionType: { 1: 'application_id', 3: 'required_capabilities', 5: 'external_senders' }[e.type] ?? e.type,
  extensionData: bytes(e.data),
}));

export const keyPackageOf = (kp) => decode(bytes(kp), 'mls_key_package').keyPackage;
export const treeOf = (q) => (q.tree === undefined ? undefined : decodeRatchetTree(bytes(q.tree), 0)[0]);
export const psks = (c) => ts.makePskIndex(c.state, c.psks);
