package suite

import (
	"fmt"
	"io"
)

// Redacted stands in types that hold secrets, embedded: with every verb of fmt, in
// log/slog and as JSON, such a value is nothing but the word "(secret)". It is for
// lines that somebody writes into a log in haste, and keeps nothing from those who
// want to read the fields.
type Redacted struct{}

const redacted = "(secret)"

// Format prints no field.
func (Redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText writes no field.
func (Redacted) MarshalText() ([]byte, error) { return []byte(redacted), nil }
