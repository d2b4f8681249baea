// Package operator puts one provider together: keys, store, high-water mark,
// sequencer, directory, tokens, checkpoints and the HTTP interface, all from one
// data folder.
//
//	DIR/config.json   Config
//	DIR/kith.json     the signed provider document, served as it is
//	DIR/kith.db       the store
//	DIR/keys/         0700: signature.key, vrf.key, log.key
//	DIR/high-water    the mark that no store may fall behind; belongs in no backup
//	DIR/root/         root.key, to be taken offline
//	DIR/lock          held by the one process that has the folder open
//
// A program does Init once, then Open, Run in a goroutine, and serves Handler.
package operator
