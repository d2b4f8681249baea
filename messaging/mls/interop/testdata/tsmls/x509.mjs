// x509.mjs is the authentication service's part about X.509 certificates: ts-mls only
// carries them.
import { X509Certificate, createPublicKey } from 'node:crypto';

// chainOf says whether the first of the certificates is for that Ed25519 key, each is
// signed by the next, and the last by the root.
export const chainOf = (certificates, key, root) => {
  const chain = [...certificates, root].map((der) => new X509Certificate(der));
  const { x } = chain[0].publicKey.export({ format: 'jwk' });
  if (Buffer.compare(Buffer.from(x, 'base64url'), Buffer.from(key)) !== 0) return false;
  return chain.slice(1).every((issuer, i) => chain[i].checkIssued(issuer) && chain[i].verify(createPublicKey(issuer.publicKey.export({ type: 'spki', format: 'pem' }))));
};
