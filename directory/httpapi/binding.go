package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/problem"
)

// binding serves what ties the head of a size to the checkpoint that witnesses
// saw (package checkpoint, Binding).
func (h *handler) binding(w http.ResponseWriter, r *http.Request) error {
	size, err := numberOf(r.URL.RawQuery, "size")
	if err != nil {
		return err
	}
	if size == 0 {
		return fmt.Errorf("%w: size 0", problem.ErrMalformed)
	}
	var signed []byte
	var bound checkpoint.Checkpoint
	if h.config.Bound != nil {
		signed, bound = h.config.Bound()
	}
	if signed == nil || bound.Size == 0 {
		return fmt.Errorf("%w: no checkpoint is signed yet", problem.ErrUnavailable)
	}
	body, err := within(h.working, func() ([]byte, error) {
		snap, err := h.config.Log.Snapshot()
		if err != nil {
			return nil, err
		}
		defer snap.Release()
		if size > snap.Head().Size {
			return nil, errNotYet
		}
		b, err := bind(snap, size, bound.Size)
		if err != nil {
			return nil, err
		}
		b.Checkpoint = signed
		return b.Append(nil)
	})
	if err != nil {
		return err
	}
	write(w, checkpoint.BindingMediaType, noCache, body)
	return nil
}

// bind makes the proofs of a binding of the head of size n under the checkpoint
// of size m, both of them 1 to the size of the snapshot.
func bind(snap directory.Snapshot, n, m uint64) (*checkpoint.Binding, error) {
	pos := min(m, n) - 1
	leaves, err := snap.AuditLeaves(pos, pos+1)
	if err != nil {
		return nil, err
	}
	b := new(checkpoint.Binding)
	if b.Leaf, err = checkpoint.ParseLeaf(leaves[0]); err != nil {
		return nil, fmt.Errorf("%w: leaf %d: %w", directory.ErrCorrupt, pos, err)
	}
	if b.Proof, err = tlog.ProveRecord(int64(m), int64(pos), directory.HashReader{AuditLog: snap}); err != nil {
		return nil, err
	}
	full, elements := checkpoint.BindingNodes(m, n)
	if b.FullSubtrees, err = snap.LogNodes(full); err != nil {
		return nil, err
	}
	b.Elements, err = snap.LogNodes(elements)
	return b, err
}

// numberOf reads the query "name=N" and nothing else, N in decimal without
// leading zeros.
func numberOf(query, name string) (uint64, error) {
	values, err := url.ParseQuery(query)
	if err == nil && len(values) == 1 && len(values[name]) == 1 {
		text := values[name][0]
		n, err := strconv.ParseUint(text, 10, 64)
		if err == nil && strconv.FormatUint(n, 10) == text {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: %s", problem.ErrMalformed, name)
}
