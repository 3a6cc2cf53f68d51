package delta_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/delta"
)

// manual is a document of 64 pages. Some pages have a different text.
func manual(edition int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"n":%d,"pages":[`, edition)
	for i := range 64 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"number":%d,"text":"Page %d of edition %d. The quick brown fox jumps over the lazy dog."}`,
			i, i, edition*(i%16)/15)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

func BenchmarkDiff(b *testing.B) {
	old, updated := manual(1), manual(2)
	b.SetBytes(int64(len(updated)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := delta.Diff(old, updated); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	old, updated := manual(1), manual(2)
	d, err := delta.Diff(old, updated)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(updated)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := delta.Apply(old, d); err != nil {
			b.Fatal(err)
		}
	}
}
