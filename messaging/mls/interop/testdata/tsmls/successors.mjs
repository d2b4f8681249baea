// successors.mjs has groups that continue others: after a ReInit, and branches. A client
// that "continues" another is the same member in the new group, and has the state of the
// old one at hand.
import * as ts from 'ts-mls';
import { encodeRatchetTree } from 'ts-mls/ratchetTree.js';
import { wrap } from './mls.mjs';
import { b64, bytes, client, extensionsOf, keyPackageOf, packageOf } from './clients.mjs';

export const reinitOf = (r, cs) => ({ groupId: bytes(r.group), version: 'mls10', cipherSuite: cs.name, extensions: extensionsOf(r.extensions) });

const founded = (c, r) => {
  // The functions for successors take no configuration.
  c.state = { ...r.newState, clientConfig: c.config };
  return { welcome: b64(wrap.welcome(r.welcome)), tree: b64(encodeRatchetTree(r.newState.ratchetTree)) };
};

// joined joins a group that continues another.
export const joined = async (c, how, welcome, p, tree) => {
  const join = { reinit: ts.joinGroupFromReinit, branch: ts.joinGroupFromBranch }[how];
  const state = how === 'reinit'
    ? await join(c.origin.state, welcome, p.publicPackage, p.privatePackage, tree)
    : await join(c.origin.state, welcome, p.publicPackage, p.privatePackage, tree, c.cs);
  return { ...state, clientConfig: c.config };
};

export const successors = {
  // continueGroup founds the group after a ReInit: {keyPackages, group, extensions}.
  async continueGroup(q) {
    const c = client(q);
    const p = await packageOf(c);
    return founded(c, await ts.reinitCreateNewGroup(c.origin.state, p.publicPackage, p.privatePackage, q.keyPackages.map(keyPackageOf), bytes(q.group), c.cs.name, extensionsOf(q.extensions)));
  },

  // branch founds a group of some members of another: {keyPackages, group}.
  async branch(q) {
    const c = client(q);
    const p = await packageOf(c);
    return founded(c, await ts.branchGroup(c.origin.state, p.publicPackage, p.privatePackage, q.keyPackages.map(keyPackageOf), bytes(q.group), c.cs));
  },
};
