// Package combined is the combined tree of draft-ietf-keytrans-protocol: the
// algorithms of "Updating Views of the Tree", "Greatest-Version Search",
// "Fixed-Version Search", "Monitoring the Tree", "Updating a Label", "Walking
// Distinguished Heads" and "Credentials", and the CombinedTreeProof that carries
// what they read ("Tree Proofs", "Combined Tree").
//
// Every algorithm is written once, as a method of [View], over a [Source] that
// answers its questions in the order they are asked. A directory's source is a
// [Record]: it reads the tree and writes the proof down. A user's source is a
// [Replay]: it takes the answers from the proof received. Both end with Finish;
// that of Replay demands that all of the proof was used, and computes the root
// that the caller then compares with a signed one. Nothing is proved before that
// comparison.
//
// The package is pure: no clock (max_ahead and max_behind are for the caller to
// judge by [View.Rightmost]), no signatures, no VRF, no storage.
//
// # The sequence of calls
//
// n is the size of the tree answered for, last the size the user advertised (0:
// none), prev what the user retained (nil: nothing), auditor the size of the
// AuditorTreeHead in the response (0: none). NewView, and so Record.View and
// Replay.View, runs the algorithm that updates the user's view. One algorithm
// follows, two for Owner Monitoring.
//
//	directory                                      user
//	rec := NewRecord(tree, n, last, outputs)       rep, err := NewReplay(&proof, n, prev, known)
//	view, err := rec.View(params)                  view, err := rep.View(params)
//	... the algorithm on view ...                  ... the same algorithm on view ...
//	proof, err := rec.Finish(auditor)              result, err := rep.Finish(auditor)
//	                                               compare result.Root (and result.AuditorRoot)
//
// known is what the user knows of versions: VRF outputs from the proofs in
// binary_ladder, commitments from there or from openings. The versions of
// binary_ladder, the same on both sides and in the order of the field:
//
//	Search, Credential   SearchVersions(target)
//	Owner Initialization OwnerInitVersions(greatest_versions)
//	Updating a Label     UpdateVersions(previous greatest, new greatest)
//
// The algorithm of each operation, and what it returns:
//
//	Search, no version   terminal, err := view.Greatest(version)
//	Search, version      terminal, err := view.Fixed(version)
//	                     In Contact Monitoring mode: if view.MustMonitor(terminal), the user adds
//	                     (terminal, version) to the label's monitoring map with AddToMap.
//	Contact Monitor      entries, err := view.Contact(entries, nil)
//	                     The user's map becomes the entries returned.
//	Owner Initialization entries, err := view.InitEntries(start)    directory: to find greatest_versions
//	                     entries, err := view.OwnerInit(start, greatest)
//	                     The directory calls both, the user only the second.
//	Owner Monitoring     entries, err := view.Contact(entries, &start)
//	                     walk, err := view.OwnerMonitor(start, expected, stop)
//	                     directory: expected is its index, stop is StopAt(limit, greatest_version, index).
//	                     user: expected is its History.At, stop is rep.Exhausted; walk.Start is its new
//	                     start, and unless walk.Done it asks again (or finds new versions by Update).
//	Update               distinguished, err := view.LabelUpdate(LabelUpdate{...})
//	                     Unless distinguished, the user adds (position, new greatest) to its
//	                     monitoring map; in both cases to its History.
//	Distinguished        positions, err := view.Distinguished(recent, stop)
//	                     The user's roots are result.RootAt(position) for each, and
//	                     result.RetainedAt(position) is what it retains for credentials.
//	Credential           standard: root, err := StandardCredential(version, known, &proof)
//	                     provisional: NewReplay with prev = RetainedAt(position), then
//	                     view.Provisional(version, position); result.Entry(terminal), result.Next are
//	                     kept for its final verification.
//	CredentialUpdate     NewReplay with prev = result.Next and n = distinguished+1, then in Contact
//	                     Monitoring mode view.CredentialUpdate(terminal, version).
//
// # Errors
//
// A proof that does not add up is an [ErrProof]: the directory's fault. A
// directory's own read error is an [ErrSource]. [ErrNotFound] and [ErrExpired]
// are honest outcomes of a fixed-version search; the draft has no encoding for
// them, so a user who meets one has not been answered either. [ErrRequest] is a
// request that the algorithm does not take.
//
// # Readings of the draft
//
// Where an algorithm needs a ladder from an entry, it needs that entry's
// timestamp too, immediately before: without it the entry's leaf could not be
// computed. Known timestamps are not asked for again.
//
// "Updating a Label", step 2.1, skips entries up to the owner's start as well.
// The start is distinguished, so no entry that reaches step 2 is to the left of
// it, and the directory need not know it.
package combined
