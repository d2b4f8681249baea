package archive

import "pgregory.net/rapid"

func must2(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}
