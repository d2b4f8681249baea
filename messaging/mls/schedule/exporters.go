package schedule

import "fmt"

// Export returns length bytes for the application's purpose label, bound to the
// epoch and to context ("Exporters" (8.5), MLS-Exporter). It fails with ErrLength
// unless 0 <= length <= suite.MaxExpand, which is 255*KDF.Nh.
//
// The value stays computable for as long as the epoch lasts: it has no forward
// secrecy within the epoch.
func (e *Secrets) Export(label string, context []byte, length int) ([]byte, error) {
	s := e.suite
	if length < 0 || length > s.MaxExpand() {
		return nil, fmt.Errorf("%w: export of %d bytes", ErrLength, length)
	}
	secret := s.DeriveSecret(e.Exporter, label)
	defer clear(secret)
	return s.ExpandWithLabel(secret, "exported", s.Hash(context), length), nil
}
