// Package cosign collects cosignatures of the audit log's checkpoints from
// witnesses and cosigning auditors (C2SP tlog-witness, "add-checkpoint"; C2SP
// tlog-cosignature).
//
// Every cosigner has a loop of its own, which asks for the newest checkpoint, as
// soon as there is one, and again before its cosignature is old. So one that is
// slow, dead or hostile delays nobody: not the log, which only hands its
// checkpoints over (Collector.Offer); not the others; and not the end of the
// program. What a cosigner answers is bounded in bytes and in time, redirects are
// not followed, and a cosignature is verified before it is kept.
//
// A cosigner's size is remembered, or learned from its 409; the proof begins
// there. A size above that of the log is a grave sign, and said so: either the
// cosigner errs, or another copy of the log is running.
package cosign
