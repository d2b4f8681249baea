// Package proto holds the description of Kith's HTTP interface; the protocol
// itself is in the packages below it, which are pure: no clock, disk, network,
// logger, or randomness that is not passed in.
//
//   - wire: the structures and their TLS format (testdata/wire has vectors)
//   - vrf, suite: the cipher suites
//   - treemath, logtree, prefixtree, combined: the trees and the algorithms over them
//   - record, label: what is published, and under which name
//   - checkpoint, provider: what watchers and clients pin
//   - problem: the ways a directory declines
package proto

import _ "embed"

// OpenAPI is the HTTP interface of a directory, in OpenAPI 3.0.3 (YAML). The
// bodies of the six operations are those of package wire.
//
//go:embed openapi.yaml
var OpenAPI []byte

// OpenAPIAuditor is the HTTP interface of an auditor, in OpenAPI 3.0.3 (YAML). The
// bodies of sightings and their answers are those of package gossip.
//
//go:embed openapi-auditor.yaml
var OpenAPIAuditor []byte
