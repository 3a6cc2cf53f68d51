package rest

import (
	"fmt"
	"log/slog"
)

// Secret is a text that is never shown: printed, logged or encoded it is "(secret)". Convert it to a
// string for its text.
type Secret string

const hidden = "(secret)"

// Format prints "(secret)" for each verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText encodes "(secret)".
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText reads the text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}
