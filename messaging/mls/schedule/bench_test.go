package schedule_test

import (
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// The key of one message in order, of a leaf that has written before.
func BenchmarkNextKey(b *testing.B) {
	_, keys, _ := newTree(b, 1024)
	for b.Loop() {
		if _, _, err := keys.NextKey(17, schedule.Application); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeekCommit(b *testing.B) {
	_, keys, _ := newTree(b, 1024)
	g := uint32(0)
	for b.Loop() {
		commit(b, peek(b, keys, 17, schedule.Application, g))
		g++
	}
}

// The first key of a leaf in a tree where nobody has written.
func BenchmarkFirstKey(b *testing.B) {
	for _, leaves := range []uint32{2, 16, 128, 1024} {
		b.Run(fmt.Sprint(leaves), func(b *testing.B) {
			s := get(b, testSuite)
			for b.Loop() {
				keys := schedule.NewSecretTree(s, mlstest.Bytes(1, s.HashSize()), leaves)
				commit(b, peek(b, keys, tree.LeafIndex(leaves-1), schedule.Application, 0))
			}
		})
	}
}

// What a forged message can cost.
func BenchmarkFarthestPeek(b *testing.B) {
	_, keys, _ := newTree(b, 1024)
	for b.Loop() {
		peek(b, keys, 17, schedule.Application, schedule.MaxForward).Discard()
	}
}

// What is written for a message.
func BenchmarkLeafRecord(b *testing.B) {
	_, keys, _ := newTree(b, 1024)
	commit(b, peek(b, keys, 17, schedule.Application, 0))
	for b.Loop() {
		keys.LeafRecord(17)
	}
}

func BenchmarkNextEpoch(b *testing.B) {
	s := get(b, testSuite)
	init, commit := mlstest.Bytes(1, s.HashSize()), mlstest.Bytes(2, s.HashSize())
	for b.Loop() {
		schedule.Next(s, init, commit, schedule.NoSecret(s), testContext())
	}
}
