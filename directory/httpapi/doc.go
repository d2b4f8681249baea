// Package httpapi serves a directory over HTTP, as proto/openapi.yaml describes
// it: the six operations of draft-ietf-keytrans-protocol (commit 526cc8a) in
// their TLS format, the audit log as C2SP tlog-tiles, AuditorUpdates, the
// provider document, and what operators ask.
//
// What goes wrong becomes a status and a body in one table (problems.go).
// Causes inside the directory are logged, never sent; labels, tokens and
// addresses of requesters are neither logged nor counted.
package httpapi
