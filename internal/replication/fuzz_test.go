package replication

import (
	"slices"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fuzzing"
)

func FuzzCheckpoint(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"time":1700000000,"local":42,"localCompleted":[0,43,50,2],"remote":117}`, `{"remote":"12:117","rev":"1-cc"}`, `{"remote":"<&>"}`,
		`{"local":18446744073709551615}`, `{"localCompleted":[18446744073709551615,1,5]}`, `{"localCompleted":[9,3,1,2,0,1]}`, `{"remote":{"a":[ ]}}`, `{"remote":null}`,
	} {
		f.Add([]byte(seed), []byte(`{"local":7,"remote":3}`))
	}
	for _, m := range fuzzing.Recorded(f, "setCheckpoint", "getCheckpoint answer") {
		f.Add(m.Body, m.Body)
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		var a checkpoint
		var err error
		fuzzing.Bounded(t, len(one), func() { a, _, err = parseCheckpoint(one) })
		if err != nil {
			return
		}
		again, _, err := parseCheckpoint(a.encode(time.Unix(1, 0)))
		if err != nil || !a.equal(again) {
			t.Fatalf("%q is %+v, written and read %+v: %v", one, a, again, err)
		}
		b, _, err := parseCheckpoint(other)
		if err != nil {
			return
		}
		both := agree(a, b)
		for i, s := range both.done {
			if s.first >= s.end || i > 0 && s.first < both.done[i-1].end {
				t.Fatalf("agreed on %v", both.done)
			}
			if !covers(a.done, s) || !covers(b.done, s) {
				t.Fatalf("agreed on %v of %v and %v", s, a.done, b.done)
			}
		}
		if both.remote != "" && both.remote != a.remote && both.remote != b.remote {
			t.Fatalf("agreed on %q of %q and %q", both.remote, a.remote, b.remote)
		}
	})
}

func covers(spans []span, s span) bool {
	return slices.ContainsFunc(spans, func(all span) bool { return all.first <= s.first && s.end <= all.end })
}
