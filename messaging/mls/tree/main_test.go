package tree

import (
	"flag"
	"os"
	"testing"
)

// TestMain asks rapid for more histories than its default. KITH_SOAK=1 asks for
// many more.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		checks := "500"
		if os.Getenv("KITH_SOAK") == "1" {
			checks = "30000"
		}
		if err := f.Value.Set(checks); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
