package auditor

import "github.com/kith-kt/kith/proto/wire"

// AddedAt returns the newest log entry that added a leaf for a key, if that is
// after the rightmost entry that was distinguished when the last one was audited:
// what evidence of an early removal has to show. ok is false for every other key.
func (s State) AddedAt(key wire.VRFOutput) (entry uint64, ok bool) { return s.recent.added(&key) }
