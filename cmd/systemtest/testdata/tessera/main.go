// Foreign reads what kithd serves with code that nobody of this project wrote:
// Tessera's fsck over the tiles, golang.org/x/mod/sumdb's note and tlog over
// checkpoints and proofs, and transparency-dev/formats over checkpoints and
// cosignatures. It is a module of its own, so that the project does not depend on
// any of these; cmd/systemtest builds and runs it.
//
//	foreign fsck DIR|URL LOGKEY            all tiles, leaves and the checkpoint
//	foreign proofs URL LOGKEY OLDER        proofs from tiles; OLDER: file of an older checkpoint
//	foreign cosigned FILE LOGKEY KEY...    a checkpoint cosigned with every KEY
//	foreign cosign FILE LOGKEY             cosigns it with two new keys, one Ed25519, one
//	                                       ML-DSA-44; prints keys and checkpoint as JSON
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "foreign:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 3 || args[0] == "proofs" && len(args) < 4 {
		return errors.New("usage: foreign fsck|proofs|cosigned ...")
	}
	verifier, err := note.NewVerifier(args[2])
	if err != nil {
		return err
	}
	switch args[0] {
	case "fsck":
		return check(ctx, args[1], verifier)
	case "proofs":
		return proofs(args[1], verifier, args[3])
	case "cosigned":
		return cosigned(args[1], verifier, args[3:])
	case "cosign":
		return cosign(args[1], verifier)
	}
	return fmt.Errorf("no such command: %s", args[0])
}

// check has Tessera compute the whole tree again.
func check(ctx context.Context, place string, verifier note.Verifier) error {
	var source fsck.Fetcher = &client.FileFetcher{Root: filepath.Join(place, "log")}
	if strings.Contains(place, "://") {
		base, err := url.Parse(place + "/log/")
		if err != nil {
			return err
		}
		if source, err = client.NewHTTPFetcher(base, nil); err != nil {
			return err
		}
	}
	f := fsck.New(verifier.Name(), verifier, source, leafHashes, fsck.Opts{N: 2})
	if err := f.Check(ctx); err != nil {
		return err
	}
	raw, err := source.ReadCheckpoint(ctx)
	if err != nil {
		return err
	}
	c, rest, _, err := log.ParseCheckpoint(raw, verifier.Name(), verifier)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("extension lines: %q", rest)
	}
	fmt.Printf("fsck: %d leaves\n", c.Size)
	return nil
}

func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var out [][]byte
	for _, e := range b.Entries {
		out = append(out, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return out, nil
}

// tiles reads tiles over HTTP, as a client of sumdb/tlog does. Its paths differ
// from C2SP's in the first segments alone.
type tiles struct{ base string }

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(want []tlog.Tile) (out [][]byte, err error) {
	for _, w := range want {
		b, err := get(t.base + "/log/tile/" + strings.TrimPrefix(w.Path(), "tile/8/"))
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func get(address string) ([]byte, error) {
	c := http.Client{Timeout: 10 * time.Second}
	r, err := c.Get(address)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", address, r.Status)
	}
	return b, err
}

func open(raw []byte, verifier note.Verifier) (tlog.Tree, error) {
	n, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	c, _, _, err := log.ParseCheckpoint(raw, verifier.Name(), verifier)
	if err != nil {
		return tlog.Tree{}, err
	}
	if lines := strings.Split(n.Text, "\n"); len(lines) != 4 || lines[1] != fmt.Sprint(c.Size) {
		return tlog.Tree{}, fmt.Errorf("two readings of %q", n.Text)
	}
	tree := tlog.Tree{N: int64(c.Size)}
	copy(tree.Hash[:], c.Hash)
	return tree, nil
}

// proofs proves every leaf, and the older checkpoint.
func proofs(base string, verifier note.Verifier, olderFile string) error {
	raw, err := get(base + "/log/checkpoint")
	if err != nil {
		return err
	}
	newer, err := open(raw, verifier)
	if err != nil {
		return err
	}
	raw, err = os.ReadFile(olderFile)
	if err != nil {
		return err
	}
	older, err := open(raw, verifier)
	if err != nil {
		return err
	}
	if older.N >= newer.N {
		return fmt.Errorf("from %d to %d leaves: nothing to prove", older.N, newer.N)
	}
	hashes := tlog.TileHashReader(newer, tiles{base})
	proof, err := tlog.ProveTree(newer.N, older.N, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash); err != nil {
		return err
	}
	for first := int64(0); first < newer.N; first += 256 {
		path := (tlog.Tile{H: 8, N: first / 256, W: int(min(256, newer.N-first))}).Path()
		b, err := get(base + "/log/tile/entries/" + strings.TrimPrefix(path, "tile/8/0/"))
		if err != nil {
			return err
		}
		var bundle api.EntryBundle
		if err := bundle.UnmarshalText(b); err != nil {
			return err
		}
		for i, entry := range bundle.Entries {
			proof, err := tlog.ProveRecord(newer.N, first+int64(i), hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, newer.N, newer.Hash, first+int64(i), tlog.RecordHash(entry)); err != nil {
				return err
			}
		}
	}
	fmt.Printf("proofs: %d leaves, and that they continue %d\n", newer.N, older.N)
	return nil
}

// cosigned verifies a checkpoint's cosignatures.
func cosigned(file string, verifier note.Verifier, keys []string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var cosigners []note.Verifier
	for _, key := range keys {
		v, err := fnote.NewVerifierForCosignatureV1(key)
		if err != nil {
			return err
		}
		cosigners = append(cosigners, v)
	}
	_, _, n, err := log.ParseCheckpoint(raw, verifier.Name(), verifier, cosigners...)
	if err != nil {
		return err
	}
	if len(n.Sigs) != 1+len(keys) {
		return fmt.Errorf("%d signatures hold, of %d", len(n.Sigs), 1+len(keys))
	}
	for _, s := range n.Sigs[1:] {
		at, err := fnote.CoSigV1Timestamp(s)
		if err != nil {
			return err
		}
		fmt.Printf("cosigned: %s at %d\n", s.Name, at.Unix())
	}
	return nil
}

// cosign cosigns a checkpoint with new keys.
func cosign(file string, verifier note.Verifier) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	plain, vkey, err := note.GenerateKey(rand.Reader, "foreign.example/ed25519")
	if err != nil {
		return err
	}
	var out struct {
		Keys       []string `json:"keys"`
		Checkpoint string   `json:"checkpoint"`
	}
	if vkey, err = fnote.VKeyToCosignatureV1(vkey); err != nil {
		return err
	}
	lattice, latticeKey, err := fnote.GenerateMLDSAKey("foreign.example/ml-dsa-44")
	if err != nil {
		return err
	}
	out.Keys = []string{vkey, latticeKey}
	var signers []note.Signer
	for _, skey := range []string{plain, lattice} {
		s, err := fnote.NewSignerForCosignatureV1(skey)
		if err != nil {
			return err
		}
		signers = append(signers, s)
	}
	signed, err := note.Sign(n, signers...)
	if err != nil {
		return err
	}
	out.Checkpoint = string(signed)
	return json.NewEncoder(os.Stdout).Encode(out)
}
