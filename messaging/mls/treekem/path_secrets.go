package treekem

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// secretLabel is what path secrets are encrypted for.
const secretLabel = "UpdatePathNode"

// nextSecret returns the path secret of the next node up the filtered direct path,
// which after the last node is the commit_secret.
func nextSecret(s *suite.Suite, pathSecret []byte) []byte {
	return s.DeriveSecret(pathSecret, "path")
}

// nodeKeys returns the key pair of the node whose path secret is given.
func nodeKeys(s *suite.Suite, pathSecret []byte) (priv, pub []byte, err error) {
	nodeSecret := s.DeriveSecret(pathSecret, "node")
	defer clear(nodeSecret)
	return s.DeriveKeyPair(nodeSecret)
}

// climb sets in p the private keys of nodes, which lie above each other on a
// filtered direct path, from the path secret of the first, and returns the
// commit_secret. It fails with ErrKeyMismatch unless they belong to the public
// keys in t. It overwrites pathSecret, and all that is between.
func (p *Private) climb(s *suite.Suite, pathSecret []byte, nodes []tree.NodeIndex, t *tree.Tree) ([]byte, error) {
	secret := pathSecret
	for _, node := range nodes {
		priv, pub, err := nodeKeys(s, secret)
		if err == nil && string(pub) != string(t.EncryptionKey(node)) {
			clear(priv)
			err = ErrKeyMismatch
		}
		if err != nil {
			clear(secret)
			return nil, fmt.Errorf("node %d: %w", node, err)
		}
		p.set(node, priv)
		next := nextSecret(s, secret)
		clear(secret)
		secret = next
	}
	return secret, nil
}
