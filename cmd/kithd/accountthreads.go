package main

import (
	"runtime"
	"sync"
)

// spareThreads is how many threads there are beyond the cores.
const spareThreads = 2

// loginThreads returns how many powers logins may compute at a time: one for each
// core. From then on there are more threads than cores, since a power takes
// milliseconds and Go's scheduler would let everything else wait until it ends; the
// system's gives way at once to what is short.
var loginThreads = sync.OnceValue(func() int {
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(n + spareThreads)
	return n
})
