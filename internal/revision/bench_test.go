package revision_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/revision"
)

func BenchmarkParseRev(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := revision.ParseRev(string(a2), string(b1)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	local, incoming := vector(a1), vector(b2, a1)
	b.ReportAllocs()
	for b.Loop() {
		if got := revision.Receive(local, false, a1, incoming); got != revision.Newer {
			b.Fatal(got)
		}
	}
}

func BenchmarkEditVersion(b *testing.B) {
	parent := vector(b1, a1)
	b.ReportAllocs()
	for b.Loop() {
		revision.EditVersion(parent, a2.Time(), alice)
	}
}
