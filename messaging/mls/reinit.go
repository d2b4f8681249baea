package mls

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// A ReInit closes a group and names the one that continues it. From then on, until we are
// in that one or the closed group is forgotten, no other group can have its identifier: a
// record for each pair of the two says so, which has nothing but a format.
const awaitedRecords = "reinit/"

func awaitedKey(id, closed []byte) string { return awaitedPrefix(id) + groupName(closed) }

func awaitedPrefix(id []byte) string { return awaitedRecords + groupName(id) + "/" }

// awaits has it stored with the next change which group continues this one.
func (g *Group) awaits(p *message.ReInit) {
	if p != nil {
		g.keep = append(slices.Clip(g.keep), Record{awaitedKey(p.GroupID, g.id), []byte{1}})
	}
}

// agreed returns what deletes the record of a group that is about to be founded or
// joined, and that continues from (nil: none). ErrOrigin: it was to continue another one.
func (c *Client) agreed(id, from []byte) ([]Record, error) {
	keys, err := c.cfg.Store.List(awaitedPrefix(id))
	if err != nil {
		return nil, storeError("listing reinitialized groups", err)
	}
	switch {
	case len(keys) == 0:
		return nil, nil
	case from == nil || !slices.Contains(keys, awaitedKey(id, from)):
		return nil, fmt.Errorf("%w: group %s was agreed on as what continues another one: continue that, or forget it", group.ErrOrigin, syntax.Hex(id))
	case len(keys) > 1:
		return nil, fmt.Errorf("%w: group %s was agreed on in several groups: forget all but one", group.ErrOrigin, syntax.Hex(id))
	}
	return []Record{{Key: keys[0]}}, nil
}

// awaitsNothing returns what deletes the records of what continues a group: it is
// forgotten, or not closed after all.
func (c *Client) awaitsNothing(closed []byte) ([]Record, error) {
	keys, err := c.cfg.Store.List(awaitedRecords)
	if err != nil {
		return nil, storeError("listing reinitialized groups", err)
	}
	var gone []Record
	for _, key := range keys {
		if strings.HasSuffix(key, "/"+groupName(closed)) {
			gone = append(gone, Record{Key: key})
		}
	}
	return gone, nil
}

// reinitialized returns the group that a Welcome says to continue after a ReInit; nil if
// there is none. Whether it does is for group.Join to find out.
func reinitialized(cfg *group.Config, kp *keyPackage, w *message.Welcome) ([]byte, error) {
	secrets, err := w.Open(cfg.Suite, kp.Public, kp.Private.InitKey)
	if err != nil {
		return nil, err
	}
	defer secrets.Erase()
	for _, id := range secrets.PSKs {
		if id.Type == schedule.ResumptionPSK && id.Usage == schedule.UsageReInit {
			return bytes.Clone(id.GroupID), nil
		}
	}
	return nil, nil
}
