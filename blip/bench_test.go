package blip_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem/blip"
)

// documents returns JSON bodies of about 1 kB that deflate to about 40 %.
func documents(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"harbour", "window", "quiet", "breakfast", "station", "garden", "view", "double", "single", "walk"}
	docs := make([][]byte, n)
	for i := range docs {
		var b bytes.Buffer
		fmt.Fprintf(&b, `{"type":"hotel","id":%d,"geo":{"lat":%f,"lon":%f},"text":"`, i, r.Float64()*90, r.Float64()*180)
		for b.Len() < 980 {
			fmt.Fprintf(&b, "%s %x ", words[r.IntN(len(words))], r.IntN(1<<24))
		}
		b.WriteString(`"}`)
		docs[i] = b.Bytes()
	}
	return docs
}

// BenchmarkSend1kB measures answered requests of 1 kB, both ends in this process.
func BenchmarkSend1kB(b *testing.B) {
	for name, mode := range map[string]blip.Compression{
		"plain": blip.Never, "deflated": blip.Always, "adaptive": blip.Adaptive,
	} {
		b.Run(name, func(b *testing.B) { benchmarkSend(b, mode) })
	}
}

func benchmarkSend(b *testing.B, mode blip.Compression) {
	const window = 2000
	cfg := blip.Config{Compression: mode, Handler: func(r *blip.Request) { r.Reply(nil) }}
	sender, _ := connect(b, cfg, cfg)
	docs := documents(1000)
	props := blip.Props("Profile", "rev", "id", "doc-000001", "rev", "1-0123456789abcdef0123456789abcdef01234567",
		"sequence", "123456", "noconflicts", "true")
	slots := make(chan struct{}, window)
	var failed atomic.Int64
	done := func(_ *blip.Reply, err error) {
		if err != nil {
			failed.Add(1)
		}
		<-slots
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(docs[0])))
	i := 0
	for b.Loop() {
		slots <- struct{}{}
		if err := sender.Send(&blip.Message{Properties: props, Body: docs[i%len(docs)], Compress: true}, done); err != nil {
			b.Fatal(err)
		}
		i++
	}
	for range window {
		slots <- struct{}{}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
	stats := sender.Stats().Sent
	b.ReportMetric(float64(stats.Compressed)/float64(stats.Plain), "deflated")
	if failed.Load() > 0 {
		b.Fatalf("%d requests failed", failed.Load())
	}
}

// BenchmarkCall measures one small request at a time, there and back.
func BenchmarkCall(b *testing.B) {
	a, _ := connect(b, blip.Config{}, blip.Config{Handler: func(r *blip.Request) { r.Reply(nil) }})
	m := &blip.Message{Properties: blip.Props("Profile", "ping")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := call(b, a, m); err != nil {
			b.Fatal(err)
		}
	}
}
