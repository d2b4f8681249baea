// outside.mjs has proposals of those who are no members.
//
// The extension external_senders is a vector of ExternalSender (RFC 9420, "External
// Senders Extension", 12.1.8.1), and a sender is an index in it. ts-mls 1 takes the
// extension for one ExternalSender, and the index for that of an extension among many.
// So here the sender is looked up, and the rest is done by the package's own functions.
import * as ts from 'ts-mls';
import { decodeExternalSender } from 'ts-mls/externalSender.js';
import { decodeVarLenData } from 'ts-mls/codec/variableLength.js';
import { processProposal } from 'ts-mls/clientState.js';
import { protectExternalProposalPublic, unprotectPublicMessage } from 'ts-mls/messageProtectionPublic.js';
import { decode, encode } from './mls.mjs';
import { b64, bytes, client, extensionsOf, keyPackageOf, packageOf } from './clients.mjs';

const senders = (extensions) => {
  const { extensionData } = extensions.find((e) => e.extensionType === 'external_senders');
  const [list] = decodeVarLenData(extensionData, 0);
  const all = [];
  for (let at = 0; at < list.length;) {
    const [sender, length] = decodeExternalSender(list, at);
    all.push(sender);
    at += length;
  }
  return all;
};

export const isOutside = (m) => m.publicMessage?.senderType === 'external';

// fromOutside takes the proposal of an external sender.
export const fromOutside = async (c, { publicMessage }) => {
  const { state, cs } = c;
  if (publicMessage.content.epoch !== state.groupContext.epoch) throw new Error('another epoch');
  const sender = senders(state.groupContext.extensions)[publicMessage.content.sender.senderIndex];
  if (sender === undefined) throw new Error('no such external sender');
  const content = await unprotectPublicMessage(state.keySchedule.membershipKey, state.groupContext, state.ratchetTree, publicMessage, cs, sender.signaturePublicKey);
  return processProposal(state, content, content.content.proposal, cs.hash);
};

export const outside = {
  // proposeOutside makes the proposal of an external sender: {groupInfo, index}, and one
  // of {add, remove, extensions}.
  async proposeOutside(q) {
    const c = client(q);
    const { groupInfo } = decode(bytes(q.groupInfo), 'mls_group_info');
    let proposal;
    if (q.add !== undefined) proposal = { proposalType: 'add', add: { keyPackage: keyPackageOf(q.add) } };
    else if (q.remove !== undefined) proposal = { proposalType: 'remove', remove: { removed: q.remove } };
    else proposal = { proposalType: 'group_context_extensions', groupContextExtensions: { extensions: extensionsOf(q.extensions) } };
    if (q.literally) return { proposal: b64(encode(await ts.proposeExternal(groupInfo, proposal, c.key.publicKey, c.key.signKey, c.cs))) };
    const { publicMessage } = await protectExternalProposalPublic(c.key.signKey, groupInfo.groupContext, bytes(q.aad), proposal, { senderType: 'external', senderIndex: q.index }, c.cs);
    return { proposal: b64(encode({ version: 'mls10', wireformat: 'mls_public_message', publicMessage })) };
  },

  // apply asks to be added, as somebody who is not a member.
  async apply(q) {
    const c = client(q);
    const { groupInfo } = decode(bytes(q.groupInfo), 'mls_group_info');
    const p = await packageOf(c);
    c.packages.push(p);
    return { proposal: b64(encode(await ts.proposeAddExternal(groupInfo, p.publicPackage, p.privatePackage, c.cs))) };
  },
};
