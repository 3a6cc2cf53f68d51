package fuzzing

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// Message is something that a real peer said.
type Message struct {
	// Kind is the profile of a request, as "rev" or "changes". What answered it is "changes answer"; the heads of
	// the HTTP exchange that opens a WebSocket are "upgrade" and "upgrade answer", and have a body only.
	Kind string `json:"kind"`
	// Properties are names and values in turn.
	Properties []string `json:"properties"`
	// Body has at most 4 kB.
	Body []byte `json:"body"`
}

//go:embed testdata/recorded.jsonl
var recorded string

// Recorded returns the messages of the given kinds, or all when none is given. They are the same on every machine.
// A kind of which there is none fails the test.
func Recorded(t testing.TB, kinds ...string) []Message {
	t.Helper()
	var found []Message
	missing := slices.Clone(kinds)
	decoder := json.NewDecoder(bufio.NewReader(strings.NewReader(recorded)))
	for {
		var m Message
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("testdata/recorded.jsonl: %v", err)
		}
		if len(kinds) == 0 || slices.Contains(kinds, m.Kind) {
			found = append(found, m)
			missing = slices.DeleteFunc(missing, func(kind string) bool { return kind == m.Kind })
		}
	}
	if len(missing) > 0 {
		t.Fatalf("nothing was recorded of %q", missing)
	}
	return found
}

// Property returns the value of a property, or "".
func (m Message) Property(name string) string {
	for pair := range slices.Chunk(m.Properties, 2) {
		if pair[0] == name && len(pair) == 2 {
			return pair[1]
		}
	}
	return ""
}
