package revision_test

import (
	"github.com/tandemdb/tandem/internal/revision"
	"testing"
)

func TestDigest(t *testing.T) {
	a := revision.EditTree(revision.Rev{}, false, []byte(`{"a":1}`))
	if a.ID != "1-66c183b8980c2066b2d6ecd701d3823bc0c1b838" {
		t.Fatal(a)
	}
	b := revision.EditTree(a, true, []byte(`{}`))
	if b.ID != "2-7e07bf65cccbfad496e22f57f5edfc0e010793fa" {
		t.Fatal(b)
	}
}
