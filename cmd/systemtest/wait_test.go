package systemtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// pause is between two looks at what must happen: auditors have their limits.
const pause = 20 * time.Millisecond

// eventually waits for what must happen. If it does not, the test ends and says what
// it waited for, and what was seen last.
func eventually(t testing.TB, what string, happened func() bool, seen ...func() any) {
	t.Helper()
	for end := time.Now().Add(patience); !happened(); time.Sleep(pause) {
		if time.Now().After(end) {
			last := ""
			for _, s := range seen {
				last += fmt.Sprintf("\n%+v", s())
			}
			t.Fatalf("it does not happen within %v that %s%s", patience, what, last)
		}
	}
}

// addressTaken is what a program says that cannot listen for somebody else does.
const addressTaken = "address already in use"

// addresses are those that tests of this process were given.
var addresses struct {
	sync.Mutex
	given map[string]bool
}

// freeAddress is one that nobody listens on, for a program that is started soon, or
// stopped and started again. Its port is not of those that the system gives to
// whoever connects somewhere or listens on any port: these might be taken meanwhile.
func freeAddress(t testing.TB) string {
	t.Helper()
	first, last := 10_000, 32_000
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		var from int
		if _, err := fmt.Sscan(string(b), &from); err == nil && from > first+1_000 {
			last = min(last, from)
		}
	}
	addresses.Lock()
	defer addresses.Unlock()
	if addresses.given == nil {
		addresses.given = map[string]bool{}
	}
	for range 1_000 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(last-first))
		if addresses.given[address] {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			must(t, l.Close())
			addresses.given[address] = true
			return address
		}
	}
	t.Fatal("there is no free port")
	return ""
}
