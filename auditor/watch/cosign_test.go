package watch

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
)

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// proof is the consistency proof of two sizes.
func (w *world) proof(older, newer int) []checkpoint.Hash {
	if older == 0 || older == newer {
		return nil
	}
	p, err := tlog.ProveTree(int64(newer), int64(older), stored(w.hashes))
	must(w.t, err)
	return p
}

// TestCosignsWhatItAudited: and nothing else, and never back.
func TestCosignsWhatItAudited(t *testing.T) {
	w := newWorld(t, nil).fill(30)
	dir := w.init(nil)
	watch := w.open(dir, nil)
	if line, err := watch.Cosign(w.checkpoint(30), 0, nil); !errors.Is(err, ErrNotAudited) || line != nil {
		t.Fatalf("cosigned what was not audited: %q, %v", line, err)
	}
	passes(t, watch)
	cosign := func(size, older int, proof []checkpoint.Hash) error {
		t.Helper()
		note := w.checkpoint(size)
		line, err := watch.Cosign(note, uint64(older), proof)
		if err != nil {
			if line != nil {
				t.Errorf("%q with %v", line, err)
			}
			return err
		}
		whole, err := checkpoint.AddCosignatures(note, line)
		must(t, err)
		quorum, err := checkpoint.NewQuorum(1, watch.Status().Cosigner)
		must(t, err)
		signed, err := watch.Log().Verifier.Open(whole)
		must(t, err)
		now := uint64(w.now().Unix())
		if _, err := quorum.Check(signed, now, now); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
		kept, err := os.ReadFile(filepath.Join(dir, cosignedFile))
		if err != nil || !bytes.Equal(kept, whole) || !bytes.Equal(watch.Cosigned(), whole) {
			t.Errorf("size %d: not durable: %v", size, err)
		}
		return nil
	}
	wrongSize := func(err error, size uint64) {
		t.Helper()
		if e, ok := errors.AsType[*SizeError](err); !ok || e.Size != size {
			t.Errorf("%v, and %d was cosigned last", err, size)
		}
	}
	must(t, cosign(10, 0, nil))
	wrongSize(cosign(20, 0, nil), 10)
	wrongSize(cosign(20, 5, w.proof(5, 20)), 10)
	wrongSize(cosign(5, 5, nil), 10)
	if err := cosign(5, 10, nil); !errors.Is(err, ErrBack) {
		t.Errorf("back: %v", err)
	}
	if err := cosign(20, 10, nil); !errors.Is(err, checkpoint.ErrProof) {
		t.Errorf("no proof: %v", err)
	}
	if err := cosign(20, 10, w.proof(10, 21)); !errors.Is(err, checkpoint.ErrProof) {
		t.Errorf("another proof: %v", err)
	}
	must(t, cosign(10, 10, nil)) // again
	must(t, cosign(20, 10, w.proof(10, 20)))
	must(t, watch.Close())

	// It does not forget.
	watch = w.open(dir, nil)
	if s := watch.Status(); s.CosignedSize != 20 || s.CosignedAt.IsZero() {
		t.Errorf("%+v", s)
	}
	wrongSize(cosign(10, 10, nil), 20)
	must(t, cosign(30, 20, w.proof(20, 30)))
	must(t, watch.Close())

	// Who has cosigned and lost what they knew must not begin anew.
	must(t, os.Remove(filepath.Join(dir, progressFile)))
	if _, err := Open(t.Context(), w.options(dir)); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
}

// TestCosigningFindsForks: a checkpoint that the log signed, and that is not of the
// log audited, is evidence, not a mere refusal.
func TestCosigningFindsForks(t *testing.T) {
	for _, size := range []int{30, 25} {
		w := newWorld(t, nil).fill(30)
		watch := w.start()
		passes(t, watch)
		other := fork(t, 12, 30)
		line, err := watch.Cosign(other.checkpoint(size), 0, nil)
		m, ok := errors.AsType[*Misbehaved](err)
		if !ok || line != nil || m.Finding.Kind != string(pass.Fork) {
			t.Fatalf("size %d: %q, %v", size, line, err)
		}
		v := verdict(t, watch, m.Finding)
		if size == 30 && v.Kind != evidence.TwoCheckpoints || size == 25 && v.Kind != evidence.CheckpointsDiverge {
			t.Errorf("size %d: %+v", size, v)
		}
		if _, err := watch.Pass(t.Context()); err == nil {
			t.Error("it goes on")
		}
	}
}

// TestConflictDuringALongPass: what is brought while a pass is made that takes long is
// evidence when that ends, or, if the process is stopped first, when the next one does.
func TestConflictDuringALongPass(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		w := newWorld(t, nil).fill(30)
		dir := w.init(nil)
		watch := w.open(dir, func(o *Options) { o.conflictWait = time.Millisecond })
		passes(t, watch)
		w.fill(5)
		entered, goOn := make(chan struct{}), make(chan struct{})
		source := &slow{world: w, entered: entered, goOn: goOn}
		watch.source = source
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := watch.Pass(ctx)
			ended <- err
		}()
		<-entered
		other := fork(t, 12, 30)
		for range 2 {
			line, err := watch.Cosign(other.checkpoint(25), 0, nil)
			if line != nil || !errors.Is(err, ErrConflict) {
				t.Fatalf("%q, %v", line, err)
			}
		}
		if line, err := watch.Cosign(w.checkpoint(30), 0, nil); line != nil || !errors.Is(err, ErrConflict) {
			t.Errorf("cosigned %q, %v", line, err)
		}
		if stopped {
			stop()
		}
		close(goOn)
		err := <-ended
		if stopped {
			if _, ok := errors.AsType[*Misbehaved](err); ok {
				t.Fatal(err)
			}
			must(t, watch.Close())
			watch = w.open(dir, nil)
			_, err = watch.Pass(t.Context())
		}
		stop()
		m, ok := errors.AsType[*Misbehaved](err)
		if !ok || m.Finding.Kind != string(pass.Fork) {
			t.Fatalf("stopped %v: %v", stopped, err)
		}
		if v := verdict(t, watch, m.Finding); v.Kind != evidence.CheckpointsDiverge {
			t.Errorf("%+v", v)
		}
		if _, err := os.Stat(filepath.Join(dir, conflictFile)); !os.IsNotExist(err) {
			t.Errorf("it waits on: %v", err)
		}
		must(t, watch.Close())
	}
}

// slow is a world whose document comes late.
type slow struct {
	*world
	entered, goOn chan struct{}
	once          sync.Once
}

func (s *slow) Document(ctx context.Context) ([]byte, error) {
	s.once.Do(func() { close(s.entered) })
	<-s.goOn
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.world.Document(ctx)
}

// TestPutBackFromACopy: a folder that is older than the cosignatures of its key signs
// nothing, as soon as it is shown one of them; and audits on.
func TestPutBackFromACopy(t *testing.T) {
	w := newWorld(t, nil).fill(30)
	dir := w.init(nil)
	watch := w.open(dir, nil)
	passes(t, watch)
	_, err := watch.Cosign(w.checkpoint(10), 0, nil)
	must(t, err)
	must(t, watch.Close())
	copied := filepath.Join(t.TempDir(), "copy")
	copyFolder(t, copied, dir)
	watch = w.open(dir, nil)
	w.fill(10)
	passes(t, watch)
	_, err = watch.Cosign(w.checkpoint(40), 10, w.proof(10, 40))
	must(t, err)
	own := watch.Cosigned()
	w.lie = func(path string, b []byte) ([]byte, error) {
		if path == "checkpoint" {
			return own, nil
		}
		return b, nil
	}
	passes(t, watch) // its own is nothing new to it
	must(t, watch.Close())

	refuses := func(watch *Watch) {
		t.Helper()
		for size := 10; size <= 40; size += 10 {
			if line, err := watch.Cosign(w.checkpoint(size), 10, w.proof(10, size)); line != nil || !errors.Is(err, ErrRestored) {
				t.Errorf("size %d: cosigned %q, %v", size, line, err)
			}
		}
		if f := watch.Findings(); len(f) != 1 || f[0].Kind != KindRestored || f[0].Final || f[0].Proved || f[0].File != "" || !strings.Contains(f[0].Text, "size 40") {
			t.Errorf("%+v", f)
		}
	}
	told := 0
	alerted := func(o *Options) {
		o.Alerts = []Alert{{"a", func(context.Context, Finding) error { told++; return nil }}}
	}
	again := filepath.Join(t.TempDir(), "again")
	copyFolder(t, again, copied)
	watch = w.open(copied, alerted)
	if _, err := watch.Pass(t.Context()); !errors.Is(err, ErrRestored) {
		t.Fatal(err)
	}
	if s := watch.Status(); s.Misbehaved || s.Size != 40 || !strings.Contains(s.Fault, "put back") {
		t.Errorf("%+v", s)
	}
	refuses(watch)
	watch.deliver(t.Context(), 1)
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	w.lie = nil
	if _, err := watch.Pass(t.Context()); !errors.Is(err, ErrRestored) {
		t.Error(err)
	}
	must(t, watch.Close())
	watch = w.open(copied, nil) // nor does it forget, though nobody shows it any more
	refuses(watch)
	must(t, watch.Close())

	// The same when a request shows it.
	watch = w.open(again, nil)
	passes(t, watch)
	if line, err := watch.Cosign(own, 10, w.proof(10, 40)); line != nil || !errors.Is(err, ErrRestored) {
		t.Errorf("cosigned %q, %v", line, err)
	}
	refuses(watch)
	must(t, watch.Close())

	// With another key it begins anew.
	must(t, os.Remove(filepath.Join(again, cosignerFile)))
	_, err = Init(t.Context(), InitOptions{Dir: again, Source: w, Now: w.now})
	must(t, err)
	watch = w.open(again, nil)
	w.fill(10)
	passes(t, watch)
	if _, err := watch.Cosign(w.checkpoint(50), 10, w.proof(10, 50)); err != nil {
		t.Error(err)
	}
}

// copyFolder copies an auditor's folder.
func copyFolder(t *testing.T, to, from string) {
	must(t, os.CopyFS(to, os.DirFS(from)))
	must(t, filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = os.Chmod(path, 0o600)
		}
		return err
	}))
}

// TestProofTakesThePlaceOfAWord: a watch that ended for what it can only attest names
// the proof once there is one.
func TestProofTakesThePlaceOfAWord(t *testing.T) {
	w := newWorld(t, nil).fill(30)
	watch := w.start()
	passes(t, watch)
	w.lie = func(path string, b []byte) ([]byte, error) {
		if path == "checkpoint" {
			b = w.checkpoint(20)
		}
		return b, nil
	}
	for range gracePasses - 1 {
		_, _ = watch.Pass(t.Context())
		w.wait(6 * time.Second)
	}
	if f, _ := caught(t, watch); f.Proved {
		t.Fatalf("%+v", f)
	}
	e, err := evidence.NewTwoCheckpoints(w.envelope, w.checkpoint(30), fork(t, 12, 30).checkpoint(30))
	must(t, err)
	file, err := e.Append(nil)
	must(t, err)
	_, err = watch.Convict(file)
	must(t, err)
	if m, ok := errors.AsType[*Misbehaved](watch.Misbehaved()); !ok || !m.Finding.Proved {
		t.Errorf("%+v", m.Finding)
	}
}

// TestOthersLinesAreNotKept: who asks may write lines of anybody's under the log's
// signature; they go no further.
func TestOthersLinesAreNotKept(t *testing.T) {
	w := newWorld(t, nil).fill(30)
	watch := w.start()
	passes(t, watch)
	note := w.checkpoint(30)
	for i := range 40 {
		note = append(note, fmt.Sprintf("— buy-at-%d.example %s\n", i, base64.StdEncoding.EncodeToString(make([]byte, 500)))...)
	}
	line, err := watch.Cosign(note, 0, nil)
	must(t, err)
	if kept := watch.Cosigned(); !bytes.HasSuffix(kept, line) || bytes.Contains(kept, []byte("buy")) {
		t.Errorf("kept: %d bytes", len(kept))
	}
	must(t, watch.Close())
}

// TestNoCosignerNoCosignature: a folder of before has none.
func TestNoCosignerNoCosignature(t *testing.T) {
	w := newWorld(t, nil).fill(30)
	dir := w.init(nil)
	must(t, os.Remove(filepath.Join(dir, cosignerFile)))
	watch := w.open(dir, nil)
	passes(t, watch)
	if _, err := watch.Cosign(w.checkpoint(30), 0, nil); !errors.Is(err, ErrNoCosigner) {
		t.Error(err)
	}
	must(t, watch.Close())
	if _, err := Init(t.Context(), InitOptions{Dir: dir, Source: w, Now: w.now}); err != nil {
		t.Fatal(err)
	}
	watch = w.open(dir, nil)
	if _, err := watch.Cosign(w.checkpoint(30), 0, nil); err != nil {
		t.Error(err)
	}
}
