package tree

import (
	"fmt"
	"slices"
	"sync"
)

// Place is where a leaf node was found, on which its source depends.
type Place uint8

const (
	InKeyPackage Place = iota + 1 // of an Add, or downloaded
	InUpdate                      // of an Update proposal
	InCommit                      // of the UpdatePath of a Commit
	InTree                        // of a group that is joined: any source
)

// Rules are what leaf nodes are measured by: the parameters of their group and
// the moment. The zero value is that of a KeyPackage for no group yet, at an
// unknown time. They must not change once they are in use.
type Rules struct {
	GroupID     []byte
	Extensions  Extensions // GroupContext.extensions
	Now         uint64     // s since the Unix epoch; 0: lifetimes are not compared with it
	MaxLifetime uint64     // s, the longest that a lifetime may be; 0: DefaultMaxLifetime

	once sync.Once // what follows is read from Extensions once for all leaf nodes
	need *needs
	err  error
}

// needs are the capabilities that Extensions ask for.
func (r *Rules) needs() (*needs, error) {
	r.once.Do(func() { r.need, r.err = r.Extensions.needs() })
	return r.need, r.err
}

// DefaultMaxLifetime is what "Leaf Node Contents" (7.2) asks an application to
// define: a leap year, in s. math.MaxUint64 means any.
const DefaultMaxLifetime = 366 * 24 * 60 * 60

// needs are the capabilities that the extensions of a GroupContext ask for:
// those that are in use ("Extensions" (13.4)) and those that are required
// ("Required Capabilities" (11.1)). Default types are left out.
type needs RequiredCapabilities

func (e Extensions) needs() (*needs, error) {
	required, err := e.Required()
	if err != nil {
		return nil, fmt.Errorf("required_capabilities: %w", err)
	}
	n := &needs{Credentials: required.Credentials}
	for i := range e {
		if !e[i].Type.IsDefault() {
			n.Extensions = append(n.Extensions, e[i].Type)
		}
	}
	for _, t := range required.Extensions {
		if !t.IsDefault() {
			n.Extensions = append(n.Extensions, t)
		}
	}
	for _, t := range required.Proposals {
		if !t.IsDefault() {
			n.Proposals = append(n.Proposals, t)
		}
	}
	// A list may name a type many times: each is looked up once for each member.
	n.Extensions, n.Proposals, n.Credentials = distinct(n.Extensions), distinct(n.Proposals), distinct(n.Credentials)
	return n, nil
}

// distinct sorts types, and drops all but one of each.
func distinct[T ~uint16](types []T) []T {
	slices.Sort(types)
	return slices.Compact(types)
}

// check returns ErrUnsupported unless c lists all that is needed.
func (n *needs) check(c *Capabilities) error {
	if t, ok := missing(c.Extensions, n.Extensions); !ok {
		return fmt.Errorf("%w: the group's extension %d", ErrUnsupported, t)
	}
	if t, ok := missing(c.Proposals, n.Proposals); !ok {
		return fmt.Errorf("%w: the group's proposal %d", ErrUnsupported, t)
	}
	if t, ok := missing(c.Credentials, n.Credentials); !ok {
		return fmt.Errorf("%w: the group's credential %d", ErrUnsupported, t)
	}
	return nil
}

// missing returns the first element of want that have lacks, or true. Both lists
// may come from peers, so that long ones must not be multiplied.
func missing[T ~uint16](have, want []T) (T, bool) {
	if len(have)*len(want) <= 1<<10 {
		for _, t := range want {
			if !slices.Contains(have, t) {
				return t, false
			}
		}
		return 0, true
	}
	set := make(map[T]struct{}, len(have))
	for _, t := range have {
		set[t] = struct{}{}
	}
	for _, t := range want {
		if _, ok := set[t]; !ok {
			return t, false
		}
	}
	return 0, true
}
