// peer.mjs is another implementation's members: ts-mls, unmodified, driven by JSON
// lines, one request and one answer a line. Bytes are base64. A request names its
// operation (op) and the client (who); an answer with "error" means that nothing changed.
import * as ts from 'ts-mls';
import { signLeafNodeCommit as signLeafNode } from 'ts-mls/leafNode.js';
import { encodeRatchetTree } from 'ts-mls/ratchetTree.js';
import { createGroupInfo } from 'ts-mls/createCommit.js';
import { encode as bytesOf } from 'ts-mls/codec/tlsEncoder.js';
import { varLenDataEncoder, decodeVarLenData } from 'ts-mls/codec/variableLength.js';
import { CipherSuite, HkdfSha256, HkdfSha384, Aes128Gcm, Aes256Gcm } from '@hpke/core';
import { XWing } from '@hpke/hybridkem-x-wing';
import { decode, encode, wrap, suite, signatureKey, plain, config, serve } from './mls.mjs';
import { asked, b64, bytes, client, clients, credentialOf, extensionsOf, identityOf, keyPackageOf, packageOf, psks, treeOf } from './clients.mjs';
import { joined, reinitOf, successors } from './successors.mjs';
import { withExtensions } from './provisional.mjs';
import { fromOutside, isOutside, outside } from './outside.mjs';

const pskOf = (c, p) => {
  const nonce = { pskNonce: c.cs.rng.randomBytes(c.cs.kdf.size) };
  const id = p.epoch === undefined
    ? { psktype: 'external', pskId: bytes(p.id) }
    : { psktype: 'resumption', usage: p.usage ?? 'application', pskGroupId: c.state.groupContext.groupId, pskEpoch: BigInt(p.epoch) };
  return { proposalType: 'psk', psk: { preSharedKeyId: { ...id, ...nonce } } };
};

const add = (kp) => ({ proposalType: 'add', add: { keyPackage: keyPackageOf(kp) } });
const remove = (removed) => ({ proposalType: 'remove', remove: { removed } });
const contextExtensions = (list) => ({ proposalType: 'group_context_extensions', groupContextExtensions: { extensions: extensionsOf(list) } });
const custom = (p) => ({ proposalType: p.type, proposalData: bytes(p.data) });
const reinit = async (r) => ({ proposalType: 'reinit', reinit: reinitOf(r, await suite(r.suite)) });

// own makes a leaf with a new key to be encrypted to, for an Update.
const own = async (c, q) => {
  const leafIndex = c.state.privatePath.leafIndex;
  const before = c.state.ratchetTree[2 * leafIndex].leaf;
  const pair = await c.cs.hpke.generateKeyPair();
  const key = q.rekey ? await signatureKey(c.cs) : c.key;
  const leaf = await signLeafNode({
    leafNodeSource: 'update',
    hpkePublicKey: q.stale ? before.hpkePublicKey : await c.cs.hpke.exportPublicKey(pair.publicKey),
    signaturePublicKey: key.publicKey,
    credential: q.identity === undefined && q.certificates === undefined ? before.credential : credentialOf(q),
    capabilities: before.capabilities,
    extensions: before.extensions,
    groupId: c.state.groupContext.groupId,
    leafIndex,
  }, key.signKey, c.cs.signature);
  c.updating = { leaf, key, hpke: await c.cs.hpke.exportPrivateKey(pair.privateKey) };
  return { proposalType: 'update', update: { leafNode: leaf } };
};

// The extension external_pub holds an HPKEPublicKey, which is a vector (RFC 9420,
// "Joining via External Commits", 12.4.3.2). ts-mls 1 leaves the length away (its
// pull request 449 corrects that for version 2), so here it is put on and taken off.
const externalPub = async (c) => {
  const pair = await c.cs.hpke.deriveKeyPair(c.state.keySchedule.externalSecret);
  return { extensionType: 'external_pub', extensionData: bytesOf(varLenDataEncoder)(await c.cs.hpke.exportPublicKey(pair.publicKey)) };
};
const readsExternalPub = (cs, groupInfo) => {
  const { extensionData } = groupInfo.extensions.find((e) => e.extensionType === 'external_pub');
  const [key] = decodeVarLenData(extensionData, 0);
  const hpke = { ...cs.hpke, importPublicKey: (k) => cs.hpke.importPublicKey(k === extensionData ? key : k) };
  return { ...cs, hpke };
};

// hybrid is HPKE with X-Wing, as the two suites of draft-ietf-mls-pq-ciphersuites that
// this project has put it together: suites that ts-mls itself does not know.
const buffer = (s) => bytes(s).buffer;
const hybrid = (bits) => new CipherSuite({ kem: new XWing(), ...(bits === 128 ? { kdf: new HkdfSha256(), aead: new Aes128Gcm() } : { kdf: new HkdfSha384(), aead: new Aes256Gcm() }) });

await serve({
  ...successors,
  ...outside,

  // client makes a client: {suite, identity, grease, compressed, padding, pad, extensions,
  // proposals, generations, forward, continues}.
  async client(q) {
    const cs = await suite(q.suite);
    const c = { cs, key: await signatureKey(cs, q.compressed), asked: [], refused: { identities: new Set(), keys: new Set() }, psks: {}, packages: [] };
    c.credential = credentialOf({ identity: q.identity ?? q.who });
    c.capabilities = q.grease ? ts.defaultCapabilities() : plain(cs);
    c.capabilities.extensions.push(...(q.extensions ?? []));
    c.capabilities.proposals.push(...(q.proposals ?? []));
    c.config = config(asked(c), q.padding);
    if (q.pad) c.config.paddingConfig = { kind: 'alwaysPad', paddingLength: q.pad };
    if (q.generations) c.config.keyRetentionConfig.retainKeysForGenerations = q.generations;
    if (q.forward) c.config.keyRetentionConfig.maximumForwardRatchetSteps = q.forward;
    if (q.continues !== undefined) c.origin = clients.get(q.continues);
    clients.set(q.who, c);
    return { key: b64(c.key.publicKey) };
  },

  // certify gives the client certificates, and the root that those of others lead to.
  certify(q) {
    const c = client(q);
    c.credential = credentialOf(q);
    if (q.root !== undefined) c.root = bytes(q.root);
  },

  // refuse says whom the authentication service refuses from now on: identities, and keys.
  refuse(q) {
    client(q).refused = { identities: new Set(q.identities ?? []), keys: new Set(q.keys ?? []) };
  },

  // asked is who the authentication service was asked about since the last time.
  asked(q) {
    const c = client(q);
    const seen = c.asked;
    c.asked = [];
    return { asked: seen };
  },

  psk(q) {
    client(q).psks[q.id] = bytes(q.secret);
  },

  async keyPackage(q) {
    const c = client(q);
    const p = await packageOf(c);
    c.packages.push(p);
    return { keyPackage: b64(wrap.keyPackage(p.publicPackage)) };
  },

  async create(q) {
    const c = client(q);
    const p = await packageOf(c);
    // By its number the package does not read external_senders: see outside.mjs.
    const extensions = extensionsOf(q.extensions);
    const state = await ts.createGroup(bytes(q.group), p.publicPackage, p.privatePackage, extensions.map((e) => (e.extensionType === 'external_senders' ? { ...e, extensionType: 5 } : e)), c.cs, c.config);
    c.state = { ...state, groupContext: { ...state.groupContext, extensions } };
  },

  // join joins by a Welcome, with any of the client's key packages; the tree beside it
  // or in it; by: with the function for successors of that kind.
  async join(q) {
    const c = client(q);
    const { welcome } = decode(bytes(q.welcome), 'mls_welcome');
    let reason;
    for (const p of [...c.packages].reverse()) {
      try {
        c.state = q.by === undefined
          ? await ts.joinGroup(welcome, p.publicPackage, p.privatePackage, ts.makePskIndex(c.origin?.state, c.psks), c.cs, treeOf(q), c.origin?.state, c.config)
          : await joined(c, q.by, welcome, p, treeOf(q));
        c.packages = c.packages.filter((o) => o !== p);
        return {};
      } catch (e) {
        if (reason === undefined || !/group secrets/i.test(`${e?.message}`)) reason = e;
      }
    }
    throw reason ?? new Error('no key package');
  },

  // external joins by an external commit, in public.
  async external(q) {
    const c = client(q);
    const { groupInfo } = decode(bytes(q.groupInfo), 'mls_group_info');
    const p = await packageOf(c);
    const r = await ts.joinGroupExternal(groupInfo, p.publicPackage, p.privatePackage, q.resync ?? false, readsExternalPub(c.cs, groupInfo), treeOf(q), c.config, bytes(q.aad));
    c.state = r.newState;
    return { commit: b64(wrap.publicMessage(r.publicMessage)) };
  },

  // commit commits what was proposed, and {add: [], remove: [], psks: [], extensions: [],
  // custom, reinit}; literally: without what provisional.mjs makes up for.
  async commit(q) {
    const c = client(q);
    const extraProposals = [...(q.add ?? []).map(add), ...(q.remove ?? []).map(remove), ...(q.psks ?? []).map((p) => pskOf(c, p))];
    if (q.extensions !== undefined) extraProposals.push(contextExtensions(q.extensions));
    if (q.custom !== undefined) extraProposals.push(custom(q.custom));
    if (q.reinit !== undefined) extraProposals.push(await reinit(q.reinit));
    const r = await ts.createCommit(
      { state: c.state, cipherSuite: q.extensions === undefined || q.literally ? c.cs : withExtensions(c.cs, extensionsOf(q.extensions)), pskIndex: psks(c) },
      { wireAsPublicMessage: q.public ?? false, extraProposals, ratchetTreeExtension: q.treeInside ?? false, authenticatedData: bytes(q.aad) },
    );
    const commit = encode(r.commit);
    if (!q.dry) c.state = r.newState;
    return {
      commit: b64(commit),
      welcome: r.welcome && b64(wrap.welcome(r.welcome)),
      tree: b64(encodeRatchetTree(r.newState.ratchetTree)),
    };
  },

  // propose proposes one of {add, remove, update, psk, extensions, custom, reinit}.
  async propose(q) {
    const c = client(q);
    let proposal;
    if (q.add !== undefined) proposal = add(q.add);
    else if (q.remove !== undefined) proposal = remove(q.remove);
    else if (q.update !== undefined) proposal = await own(c, q.update);
    else if (q.psk !== undefined) proposal = pskOf(c, q.psk);
    else if (q.custom !== undefined) proposal = custom(q.custom);
    else if (q.reinit !== undefined) proposal = await reinit(q.reinit);
    else proposal = contextExtensions(q.extensions);
    const r = await ts.createProposal(c.state, q.public ?? false, proposal, c.cs, bytes(q.aad));
    c.state = r.newState;
    return { proposal: b64(encode(r.message)) };
  },

  // reinit closes the group, by the package's function for it.
  async reinit(q) {
    const c = client(q);
    const r = reinitOf(q, await suite(q.suite));
    const { commit, newState } = await ts.reinitGroup(c.state, r.groupId, r.version, r.cipherSuite, r.extensions, c.cs);
    c.state = newState;
    return { commit: b64(encode(commit)) };
  },

  // process takes any message of the group; literally: without what outside.mjs makes up
  // for.
  async process(q) {
    const c = client(q);
    const m = decode(bytes(q.message), 'mls_private_message', 'mls_public_message');
    if (isOutside(m) && !q.literally) {
      c.state = await fromOutside(c, m);
      return { kind: 'handshake' };
    }
    const run = (state, callback) => (m.wireformat === 'mls_private_message'
      ? ts.processPrivateMessage(state, m.privateMessage, psks(c), c.cs, callback)
      : ts.processPublicMessage(state, m.publicMessage, psks(c), c.cs, callback));
    let state = c.state;
    if (c.updating !== undefined) {
      // The package keeps no private key of an Update: see first whether it is in.
      let mine = false;
      await run(state, (incoming) => {
        mine = incoming.kind === 'commit' && incoming.proposals.some((p) => p.proposal.update?.leafNode && b64(p.proposal.update.leafNode.hpkePublicKey) === b64(c.updating.leaf.hpkePublicKey));
        return 'reject';
      }).catch(() => {});
      if (mine) {
        const { privatePath } = state;
        state = { ...state, privatePath: { ...privatePath, privateKeys: { ...privatePath.privateKeys, [2 * privatePath.leafIndex]: c.updating.hpke } } };
        const r = await run(state, ts.acceptAll);
        c.key = c.updating.key;
        c.state = { ...r.newState, signaturePrivateKey: c.key.signKey };
        c.updating = undefined;
        return { kind: 'handshake' };
      }
    }
    const before = state.groupContext.epoch;
    const r = await run(state, ts.acceptAll);
    c.state = r.newState;
    if (c.state.groupContext.epoch !== before) c.updating = undefined;
    if (r.kind === 'applicationMessage') return { kind: 'application', text: b64(r.message), aad: b64(m.privateMessage.authenticatedData) };
    return { kind: 'handshake' };
  },

  // send encrypts each of the texts.
  async send(q) {
    const c = client(q);
    const messages = [];
    for (const t of q.texts) {
      const r = await ts.createApplicationMessage(c.state, bytes(t), c.cs, bytes(q.aad));
      c.state = r.newState;
      messages.push(b64(wrap.privateMessage(r.privateMessage)));
    }
    return { messages };
  },

  async groupInfo(q) {
    const c = client(q);
    const tree = encodeRatchetTree(c.state.ratchetTree);
    const extensions = [await externalPub(c), ...(q.treeInside ? [{ extensionType: 'ratchet_tree', extensionData: tree }] : [])];
    const groupInfo = await createGroupInfo(c.state.groupContext, c.state.confirmationTag, c.state, extensions, c.cs);
    return { groupInfo: b64(wrap.groupInfo(groupInfo)), tree: b64(tree) };
  },

  async hybridKey(q) {
    const { kem } = hybrid(q.bits);
    const pair = await kem.generateKeyPair();
    return { secret: b64(await kem.serializePrivateKey(pair.privateKey)), public: b64(await kem.serializePublicKey(pair.publicKey)) };
  },
  async hybridSeal(q) {
    const cs = hybrid(q.bits);
    const r = await cs.seal({ recipientPublicKey: await cs.kem.deserializePublicKey(buffer(q.public)), info: buffer(q.info) }, buffer(q.text));
    return { enc: b64(r.enc), ct: b64(r.ct) };
  },
  async hybridOpen(q) {
    const cs = hybrid(q.bits);
    return { text: b64(await cs.open({ recipientKey: await cs.kem.deserializePrivateKey(buffer(q.secret)), enc: buffer(q.enc), info: buffer(q.info) }, buffer(q.ct))) };
  },

  // state is what every member of an epoch must agree on.
  async state(q) {
    const { state, cs } = client(q);
    const { groupContext, keySchedule } = state;
    return {
      active: state.groupActiveState.kind !== 'removedFromGroup',
      closed: state.groupActiveState.kind === 'suspendedPendingReinit',
      epoch: groupContext.epoch,
      treeHash: b64(groupContext.treeHash),
      transcript: b64(groupContext.confirmedTranscriptHash),
      authenticator: b64(keySchedule.epochAuthenticator),
      exported: b64(await ts.mlsExporter(keySchedule.exporterSecret, q.label ?? '', bytes(q.context), q.length ?? 32, cs)),
      leaf: state.privatePath.leafIndex,
      members: state.ratchetTree.flatMap((n, i) => (n?.nodeType === 'leaf' ? [{ index: i / 2, identity: identityOf(n.leaf.credential), key: b64(n.leaf.signaturePublicKey) }] : [])),
    };
  },
});
