// Package layers is the import plan of the house, kept as a test.
//
// The table in plan.txt says, for each folder, which folders of this module it
// may import. The test parses the sources itself rather than asking a child
// process for the import graph: the test cache sees the files it read, so a
// new import is never hidden by an old result.
package layers
