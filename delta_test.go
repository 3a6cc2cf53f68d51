package tandem_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem"
)

// manual is a document of about 100 kB, whose pages do not repeat each other; edited changes
// one field.
func manual(edited int) string {
	pages := make([]string, 800)
	for i := range pages {
		pages[i] = fmt.Sprintf("page %d: %x", i, i*i*7919+i*104729)
		for len(pages[i]) < 120 {
			pages[i] += fmt.Sprintf(" %x", (i+1)*len(pages[i])*2654435761)
		}
	}
	text, err := json.Marshal(map[string]any{"edited": edited, "pages": pages})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestAnEditOfOneFieldMovesAsADelta(t *testing.T) { // D-01 D-02 D-03 D-04 D-05 D-06 D-07
	whole := uint64(len(manual(1)))
	if whole < 90_000 {
		t.Fatalf("the document has %d bytes, want about 100,000", whole)
	}
	for name, x := range map[string]struct {
		listener, replicator bool // deltas are on
		theirs, ours         bool // the database has turned them off
		wantDelta            bool
	}{
		"both":            {listener: true, replicator: true, wantDelta: true},
		"listener only":   {listener: true},
		"replicator only": {replicator: true}, // the default of both

		"not in the listener's database":   {listener: true, replicator: true, theirs: true},
		"not in the replicator's database": {listener: true, replicator: true, ours: true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, versioning := range []tandem.Versioning{tandem.RevTrees, tandem.VersionVectors} {
				theirs := defaultIn(t, openTemp(t, "server", tandem.Options{Versioning: versioning, DisableDeltaSync: x.theirs}))
				ours := defaultIn(t, openTemp(t, "client", tandem.Options{Versioning: versioning, DisableDeltaSync: x.ours}))
				l := serve(t, tandem.URLEndpointListenerConfiguration{
					Collections: []*tandem.Collection{theirs}, EnableDeltaSync: x.listener,
				})
				once := func() tandem.ReplicatorProgress {
					return syncOnce(t, replicator(t, l.URLs()[0], ours, func(c *tandem.ReplicatorConfiguration) {
						c.DisableDeltaSync = !x.replicator
					})).Progress
				}
				put(t, ours, "manual", manual(1))
				once()

				put(t, ours, "manual", manual(2))
				pushed := once()
				put(t, theirs, "manual", manual(3))
				pulled := once()
				if x.wantDelta {
					if pushed.DeltasSent != 1 || pulled.DeltasReceived != 1 {
						t.Errorf("%s: %d deltas sent, %d received, want one each", versioning, pushed.DeltasSent, pulled.DeltasReceived)
					}
					if pushed.Push.Bytes > 1_000 || pushed.BytesSent > 2_000 || pulled.Pull.Bytes > 1_000 || pulled.BytesReceived > 2_000 {
						t.Errorf("%s: pushed %d bytes in %d, pulled %d bytes in %d, want under 1,000 each", versioning,
							pushed.Push.Bytes, pushed.BytesSent, pulled.Pull.Bytes, pulled.BytesReceived)
					}
					if pushed.DeltaSaved < whole*9/10 {
						t.Errorf("%s: the delta has saved %d bytes of %d", versioning, pushed.DeltaSaved, whole)
					}
				} else if pushed.DeltasSent+pulled.DeltasReceived > 0 || pushed.Push.Bytes < whole || pulled.Pull.Bytes < whole {
					t.Errorf("%s: %d bytes pushed and %d pulled in %d and %d deltas, want whole bodies", versioning,
						pushed.Push.Bytes, pulled.Pull.Bytes, pushed.DeltasSent, pulled.DeltasReceived)
				}
				requireEqual(t, theirs, ours, []string{"manual"})
			}
		})
	}
}

// TestAnEditCrossesTheGenerationsAsADelta has clients of either generation sync with a database of both: an edit of
// each reaches the other as deltas.
func TestAnEditCrossesTheGenerationsAsADelta(t *testing.T) {
	ours := defaultIn(t, openTemp(t, "ours", tandem.Options{Versioning: tandem.BothGenerations}))
	l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{ours}, EnableDeltaSync: true})
	third := defaultIn(t, openTemp(t, "third", tandem.Options{Versioning: tandem.RevTrees}))
	fourth := defaultIn(t, openTemp(t, "fourth", tandem.Options{Versioning: tandem.VersionVectors}))
	once := func(c *tandem.Collection) tandem.ReplicatorProgress {
		return syncOnce(t, replicator(t, l.URLs()[0], c)).Progress
	}
	put(t, third, "manual", manual(0))
	once(third)
	once(fourth)
	for edit := range 6 {
		from, to := third, fourth
		if edit%2 == 1 {
			from, to = to, from
		}
		put(t, from, "manual", manual(edit+1))
		pushed, pulled := once(from), once(to)
		if pushed.DeltasSent != 1 || pulled.DeltasReceived != 1 || pushed.BytesSent > 2_000 || pulled.BytesReceived > 2_000 {
			t.Errorf("edit %d: %d deltas sent in %d bytes, %d received in %d, want one each, under 2,000", edit,
				pushed.DeltasSent, pushed.BytesSent, pulled.DeltasReceived, pulled.BytesReceived)
		}
		if d, err := to.Document(t.Context(), "manual"); err != nil || string(d.Body()) != manual(edit+1) {
			t.Errorf("edit %d has not arrived as it was made: %v", edit, err)
		}
	}
}
