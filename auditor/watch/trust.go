package watch

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/auditor/archive"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// ErrBegun is a folder that has audited something already.
var ErrBegun = errors.New("the folder has begun to audit already")

// ErrTrust is a checkpoint to trust that does not fit what the provider serves.
var ErrTrust = errors.New("the checkpoint to trust")

// trust lets the audit begin after the entries under a signed checkpoint. Every
// leaf before is read and stands under the checkpoint, and the root of the log
// tree follows from them; that each follows from its update is what is trusted.
func (f *folder) trust(ctx context.Context, o *InitOptions, source Source, pinned *provider.Pinned) (progress []byte, err error) {
	for _, name := range []string{progressFile, headsFile, cosignedFile} {
		if b, err := f.read(name); err != nil || b != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", f.path(name), ErrBegun), err)
		}
	}
	log, err := pass.NewLog(pinned.Document)
	if err != nil {
		return nil, err
	}
	signed, err := log.Verifier.Open(o.Trust)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrust, err)
	}
	if signed.Size == 0 {
		return nil, fmt.Errorf("%w: it is of an empty log", ErrTrust)
	}
	kept, err := archive.Open(f.path(archiveFolder))
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	if kept.Size() > signed.Size {
		return nil, fmt.Errorf("%s: %w", f.path(archiveFolder), ErrBegun)
	}
	var frontier []wire.LogEntry
	positions := treemath.Frontier(signed.Size)
	roots, err := logtree.NewAppender(0, nil)
	if err != nil {
		return nil, err
	}
	last := checkpoint.Leaf{}
	add := func(l checkpoint.Leaf) error {
		if l.Timestamp < last.Timestamp {
			return fmt.Errorf("%w: log entry %d: timestamps go back", ErrTrust, l.Position)
		}
		roots.Append(nil, logtree.LeafHash(l.LogEntry()))
		if len(positions) > 0 && positions[0] == l.Position {
			frontier, positions = append(frontier, l.LogEntry()), positions[1:]
		}
		last = l
		if o.Each != nil {
			o.Each(l.Position+1, signed.Size)
		}
		return nil
	}
	if err := kept.Each(0, kept.Size(), add); err != nil {
		return nil, err
	}
	p := pass.Pass{Log: log, Source: source, Have: kept.Size(), Leaf: func(_ uint64, encoded, _ []byte) error {
		leaf, err := checkpoint.ParseLeaf(encoded)
		if err != nil {
			return err
		}
		return errors.Join(kept.Append(encoded), add(leaf))
	}}
	if err := p.Read(ctx, signed.Checkpoint); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrust, err)
	}
	if roots.Root() != last.Root {
		return nil, fmt.Errorf("%w: the log tree of its leaves has another root than leaf %d names", ErrTrust, last.Position)
	}
	configured, ok := log.Configured(0, last.Configuration)
	if !ok {
		return nil, fmt.Errorf("%w: leaf %d: %w", ErrTrust, last.Position, pass.ErrConfiguration)
	}
	state, err := auditor.Trust(log.Configuration.ReasonableMonitoringWindow, signed.Size, roots.FullSubtrees(), frontier)
	if err != nil {
		return nil, err
	}
	if err := kept.Commit(); err != nil {
		return nil, err
	}
	return pass.Progress{State: state, Seen: o.Trust, Configured: configured}.Encode(log), nil
}
