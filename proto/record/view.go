package record

import (
	"encoding/base64"
	"encoding/hex"
)

// A View is a record for programs that read JSON. It leaves nothing out;
// hashes and keys are hexadecimal, published key data is base64.
type View struct {
	Domain            string       `json:"domain"`
	Label             string       `json:"label"`
	Version           uint32       `json:"version"`
	Hash              string       `json:"hash,omitempty"` // of the record itself
	Previous          string       `json:"previous,omitempty"`
	Kind              string       `json:"kind"` // as the writer calls it; not evidence
	AccountKey        string       `json:"account_key,omitempty"`
	Devices           []DeviceView `json:"devices"`
	Keys              []KeyView    `json:"keys"`
	RecoveryKey       string       `json:"recovery_key,omitempty"`
	MovedTo           string       `json:"moved_to,omitempty"`
	AccountSignature  string       `json:"account_signature,omitempty"`
	PreviousSignature string       `json:"previous_signature,omitempty"`
}

// A DeviceView is a Device in a View.
type DeviceView struct {
	ID             string `json:"id"` // hexadecimal
	Name           string `json:"name,omitempty"`
	SignatureKey   string `json:"signature_key"`
	MLSCipherSuite uint16 `json:"mls_cipher_suite,omitempty"`
	MLSKey         string `json:"mls_signature_key,omitempty"`
}

// A KeyView is a PublishedKey in a View.
type KeyView struct {
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
	Text        string `json:"text,omitempty"`
	Data        string `json:"data"` // base64
}

// An EventView is an Event for programs that read JSON.
type EventView struct {
	Event   string `json:"event"`
	Reason  string `json:"reason,omitempty"`
	Version uint32 `json:"version"`
	Blocks  bool   `json:"blocks"`
	Text    string `json:"text"`
}

// View returns the record for JSON. encoded is the record's encoding, or nil
// when its hash is not wanted.
func (r *Record) View(encoded []byte) View {
	v := View{
		Domain: r.Domain, Label: r.Label, Version: r.Version, Kind: r.Kind.String(), MovedTo: r.MovedTo,
		AccountKey: hexKey(r.Account), RecoveryKey: hexKey(r.Recovery),
		Devices: []DeviceView{}, Keys: []KeyView{},
	}
	if encoded != nil {
		h := HashOf(encoded)
		v.Hash = hex.EncodeToString(h[:])
	}
	if r.Previous != nil {
		v.Previous = hex.EncodeToString(r.Previous[:])
	}
	for _, d := range r.Devices {
		dv := DeviceView{ID: hex.EncodeToString(d.ID), Name: d.Name, SignatureKey: hexKey(&d.SignatureKey)}
		if d.MLS != nil {
			dv.MLSCipherSuite, dv.MLSKey = d.MLS.CipherSuite, hex.EncodeToString(d.MLS.SignatureKey)
		}
		v.Devices = append(v.Devices, dv)
	}
	for _, k := range r.Keys {
		v.Keys = append(v.Keys, KeyView{
			Type: k.Type.String(), Fingerprint: k.Fingerprint(), Text: k.Text(),
			Data: base64.StdEncoding.EncodeToString(k.Data),
		})
	}
	if r.AccountSignature != nil {
		v.AccountSignature = hex.EncodeToString(r.AccountSignature[:])
	}
	if r.PreviousSignature != nil {
		v.PreviousSignature = hex.EncodeToString(r.PreviousSignature[:])
	}
	return v
}

// View returns the event for JSON.
func (e *Event) View() EventView {
	return EventView{Event: e.Kind.String(), Reason: e.Reason.String(), Version: e.Version, Blocks: e.Kind.Blocks(), Text: e.Text()}
}

func hexKey(k *Key) string {
	if k == nil {
		return ""
	}
	return hex.EncodeToString(k[:])
}
