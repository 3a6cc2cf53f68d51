package fuzzing_test

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fuzzing"
)

// witness is a test that may fail without the real one.
type witness struct {
	testing.TB
	failed bool
}

func (w *witness) Helper()               {}
func (w *witness) Errorf(string, ...any) { w.failed = true }

func TestMemoryBeyondTheBoundFails(t *testing.T) {
	var kept []byte
	for _, c := range []struct {
		size, taken int
		fails       bool
	}{
		{0, 1 << 10, false},
		{0, 2 << 20, true},
		{64 << 10, 2 << 20, false},
	} {
		w := &witness{TB: t}
		fuzzing.Bounded(w, c.size, func() { kept = make([]byte, c.taken) })
		if w.failed != c.fails {
			t.Errorf("%d bytes for an input of %d: failed is %v, want %v", len(kept), c.size, w.failed, c.fails)
		}
	}
}

func TestEveryKindOfMessageIsThere(t *testing.T) {
	for _, kind := range []string{
		"upgrade", "upgrade answer", "getCollections", "getCheckpoint", "getCheckpoint answer", "setCheckpoint", "subChanges",
		"changes", "changes answer", "proposeChanges", "proposeChanges answer", "rev", "rev answer", "norev",
		"getAttachment", "getAttachment answer", "proveAttachment",
	} {
		if len(fuzzing.Recorded(t, kind)) == 0 {
			t.Errorf("there is no %s", kind)
		}
	}
	for _, m := range fuzzing.Recorded(t) {
		if len(m.Properties)%2 != 0 || !strings.HasSuffix(m.Kind, "answer") && m.Kind != "upgrade" && m.Property("Profile") != m.Kind {
			t.Errorf("%s has the properties %q", m.Kind, m.Properties)
		}
	}
}
