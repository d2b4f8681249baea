package mlstest

// PrivateKey returns a private key of the vectors in its full length. Those of the
// suites on the NIST curves are numbers there, written without their leading zero
// bytes, while package suite takes scalars of one length only.
func PrivateKey(cipherSuite uint16, key []byte) []byte {
	n := map[uint16]int{2: 32, 5: 66, 7: 48}[cipherSuite]
	if len(key) == 0 || len(key) >= n {
		return key
	}
	return append(make([]byte, n-len(key), n), key...)
}
