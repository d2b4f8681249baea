package group

import (
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// Sizes of groups that are measured.
var benchSizes = []int{2, 16, 128, 1024}

var benchSuites = []suite.ID{suite.X25519_AES128GCM_SHA256_Ed25519}

func benchEach(b *testing.B, run func(b *testing.B, w *world, n int)) {
	for _, id := range benchSuites {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("%v/%d", id, n), func(b *testing.B) { run(b, newWorld(b, id, 1), n) })
		}
	}
}

// crowd makes clients with their KeyPackages.
func (w *world) crowd(n int) ([]*peer, []message.Proposal) {
	all := make([]*peer, n)
	for i := range all {
		all[i] = w.client(fmt.Sprint("client ", i))
	}
	return all, adds(all[1:]...)
}

// founded is a group of n in which the first, the second and the last are there.
func (w *world) founded(n int) (first, second, last *peer) {
	all, invited := w.crowd(n)
	all[0].create(CreateOptions{})
	p, err := all[0].Commit(CommitOptions{ByValue: invited})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := all[0].Merge(p); err != nil {
		w.t.Fatal(err)
	}
	for _, c := range []*peer{all[1], all[n-1]} {
		if c.State != nil {
			continue // a group of two
		}
		if err := c.join(p.Welcome); err != nil {
			w.t.Fatal(err)
		}
	}
	return all[0], all[1], all[n-1]
}

// BenchmarkCreate founds a group and invites everybody with one Commit.
func BenchmarkCreate(b *testing.B) {
	benchEach(b, func(b *testing.B, w *world, n int) {
		all, invited := w.crowd(n)
		for b.Loop() {
			all[0].create(CreateOptions{})
			p, err := all[0].Commit(CommitOptions{ByValue: invited})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := all[0].Merge(p); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(p.Welcome)), "welcome-B")
		}
	})
}

// BenchmarkJoin enters the group by its Welcome.
func BenchmarkJoin(b *testing.B) {
	benchEach(b, func(b *testing.B, w *world, n int) {
		all, invited := w.crowd(n)
		all[0].create(CreateOptions{})
		p, err := all[0].Commit(CommitOptions{ByValue: invited})
		if err != nil {
			b.Fatal(err)
		}
		c := all[n-1]
		kp := *c.kp.Private
		for b.Loop() {
			private := kp
			private.InitKey, private.EncryptionKey = append([]byte(nil), kp.InitKey...), append([]byte(nil), kp.EncryptionKey...)
			c.kp = &KeyPackage{Public: c.kp.Public, Private: &private}
			if err := c.join(p.Welcome); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSend and BenchmarkReceive are an application message of 100 bytes.
func BenchmarkSend(b *testing.B) {
	benchEach(b, func(b *testing.B, w *world, n int) {
		first, _, _ := w.founded(n)
		data := make([]byte, 100)
		for b.Loop() {
			if _, err := first.Protect(data, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReceive(b *testing.B) {
	benchEach(b, func(b *testing.B, w *world, n int) {
		first, _, last := w.founded(n)
		data := make([]byte, 100)
		for b.Loop() {
			b.StopTimer()
			msg, err := first.Protect(data, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if _, err := last.Process(msg); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCommit makes and merges an empty Commit, BenchmarkProcessCommit follows
// one. After the first the tree is as full as one committer makes it.
func BenchmarkCommit(b *testing.B) {
	benchEach(b, func(b *testing.B, w *world, n int) {
		first, _, _ := w.founded(n)
		for b.Loop() {
			p, err := first.Commit(CommitOptions{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(p.Message)), "commit-B")
			if _, err := first.Merge(p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkProcessCommit(b *testing.B) {
	benchEach(b, func(b *testing.B, w *world, n int) {
		first, _, last := w.founded(n)
		for b.Loop() {
			b.StopTimer()
			p, err := first.Commit(CommitOptions{})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := first.Merge(p); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if _, err := last.Process(p.Message); err != nil {
				b.Fatal(err)
			}
		}
	})
}
