package tandem_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// A one-shot replication that comes to its end without some documents says so, and which.
func TestE5WaitTellsOfDocumentsThatDidNotArrive(t *testing.T) {
	ours := newCollection(t)
	l, theirs := share(t)
	for i := range 4 {
		put(t, theirs, fmt.Sprintf("theirs%d", i), `{}`)
	}
	refuses := true
	configure := func(c *tandem.ReplicatorConfiguration) {
		selfSigned(c)
		c.Collections[0].PullFilter = func(d *tandem.Document, _ tandem.DocumentFlags) bool {
			return !refuses || d.ID() != "theirs1" && d.ID() != "theirs3"
		}
	}
	r, err := attemptWith(t, ours, l.URLs()[0], configure)
	var failed *tandem.DocumentsError
	if !errors.As(err, &failed) || failed.Count != 2 || !strings.Contains(err.Error(), "2 documents") {
		t.Fatalf("got %v, want an error for 2 documents", err)
	}
	var ids []string
	for _, doc := range failed.Documents {
		ids = append(ids, doc.ID)
		if doc.IsPush || doc.Err == nil {
			t.Errorf("%+v: want one that was not received, and why", doc)
		}
	}
	if want := []string{"theirs1", "theirs3"}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}
	if err := r.Status().Err; err != nil {
		t.Errorf("the status has %v, want nil: the run came to its end", err)
	}

	refuses = false
	check(t, r.StartWithReset())
	check(t, r.Wait(t.Context()))
}
