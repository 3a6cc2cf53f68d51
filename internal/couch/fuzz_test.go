package couch_test

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/revision"
)

// FuzzParsePath: a path that is taken can be stored and read again, and its generations fall by one.
func FuzzParsePath(f *testing.F) {
	f.Add("3-c", uint64(3), "c b a")
	f.Add("", uint64(1<<63), "a")
	f.Add("1-ä", uint64(0), "")
	f.Fuzz(func(t *testing.T, rev string, start uint64, digests string) {
		r, err := couch.ParsePath(rev, start, strings.Fields(digests))
		if err != nil {
			return
		}
		again, err := revision.ParseStored(string(r.ID), r.History.String())
		if err != nil || again.ID != r.ID || len(again.History.Ancestors) != len(r.History.Ancestors) {
			t.Fatalf("%+v is read again as %+v, %v", r, again, err)
		}
		for i, id := range r.History.Ancestors {
			if id.Generation()+uint64(i)+1 != r.ID.Generation() {
				t.Fatalf("the generations are %v", r)
			}
		}
	})
}
