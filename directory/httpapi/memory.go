package httpapi

import "sync"

// What large bodies and answers may take, in bytes: all of them, and those of
// one requester, who gets at least one however large it is.
const (
	maxMemory   = 256 << 20
	memoryShare = maxMemory / 8
)

// A memory is bytes lent to requests while slow clients send or receive them.
type memory struct {
	mu    sync.Mutex
	lent  int64
	share map[requester]int64 // of lent
}

func newMemory() *memory { return &memory{share: map[requester]int64{}} }

// lend reports whether there are n bytes for a requester; it gives them back
// with giveBack.
func (m *memory) lend(who requester, n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	has := m.share[who]
	if m.lent+n > maxMemory || has > 0 && has+n > memoryShare {
		return false
	}
	m.lent += n
	m.share[who] = has + n
	return true
}

func (m *memory) giveBack(who requester, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lent -= n
	if m.share[who] -= n; m.share[who] <= 0 {
		delete(m.share, who)
	}
}
