package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/provider"
)

func (p *program) newVerifyEvidence() *cobra.Command {
	var v evidenceCheck
	cmd := &cobra.Command{
		Use:   "verify-evidence FILE...",
		Short: "Check evidence of a provider's misbehaviour, offline",
		Long: `Verify-evidence says what evidence files show, who is accused, and whether anybody
need be believed. It asks nobody. FILE.update is read where a file needs one.

Anybody can make a log, and evidence against it, under any name. Compare the
fingerprint and the root keys with those you know, or let them be compared: with
--fingerprint, with --document, a provider document that you have (kith.json), or
with --data, the folder of an auditor of that provider. The fingerprint alone decides
only about evidence that rests on the log's signature key.

Exit codes: 0 all files are evidence, about the provider you named if you named
one; 1 not; 2 usage.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return p.verifyEvidence(args, v) },
	}
	cmd.Flags().StringVar(&v.update, "update", "", "`FILE` with the update that the evidence has no room for (default: FILE.update)")
	cmd.Flags().StringVar(&v.fingerprint, "fingerprint", "", "the accused log must be the one with fingerprint `F`")
	cmd.Flags().StringVar(&v.document, "document", "", "the accused must be the provider of this signed document, `FILE`")
	return cmd
}

// An evidenceCheck is what verify-evidence was told.
type evidenceCheck struct {
	update, fingerprint, document string

	expect *provider.Fingerprint
	known  *provider.Document
}

// An evidenceView is verified evidence in JSON.
type evidenceView struct {
	File        string `json:"file"`
	Verified    bool   `json:"verified"`
	Error       string `json:"error,omitempty"` // why not
	Kind        string `json:"kind,omitempty"`
	Proved      bool   `json:"proved"`
	Domain      string `json:"domain,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Keys        string `json:"keys,omitempty"` // that convict
	Entry       uint64 `json:"entry"`
	Text        string `json:"text,omitempty"`
	Claim       string `json:"claim,omitempty"`
	Observer    string `json:"observer,omitempty"`
	Time        uint64 `json:"time,omitempty"`     // ms since the Unix epoch, by the observer's clock
	Concerns    *bool  `json:"concerns,omitempty"` // the provider that was named; absent if none was
}

const maxDocument = provider.MaxSize

func (p *program) verifyEvidence(files []string, v evidenceCheck) error {
	var err error
	if v.update != "" && len(files) > 1 {
		return usage(errors.New("--update goes with one file"), "put the update beside each file, as FILE.update")
	}
	if v.expect, err = parseFingerprint(v.fingerprint); err != nil {
		return err
	}
	if v.document == "" && p.data != "" {
		v.document = filepath.Join(p.data, "kith.json")
	}
	if v.document != "" {
		b, err := readUpTo(v.document, maxDocument)
		if err != nil {
			return err
		}
		pinned, err := provider.Reopen(b)
		if err != nil {
			return fmt.Errorf("%s: %w", v.document, err)
		}
		v.known = pinned.Document
	}
	views := []evidenceView{}
	failures := 0
	for i, file := range files {
		view, lines, err := v.verify(file)
		if err != nil {
			view.Error = plain(err)
			failures++
		}
		views = append(views, view)
		if p.json {
			continue
		}
		if i > 0 {
			fmt.Fprintln(p.out)
		}
		fmt.Fprintln(p.out, "file         "+file)
		for _, line := range lines {
			fmt.Fprintln(p.out, printable(line))
		}
		if view.Error != "" {
			fmt.Fprintln(p.out, "refused      "+printable(view.Error))
		}
	}
	if p.json {
		if err := p.emit(views); err != nil {
			return err
		}
	}
	switch {
	case failures == 0:
		return nil
	case len(files) == 1:
		return said(errors.New(views[0].File+": "+views[0].Error), evidenceHint(views[0]))
	}
	return said(fmt.Errorf("%d of %d files are not evidence", failures, len(files)), "what is wrong stands under each file")
}

// said is a failure that standard output has in JSON already.
func said(err error, hint string) error {
	return &failure{err: err, hint: hint, code: exitFailed, said: true}
}

func evidenceHint(v evidenceView) string {
	switch {
	case v.Verified && v.Concerns != nil && !*v.Concerns:
		return "it holds against whoever has the keys in it; that it is the provider you named does not follow"
	case v.Verified:
		return ""
	}
	return "nobody is accused by this file"
}

// verify verifies one file.
func (v *evidenceCheck) verify(file string) (view evidenceView, lines []string, err error) {
	view.File = file
	b, err := readUpTo(file, evidence.MaxSize)
	if err != nil {
		return view, nil, err
	}
	e, err := evidence.Parse(b)
	if err != nil {
		return view, nil, err
	}
	beside := v.update
	if beside == "" {
		beside = file + ".update"
	}
	e.Detached, err = readUpTo(beside, evidence.MaxDetached)
	if err != nil && (v.update != "" || !errors.Is(err, fs.ErrNotExist)) {
		return view, nil, err
	}
	verdict, err := e.VerifyWith(client.SavedValues)
	if err != nil {
		return view, nil, err
	}
	view = evidenceView{
		File: file, Verified: true, Kind: verdict.Kind.String(), Proved: verdict.Proved, Domain: verdict.Domain,
		Fingerprint: verdict.Fingerprint.String(), Keys: verdict.Keys.String(), Entry: verdict.Entry, Text: verdict.Text,
	}
	if !verdict.Proved {
		view.Claim, view.Observer, view.Time = verdict.Claim.String(), verdict.Observer, verdict.Time
	}
	err = v.concerns(verdict)
	if v.expect != nil || v.known != nil {
		about := err == nil
		view.Concerns = &about
	}
	return view, verdict.Lines(), err
}

// concerns holds a verdict against the provider that was named, if one was.
func (v *evidenceCheck) concerns(verdict *evidence.Verdict) error {
	if v.expect != nil && *v.expect != verdict.Fingerprint {
		return fmt.Errorf("%w: the accused log's fingerprint is %s", evidence.ErrForeign, verdict.Fingerprint)
	}
	if v.known != nil {
		return verdict.Concerns(v.known)
	}
	if v.expect != nil && (verdict.Keys != evidence.SignatureKey || !verdict.Proved) {
		return errors.New("the fingerprint says nothing about the other keys that this rests on; name the provider with --document")
	}
	return nil
}

// readUpTo reads a file of at most so many bytes.
func readUpTo(name string, most int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(b) > most {
		err = fmt.Errorf("%s: larger than %d bytes", name, most)
	}
	return b, err
}

// printable takes out of a line what a terminal would act on.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
