// Package interop holds tests only: members of this project's MLS groups beside those
// of ts-mls, another implementation, live in one Node.js process (RFC 9420, "The
// Messaging Layer Security (MLS) Protocol"), and the comparison of what both cost.
//
// testdata/tsmls/peer.mjs drives the foreign members by JSON lines (what it has of
// successors, of outsiders and of certificates is beside it), bench.mjs measures
// them; the packages are installed from the npm registry, at exact versions, into a
// folder of the test. Without node, npm and a registry the tests are skipped, and fail
// where CI is set. With KITH_SOAK the sessions are longer, and in all combinations.
//
// The tables of docs/performance.md, "Messages (MLS)", are printed by
//
//	KITH_COMPARE=1 go test ./messaging/mls/interop -run TestCompare -v -timeout 60m
//
// which takes ten minutes or more, and wants two cores with nothing else to do.
package interop
