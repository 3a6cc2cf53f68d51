package replication_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// fill saves n documents of about size bytes.
func (p *peer) fill(n, size int) {
	p.t.Helper()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a benchmark's data
	for first := 0; first < n; first += 1_000 {
		err := p.db.Update(context.Background(), func(tx *store.Tx) error {
			for i := first; i < min(first+1_000, n); i++ {
				edit := store.Edit{ID: fmt.Sprintf("doc-%07d", i), Body: randomBody(random, size)}
				if _, err := tx.Save(p.coll, edit); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// randomBody makes a document that deflates to about a half, as real ones do.
func randomBody(random *rand.Rand, size int) []byte {
	words := []string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"}
	body := []byte(`{"text":"`)
	for len(body) < size-12 {
		body = append(body, words[random.IntN(len(words))]...)
		body = fmt.Appendf(body, " %x ", random.Uint32())
	}
	return append(body, `","n":1}`...)
}

func benchmarkSync(b *testing.B, v store.Versioning, pull bool) {
	const documents = 20_000
	for b.Loop() {
		b.StopTimer()
		a, p := newPeer(b, v), newPeer(b, v)
		source := a
		if pull {
			source = p
		}
		source.fill(documents, 1_000)
		b.StartTimer()
		start := time.Now()
		sync(b, a, p, func(active *replication.Active, _ *replication.Passive) {
			active.Collections[0].Push, active.Collections[0].Pull = !pull, pull
		})
		b.ReportMetric(documents/time.Since(start).Seconds(), "docs/s")
	}
}

func BenchmarkPull(b *testing.B) {
	b.Run("rev-trees", func(b *testing.B) { benchmarkSync(b, store.RevTrees, true) })
	b.Run("version-vectors", func(b *testing.B) { benchmarkSync(b, store.VersionVectors, true) })
}

func BenchmarkPush(b *testing.B) {
	b.Run("rev-trees", func(b *testing.B) { benchmarkSync(b, store.RevTrees, false) })
	b.Run("version-vectors", func(b *testing.B) { benchmarkSync(b, store.VersionVectors, false) })
}
