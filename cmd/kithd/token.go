package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/label"
)

func newTokenCommand() *cobra.Command {
	var search, list bool
	var revoke string
	cmd := &cobra.Command{
		Use:   "token --data DIR [LABEL]",
		Short: "Make, list and revoke bearer tokens",
		Long: `Token makes a token with which the owner of a label may publish its versions,
and writes it to standard output, this once: the log keeps its hash alone. Give
it to the owner over a way you trust. With --search, and no label, the token is
for looking labels up in a log whose searches need one.

  kithd token --data DIR ann@example.org              make one
  kithd token --data DIR ann@example.org --list       those of a label
  kithd token --data DIR --search --list              those for searches
  kithd token --data DIR --revoke ID                  end one`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			q := tokenRequest{Search: search, List: list, Revoke: revoke}
			switch {
			case revoke != "" && (search || list || len(args) > 0):
				return usage(errors.New("--revoke stands alone"), "kithd token --data DIR --revoke ID")
			case revoke == "" && search == (len(args) > 0):
				return usage(errors.New("a label or --search is needed, not both"), "whose token is it? kithd token --data DIR LABEL")
			case len(args) > 0:
				if q.Label, err = canonical(args[0]); err != nil {
					return err
				}
			}
			r, err := tokenAction.run(cmd.Context(), dir, q)
			if err != nil {
				return err
			}
			return r.show(cmd, &q)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&search, "search", false, "a token for searches")
	f.BoolVar(&list, "list", false, "list tokens, without their secrets")
	f.StringVar(&revoke, "revoke", "", "end the token with this `ID`")
	return cmd
}

type tokenRequest struct {
	Label  string `json:"label,omitempty"`
	Search bool   `json:"search,omitempty"`
	List   bool   `json:"list,omitempty"`
	Revoke string `json:"revoke,omitempty"`
}

type tokenView struct {
	ID      string    `json:"id"`
	Scope   string    `json:"scope"`
	Label   string    `json:"label,omitempty"`
	Created time.Time `json:"created"`
	Token   string    `json:"token,omitempty"` // the secret, when it was just made
}

type tokenReply struct {
	Tokens []tokenView `json:"tokens"`
}

var tokenAction = action[tokenRequest, tokenReply]{name: "token", do: token}

func token(ctx context.Context, op *operator.Operator, q tokenRequest) (tokenReply, error) {
	tokens := op.Tokens()
	r := tokenReply{Tokens: []tokenView{}}
	scope, name := directory.ScopeUpdate, []byte(q.Label)
	if q.Search {
		scope, name = directory.ScopeSearch, nil
	} else if q.Revoke == "" && !label.IsCanonical(q.Label) {
		return r, usage(label.ErrInvalid, "")
	}
	switch {
	case q.Revoke != "":
		return r, tokens.Revoke(ctx, q.Revoke)
	case q.List:
		found, err := tokens.List(name)
		for _, t := range found {
			r.Tokens = append(r.Tokens, viewToken(&t))
		}
		return r, err
	}
	secret, made, err := tokens.Create(ctx, scope, name)
	if err != nil {
		return r, err
	}
	view := viewToken(made)
	view.Token = secret
	r.Tokens = append(r.Tokens, view)
	return r, nil
}

func viewToken(t *directory.Token) tokenView {
	return tokenView{ID: t.ID, Scope: string(t.Scope), Label: string(t.Label), Created: t.Created.UTC()}
}

func (r *tokenReply) show(cmd *cobra.Command, q *tokenRequest) (err error) {
	out := cmd.OutOrStdout()
	switch {
	case wantsJSON(cmd):
		return printJSON(cmd, r)
	case q.Revoke != "":
		_, err = fmt.Fprintln(out, "revoked")
	case q.List:
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, t := range r.Tokens {
			fmt.Fprintf(w, "%s\t%s\t%s\n", t.ID, t.Scope, t.Created.Format(time.RFC3339))
		}
		err = w.Flush()
	default:
		t := r.Tokens[0]
		fmt.Fprintln(cmd.ErrOrStderr(), "kithd: token", t.ID, "is shown this once:")
		_, err = fmt.Fprintln(out, t.Token)
	}
	return err
}
