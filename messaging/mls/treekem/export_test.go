package treekem

import "github.com/kith-kt/kith/messaging/mls/tree"

// SetKey gives p the key of a node, as the official vectors do.
func SetKey(p *Private, node tree.NodeIndex, key []byte) { p.set(node, key) }

// OpenSecret returns the path secret that Open decrypts for the member.
func OpenSecret(r *Received, mine *Private, context []byte) ([]byte, error) {
	secret, _, err := r.decrypt(mine, context)
	return secret, err
}
