package combined

import (
	"flag"
	"os"
	"testing"
)

// TestMain asks rapid for more logs than its default, which is too few to meet
// every outcome of a search. KITH_SOAK=1 asks for many more.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		checks := "5000"
		if os.Getenv("KITH_SOAK") == "1" {
			checks = "200000"
		}
		if err := f.Value.Set(checks); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
