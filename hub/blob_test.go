package hub_test

import (
	"crypto/sha1" //nolint:gosec // the protocol names blobs so
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestALargeBlobGoesThroughTwoNodes pushes a blob of 100 MB through one node and pulls it through another: neither has it in
// memory.
func TestALargeBlobGoesThroughTwoNodes(t *testing.T) {
	testsize.Whole(t)
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells how much memory a process had")
	}
	const size, most = 100 << 20, 48 << 10 // bytes, and kB beyond what a node has at rest
	at := storetest.SharedPostgres(t).URL()
	up, down := startNode(t, at, ""), startNode(t, at, "")
	from := open(t, filepath.Join(t.TempDir(), "from"), tandem.Options{})
	to := open(t, filepath.Join(t.TempDir(), "to"), tandem.Options{})
	for _, p := range []*process{up, down} { // what a session costs is there before
		syncOnce(t, from, p.endpoint)
	}
	before := []int{peak(t, up), peak(t, down)}
	sum := sha1.New() //nolint:gosec // as above
	content := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), size), sum)
	blob, err := from.db.CreateBlob(t.Context(), "video/mp4", content)
	check(t, err)
	check(t, from.coll.Put(t.Context(), "film", map[string]any{"film": blob}))
	syncOnce(t, from, up.endpoint)
	syncOnce(t, to, down.endpoint)
	got, err := to.db.OpenBlob(blob.Digest())
	check(t, err)
	defer got.Close()
	read := sha1.New() //nolint:gosec // as above
	n, err := io.Copy(read, got)
	check(t, err)
	if n != size || string(read.Sum(nil)) != string(sum.Sum(nil)) {
		t.Errorf("%d bytes have come, of another content", n)
	}
	for i, p := range []*process{up, down} {
		testsize.Figure(t, "kB that node "+strconv.Itoa(i)+" had in memory beyond those at rest", peak(t, p)-before[i], most)
	}
}

// syncOnce replicates a member with an endpoint until both have the same.
func syncOnce(t testing.TB, m member, endpoint string) {
	t.Helper()
	r := replicator(t, m, endpoint, false)
	if !testsize.Eventually(5*time.Minute, func() bool { return r.Status().Activity == tandem.Stopped }) {
		t.Fatalf("the replicator does not end: %+v", r.Status())
	}
	check(t, r.Status().Err)
}

// peak returns the most kB that a node has had in memory.
func peak(t testing.TB, p *process) int {
	t.Helper()
	kB, err := strconv.Atoi(p.ask(t, "peak")[1])
	check(t, err)
	return kB
}
