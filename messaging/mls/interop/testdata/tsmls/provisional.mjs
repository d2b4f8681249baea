// provisional.mjs makes up for the GroupContext that ts-mls 1 encrypts path secrets
// with. It is the provisional one (RFC 9420, "Creating a Commit", 12.4.1), which has
// the extensions of a GroupContextExtensions proposal; the package takes the old ones
// when it makes a commit, and the new ones when it processes one.
import { decodeGroupContext, encodeGroupContext } from 'ts-mls/groupContext.js';
import { decodeVarLenData, varLenDataEncoder } from 'ts-mls/codec/variableLength.js';
import { composeBufferEncoders, encode } from 'ts-mls/codec/tlsEncoder.js';

export const withExtensions = (cs, extensions) => {
  const provisional = (info) => {
    const [label, length] = decodeVarLenData(info, 0);
    if (new TextDecoder().decode(label) !== 'MLS 1.0 UpdatePathNode') return info;
    const [context] = decodeGroupContext(decodeVarLenData(info, length)[0], 0);
    return encode(composeBufferEncoders([varLenDataEncoder, varLenDataEncoder]))([label, encodeGroupContext({ ...context, extensions })]);
  };
  return { ...cs, hpke: { ...cs.hpke, seal: (key, text, info, aad) => cs.hpke.seal(key, text, provisional(info), aad) } };
};
