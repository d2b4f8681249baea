package group

import (
	"errors"

	"github.com/kith-kt/kith/messaging/mls/message"
)

// appendComponent is a component whose updates are appended to its data. It refuses
// what begins with "no".
type appendComponent struct{ seen *[]string }

var errComponent = errors.New("test: component says no")

func (c appendComponent) Update(_ *View, current []byte, _ bool, updates []AppData) ([]byte, error) {
	data := append([]byte{}, current...)
	for _, u := range updates {
		if len(u.Data) >= 2 && string(u.Data[:2]) == "no" {
			return nil, errComponent
		}
		data = append(data, u.Data...)
	}
	return data, nil
}

func (c appendComponent) Remove(_ *View, by message.Sender) error {
	if by.Type != message.SenderMember {
		return errComponent
	}
	return nil
}

func (c appendComponent) Ephemeral(_ *View, data AppData) error {
	if len(data.Data) >= 2 && string(data.Data[:2]) == "no" {
		return errComponent
	}
	if c.seen != nil {
		*c.seen = append(*c.seen, string(data.Data))
	}
	return nil
}
