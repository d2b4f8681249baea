package group

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// welcome makes one Welcome for all whom the Commit adds ("Adding Members to the
// Group", 12.4.3). Its encryptions, which are most of the work of a large
// invitation, are shared out among the processors.
func (d *draft) welcome(next *epoch, signer suite.Signer, t *transition, path *treekem.Created, secrets *schedule.Secrets) (*message.Welcome, error) {
	s := d.cfg.Suite
	info, err := next.groupInfo(s, signer, d.cfg.Rand, GroupInfoOptions{WithoutTree: !d.withTree, Extensions: d.extensions})
	if err != nil {
		return nil, err
	}
	w := message.NewWelcome(s, secrets.Welcome, info)
	psks := make([]schedule.PreSharedKeyID, len(t.list.psks))
	for i, id := range t.list.psks {
		psks[i] = *id
	}
	w.Secrets = make([]message.EncryptedGroupSecrets, len(t.added))
	errs := make([]error, len(t.added))
	sealer := w.Sealer(s)
	parallel(len(t.added), func(i int) {
		g := &message.GroupSecrets{JoinerSecret: secrets.Joiner, PSKs: psks}
		if path != nil {
			g.PathSecret = path.PathSecret(t.added[i])
		}
		w.Secrets[i], errs[i] = message.SealGroupSecrets(s, t.list.adds[i].KeyPackage, g, sealer)
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// parallel calls f for all of [0, n), on all processors.
func parallel(n int, f func(i int)) {
	var next atomic.Int64
	worker := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i)
		}
	}
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n/4) - 1 {
		group.Go(worker)
	}
	worker()
	group.Wait()
}
