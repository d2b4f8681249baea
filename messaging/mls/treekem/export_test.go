package treekem

import "github.com/kith-kt/kith/messaging/mls/tree"

// SetKey gives p the key of a node, as the official vectors do.
func SetKey(p *Private, node tree.NodeIndex, key []byte) { p.set(node, key) }

// OpenSecret returns the path secret that Open decrypts for the member.
func OpenSecret(r *Received, mine *Private, context []byte) ([]byte, error) {
	secret, _, err := r.decrypt(mine, context)
	return secret, err
}

// Secrets returns the path secrets, the commit_secret last, and the public keys
// that the path put into the tree.
func Secrets(c *Created) (secrets, publics [][]byte) {
	for _, step := range c.path {
		publics = append(publics, c.tree.EncryptionKey(step.Node))
	}
	return c.secrets, publics
}

// SetSecret makes path_secret[i] something else before it is encrypted.
func SetSecret(c *Created, i int, secret []byte) { c.secrets[i] = secret }

// ReplaceNode gives a node of the merged tree another public key.
func ReplaceNode(r *Received, node tree.NodeIndex, key []byte) {
	var publics [][]byte
	for _, step := range r.nodes {
		public := r.tree.EncryptionKey(step.Node)
		if step.Node == node {
			public = key
		}
		publics = append(publics, public)
	}
	if _, err := r.tree.SetPath(r.sender, publics); err != nil {
		panic(err)
	}
}
