package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem/internal/testsize"
)

// TestAKilledServerKeepsAcknowledgedBlobs uploads blobs, kills the server in the middle of some, and looks for each
// one that was answered with success when the server runs again.
func TestAKilledServerKeepsAcknowledgedBlobs(t *testing.T) {
	k := newRestKilling(t)
	var stored []uint64 // acknowledged
	rounds := testsize.Pick(2, 20)
	for k.round = range rounds + 1 { // the last one only looks
		p := k.serve()
		for _, seed := range stored {
			if status, got := k.do(http.MethodGet, fmt.Sprintf("b%d/content?content=true", seed), ""); status != 200 || got != string(blobContent(seed)) {
				t.Errorf("round %d: blob %d was acknowledged, and is answered %d with %d bytes", k.round, seed, status, len(got))
			}
		}
		if k.round < rounds {
			stored = append(stored, k.uploadUntilKilled(p)...)
		}
	}
	if k.kills != rounds || len(stored) == 0 {
		t.Errorf("%d kills in %d rounds, %d blobs", k.kills, rounds, len(stored))
	}
	k.check()
}

// blobContent returns the content of a blob, which no other has.
func blobContent(seed uint64) []byte {
	content := make([]byte, 200_000+seed%100_000)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)}).Read(content)
	return content
}

// uploadUntilKilled kills the server when some uploads are done, amid others. It returns those that were
// acknowledged.
func (k *restKilling) uploadUntilKilled(p *proc) (stored []uint64) {
	const enough = 8
	var next atomic.Uint64
	var mu sync.Mutex
	var all sync.WaitGroup
	reached := make(chan struct{})
	for range restWriters {
		all.Go(func() {
			for {
				seed := uint64(k.round)*1000 + next.Add(1)
				if !k.upload(seed) {
					return
				}
				mu.Lock()
				if stored = append(stored, seed); len(stored) == enough {
					close(reached)
				}
				mu.Unlock()
			}
		})
	}
	<-reached
	k.kill(p)
	all.Wait()
	http.DefaultClient.CloseIdleConnections()
	return stored
}

// upload puts a blob into a document of its own, and reports whether that was acknowledged.
func (k *restKilling) upload(seed uint64) bool {
	r, err := http.NewRequest(http.MethodPut, k.base+fmt.Sprintf("b%d/content", seed), bytes.NewReader(blobContent(seed)))
	if err != nil {
		k.t.Error(err)
		return false
	}
	r.SetBasicAuth(k.user, k.password)
	r.Header.Set("Content-Type", "application/octet-stream")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err == nil && answer.StatusCode == http.StatusCreated
}
