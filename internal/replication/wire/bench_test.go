package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/revision"
)

// BenchmarkChanges reads a full changes message, as peers write it and with an escape in each ID.
func BenchmarkChanges(b *testing.B) {
	for name, format := range map[string]string{"plain": "doc-%07d", "escaped": `doc\u002d%07d`} {
		b.Run(name, func(b *testing.B) {
			entries := make([]string, 200)
			for i := range entries {
				id := fmt.Sprintf(format, i)
				entries[i] = strings.Replace(string(AppendChange(nil, uint64(i), "ID", revision.ID("1-03db50f33092ae0a3d7c71b98812dcfd8a1a1b55"), false, 1000, "")), "ID", id, 1)
			}
			body := []byte("[" + strings.Join(entries, ",") + "]")
			b.ReportAllocs()
			for b.Loop() {
				if changes, err := ParseChanges(body, 1<<20); err != nil || len(changes) != len(entries) {
					b.Fatal(len(changes), err)
				}
			}
		})
	}
}
