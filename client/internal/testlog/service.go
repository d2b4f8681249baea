package testlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// Do answers one request, as client.Service has it.
func (l *Log) Do(_ context.Context, call wire.Call) ([]byte, error) {
	l.Calls[call.Operation]++
	f := l.Config.Format()
	switch call.Operation {
	case wire.OpSearch:
		req, err := wire.ParseSearchRequest(call.Body, f)
		if err != nil {
			return nil, declined(err)
		}
		resp, err := l.Search(req)
		return encode(resp, err, f)
	case wire.OpContactMonitor:
		req, err := wire.ParseContactMonitorRequest(call.Body, f)
		if err != nil {
			return nil, declined(err)
		}
		resp, err := l.ContactMonitor(req)
		return encode(resp, err, f)
	case wire.OpOwnerInit:
		req, err := wire.ParseOwnerInitRequest(call.Body, f)
		if err != nil {
			return nil, declined(err)
		}
		resp, err := l.OwnerInit(req)
		return encode(resp, err, f)
	case wire.OpOwnerMonitor:
		req, err := wire.ParseOwnerMonitorRequest(call.Body, f)
		if err != nil {
			return nil, declined(err)
		}
		resp, err := l.OwnerMonitor(req)
		return encode(resp, err, f)
	case wire.OpUpdate:
		req, err := wire.ParseUpdateRequest(call.Body, f)
		if err != nil {
			return nil, declined(err)
		}
		resp, err := l.Update(req)
		return encode(resp, err, f)
	case wire.OpDistinguished:
		req, err := wire.ParseDistinguishedRequest(call.Body, f)
		if err != nil {
			return nil, declined(err)
		}
		resp, err := l.Distinguished(req)
		return encode(resp, err, f)
	}
	return nil, problem.ErrMalformed
}

type appender interface {
	Append([]byte, wire.Format) ([]byte, error)
}

func encode(x appender, err error, f wire.Format) ([]byte, error) {
	if err != nil {
		return nil, declined(err)
	}
	return x.Append(nil, f)
}

func declined(err error) error {
	switch {
	case errors.Is(err, wire.ErrMalformed):
		return fmt.Errorf("%w: %w", problem.ErrMalformed, err)
	case errors.Is(err, combined.ErrNotFound), errors.Is(err, combined.ErrExpired):
		return fmt.Errorf("%w: %w", problem.ErrNoAnswer, err)
	case errors.Is(err, combined.ErrRequest):
		return fmt.Errorf("%w: %w", problem.ErrRefused, err)
	}
	return err
}

// A response in the making.
type response struct {
	*Log
	label string
	size  uint64
	full  wire.FullTreeHead
	rec   *combined.Record
	view  *combined.View
}

func (l *Log) begin(label string, last *uint64) (*response, error) {
	r := &response{Log: l, label: label, size: l.Served}
	if r.size == 0 {
		r.size = l.Size()
	}
	prev := uint64(0)
	if last != nil {
		if prev = *last; prev == 0 || prev > r.size {
			return nil, problem.ErrRefused
		}
	}
	r.full = wire.FullTreeHead{HeadType: wire.HeadSame}
	if prev != r.size {
		r.full = l.FullHead(r.size)
	}
	r.rec = combined.NewRecord(l, r.size, prev, func(v uint32) (wire.VRFOutput, error) { return l.Output(label, v), nil })
	var err error
	r.view, err = r.rec.View(combined.ParamsOf(&l.Config))
	return r, err
}

// FullHead signs the head of a size.
func (l *Log) FullHead(size uint64) wire.FullTreeHead {
	full := wire.FullTreeHead{HeadType: wire.HeadUpdated}
	tbs := wire.TreeHeadTBS{Config: l.Config, TreeSize: size, Root: l.Root(size)}
	if l.TamperTBS != nil {
		l.TamperTBS(&tbs)
	}
	message, err := tbs.Append(nil, l.Config.Format())
	must(err)
	full.TreeHead.TreeSize = size
	full.TreeHead.Signature, err = l.Head.Sign(message)
	must(err)
	if l.Auditor != nil {
		audited := size - min(l.AuditorBehind, size-1)
		full.AuditorTreeHead, err = suite.SignAuditorTreeHead(l.Auditor, &l.Config, l.Entries[audited-1].Timestamp, audited, l.Root(audited))
		must(err)
	}
	return full
}

func (r *response) finish() (wire.CombinedTreeProof, error) {
	auditor := uint64(0)
	if r.full.AuditorTreeHead != nil {
		auditor = r.full.AuditorTreeHead.TreeSize
	}
	proof, err := r.rec.Finish(auditor)
	if err != nil {
		return wire.CombinedTreeProof{}, err
	}
	return *proof, nil
}

// versions are those of the label in the head served.
func (r *response) versions() []Version {
	n := 0
	for n < len(r.Labels[r.label]) && r.Labels[r.label][n].Position < r.size {
		n++
	}
	return r.Labels[r.label][:n]
}

func (r *response) steps(versions []uint32, commitment func(v uint32) bool) []wire.BinaryLadderStep {
	var steps []wire.BinaryLadderStep
	all := r.versions()
	for _, v := range versions {
		step := wire.BinaryLadderStep{Proof: r.evaluate(r.label, v).proof}
		if int64(v) < int64(len(all)) && commitment(v) {
			c := all[v].Commitment
			step.Commitment = &c
		}
		steps = append(steps, step)
	}
	return steps
}

// Search answers a SearchRequest.
func (l *Log) Search(req *wire.SearchRequest) (*wire.SearchResponse, error) {
	r, err := l.begin(string(req.Label), req.Last)
	if err != nil {
		return nil, err
	}
	versions := r.versions()
	if len(versions) == 0 {
		return nil, problem.ErrNoAnswer
	}
	greatest := uint32(len(versions) - 1)
	target := greatest
	resp := &wire.SearchResponse{FullTreeHead: r.full}
	if req.Version != nil {
		if target = *req.Version; target > greatest {
			return nil, problem.ErrNoAnswer
		}
		_, err = r.view.Fixed(target)
	} else {
		resp.Version = &greatest
		_, err = r.view.Greatest(target)
	}
	if err != nil {
		return nil, err
	}
	if versions[target].Erased || versions[target].Skipped {
		return nil, problem.ErrNoAnswer
	}
	resp.Opening, resp.Value = versions[target].Opening, versions[target].Update
	resp.BinaryLadder = r.steps(combined.SearchVersions(target), func(v uint32) bool { return v != target })
	resp.Search, err = r.finish()
	return resp, err
}

// ContactMonitor answers a ContactMonitorRequest.
func (l *Log) ContactMonitor(req *wire.ContactMonitorRequest) (*wire.ContactMonitorResponse, error) {
	r, err := l.begin(string(req.Label), req.Last)
	if err != nil {
		return nil, err
	}
	if err := r.onPath(req.Entries); err != nil {
		return nil, err
	}
	if _, err := r.view.Contact(req.Entries, nil); err != nil {
		return nil, err
	}
	resp := &wire.ContactMonitorResponse{FullTreeHead: r.full}
	resp.Monitor, err = r.finish()
	return resp, err
}

func (r *response) onPath(entries []wire.MonitorMapEntry) error {
	versions := r.versions()
	for _, e := range entries {
		if int64(e.Version) >= int64(len(versions)) || !combined.OnPath(e.Position, versions[e.Version].Position) {
			return problem.ErrRefused
		}
	}
	return nil
}

// OwnerInit answers an OwnerInitRequest.
func (l *Log) OwnerInit(req *wire.OwnerInitRequest) (*wire.OwnerInitResponse, error) {
	r, err := l.begin(string(req.Label), req.Last)
	if err != nil {
		return nil, err
	}
	entries, err := r.view.InitEntries(req.Start)
	if err != nil {
		return nil, err
	}
	resp := &wire.OwnerInitResponse{FullTreeHead: r.full}
	for _, pos := range entries {
		v, ok := l.greatestAt(r.label)(pos)
		if !ok {
			break
		}
		resp.GreatestVersions = append(resp.GreatestVersions, v)
	}
	if _, err := r.view.OwnerInit(req.Start, resp.GreatestVersions); err != nil {
		return nil, err
	}
	resp.BinaryLadder = r.steps(combined.OwnerInitVersions(resp.GreatestVersions), func(v uint32) bool {
		return len(resp.GreatestVersions) > 0 && v <= resp.GreatestVersions[0]
	})
	resp.Init, err = r.finish()
	return resp, err
}

// OwnerMonitor answers an OwnerMonitorRequest.
func (l *Log) OwnerMonitor(req *wire.OwnerMonitorRequest) (*wire.OwnerMonitorResponse, error) {
	r, err := l.begin(string(req.Label), req.Last)
	if err != nil {
		return nil, err
	}
	if err := r.onPath(req.Entries); err != nil {
		return nil, err
	}
	if _, err := r.view.Contact(req.Entries, &req.Start); err != nil {
		return nil, err
	}
	at := l.greatestAt(r.label)
	limit := l.PageLimit
	if limit == 0 {
		limit = 200
	}
	if _, err := r.view.OwnerMonitor(req.Start, at, combined.StopAt(limit, req.GreatestVersion, at)); err != nil {
		return nil, err
	}
	resp := &wire.OwnerMonitorResponse{FullTreeHead: r.full}
	resp.Monitor, err = r.finish()
	return resp, err
}

// Update answers an UpdateRequest. It adds a log entry if values are taken.
func (l *Log) Update(req *wire.UpdateRequest) (*wire.UpdateResponse, error) {
	label := string(req.Label)
	known := 0
	if req.GreatestVersion != nil {
		known = int(*req.GreatestVersion) + 1
	}
	resp := new(wire.UpdateResponse)
	switch all := l.Labels[label]; {
	case known > len(all), known == len(all) && len(req.Values) == 0:
		return nil, problem.ErrRefused
	case known == len(all):
		var values [][]byte
		for _, v := range req.Values {
			values = append(values, v.Value)
		}
		resp.Position = l.Publish(map[string][][]byte{label: values})
	default:
		resp.Position = all[known].Position
		for _, v := range all[known:] {
			if v.Position == resp.Position && !v.Skipped {
				resp.Values = append(resp.Values, wire.LabelValue{Value: v.Update.Value})
			}
		}
	}
	r, err := l.begin(label, req.Last)
	if err != nil {
		return nil, err
	}
	resp.FullTreeHead = r.full
	greatest, _ := l.greatestAt(label)(resp.Position)
	for _, v := range l.Labels[label][known : greatest+1] {
		if v.Skipped {
			resp.SkippedVersions++
			continue
		}
		resp.Info = append(resp.Info, wire.UpdateInfo{Opening: v.Opening, Suffix: v.Update.Suffix})
	}
	u := combined.LabelUpdate{Position: resp.Position, Greatest: greatest, Previous: req.GreatestVersion, At: l.greatestAt(label)}
	if known > 0 {
		u.PreviousPosition = l.Labels[label][known-1].Position
	}
	if _, err := r.view.LabelUpdate(u); err != nil {
		return nil, err
	}
	resp.BinaryLadder = r.steps(combined.UpdateVersions(req.GreatestVersion, greatest), func(v uint32) bool { return int(v) < known-1 })
	resp.Update, err = r.finish()
	return resp, err
}

// Distinguished answers a DistinguishedRequest.
func (l *Log) Distinguished(req *wire.DistinguishedRequest) (*wire.DistinguishedResponse, error) {
	r, err := l.begin("", req.Last)
	if err != nil {
		return nil, err
	}
	if _, err := r.view.Distinguished(combined.KithRecent, req.Stop); err != nil {
		return nil, err
	}
	resp := &wire.DistinguishedResponse{FullTreeHead: r.full}
	resp.Distinguished, err = r.finish()
	return resp, err
}

// CredentialUpdate settles a provisional credential: from a tree of size prev, in
// which version was found in the terminal entry, to the distinguished entry.
func (l *Log) CredentialUpdate(label string, version uint32, terminal, prev, distinguished uint64) (*wire.CredentialUpdate, error) {
	rec := combined.NewRecord(l, distinguished+1, prev, func(v uint32) (wire.VRFOutput, error) { return l.Output(label, v), nil })
	view, err := rec.View(combined.ParamsOf(&l.Config))
	if err != nil {
		return nil, err
	}
	if l.Config.Mode == wire.ContactMonitoring {
		if err := view.CredentialUpdate(terminal, version); err != nil {
			return nil, err
		}
	}
	proof, err := rec.Finish(0)
	if err != nil {
		return nil, err
	}
	return &wire.CredentialUpdate{Monitor: *proof}, nil
}
