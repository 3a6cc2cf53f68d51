package slowlink_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestASlowLinkCarriesCompressedDocuments replicates over a link of 10 Mbit/s with 20 ms of delay.
// The link must be busy nearly all the time, with compressed bytes, and carry documents at least
// 2.5 times as fast as without compression.
func TestASlowLinkCarriesCompressedDocuments(t *testing.T) {
	testsize.TrueSpeed(t)
	docs := routes(t, 4_000)
	for _, versioning := range []store.Versioning{store.RevTrees, store.VersionVectors} {
		for name, push := range map[string]bool{"push": true, "pull": false} {
			t.Run(string(versioning)+" "+name, func(t *testing.T) {
				t.Parallel()
				var errs []error
				for range 3 { // other processes may need the processor during a run
					plain := overSlowLink(t, docs, versioning, push, blip.Never)
					adaptive := overSlowLink(t, docs, versioning, push, blip.Adaptive)
					t.Logf("plain %v, adaptive %v", plain, adaptive)
					if errs = adaptive.shortcomings(plain); errs == nil {
						return
					}
					if plain.busy < 0.95 {
						t.Skip("the processor has no time to fill the link")
					}
				}
				t.Error(errors.Join(errs...))
			})
		}
	}
}

// shortcomings compares an adaptive transfer with a plain one.
func (adaptive transfer) shortcomings(plain transfer) (errs []error) {
	if gain := plain.took.Seconds() / adaptive.took.Seconds(); gain < 2.5 {
		errs = append(errs, fmt.Errorf("the rate of documents is %.2f times the uncompressed one, want 2.5 or more", gain))
	}
	if gain := float64(plain.carried) / float64(adaptive.carried); gain < 3 {
		errs = append(errs, fmt.Errorf("a document takes 1/%.2f of the uncompressed bytes, want a third at most", gain))
	}
	if adaptive.busy < 0.9 {
		errs = append(errs, fmt.Errorf("compressed bytes take %.0f %% of the link, want 90 or more", 100*adaptive.busy))
	}
	return errs
}

// Urgent messages overtake data on its way: while blobs of 12 MB fill a slow link, a saved document
// must arrive before another megabyte has passed.
func TestNewsDoNotWaitForBlobs(t *testing.T) {
	const blobs, size = 12, 1 << 20
	active, passive := newPeer(t, store.VersionVectors, blip.Adaptive), newPeer(t, store.VersionVectors, blip.Adaptive)
	for i := range blobs {
		passive.save(store.Edit{ID: fmt.Sprint("photo", i), Body: []byte(`{"photo":` + passive.blob(size, byte(i)) + `}`)})
	}
	w := newWire(t, passive.share(0, asIs))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- active.replicator(w.address(), replicatorOptions{continuous: true, wrap: asIs}).Run(ctx)
	}()
	eventually(t, func() bool { return w.back.carried() > size })
	before := w.back.carried()
	passive.save(store.Edit{ID: "news", Body: []byte(`{}`)})
	eventually(t, func() bool { return active.has("news") })
	passed := w.back.carried() - before
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	t.Logf("%d kB have passed while the news were on their way", passed>>10)
	if passed > 1<<20 {
		t.Errorf("%d bytes have passed while the news were on their way, want 1 MiB at most", passed)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	if !testsize.Eventually(testsize.Patience, holds) {
		t.Fatal("it does not happen within " + testsize.Patience.String())
	}
}

// transfer is the relay's view of a replication.
type transfer struct {
	took    time.Duration
	carried int64 // bytes
	busy    float64
}

// overSlowLink replicates documents to an empty database.
func overSlowLink(t *testing.T, docs []store.Edit, v store.Versioning, push bool, mode blip.Compression) transfer {
	t.Helper()
	active, passive := newPeer(t, v, mode), newPeer(t, v, mode)
	source, target := passive, active
	if push {
		source, target = active, passive
	}
	source.save(docs...)
	w := newWire(t, passive.share(0, asIs))
	if err := active.replicator(w.address(), replicatorOptions{push: push, wrap: asIs}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := target.count(); got != len(docs) {
		t.Errorf("%d documents have arrived, want %d", got, len(docs))
	}
	lane := &w.back
	if push {
		lane = &w.there
	}
	return transfer{took: lane.took(), carried: lane.carried(), busy: lane.busy()}
}
