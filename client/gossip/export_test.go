package gossip

// Overlap is for tests.
var Overlap = overlap
