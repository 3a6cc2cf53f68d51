package sim_test

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// sides names the two peers of a pair.
func sides() []string { return []string{"active", "passive"} }

func versionings() []store.Versioning {
	return []store.Versioning{store.RevTrees, store.VersionVectors}
}

// TestAFailingDiskIsToldAndPasses lets the disk of either side fail while documents arrive. The
// replicator must report the failure, and recover without help when the disk works again.
func TestAFailingDiskIsToldAndPasses(t *testing.T) {
	for name, failure := range map[string]error{"full": sqlite3.FULL, "no space": syscall.ENOSPC, "broken": syscall.EIO} {
		for _, victim := range sides() {
			for _, versioning := range versionings() {
				t.Run(fmt.Sprintf("%s/%s/%s", name, victim, versioning), func(t *testing.T) {
					dir := t.TempDir()
					testsize.Bubble(t, func(t *testing.T) { fail(t, newPair(t, dir, victim, versioning), failure) })
				})
			}
		}
	}
}

func fail(t *testing.T, p *pair, failure error) {
	defer p.end()
	p.other.save("before", `{}`)
	time.Sleep(time.Minute)
	p.victim.disk.FailAt(1, failure)
	p.other.save("during", `{"blob":`+p.other.blob("content")+`}`)
	time.Sleep(20 * time.Minute)
	if _, ok := p.victim.contents()["during"]; ok {
		t.Error("the document was stored on a disk that fails")
	}
	s := p.link().runner.Status()
	if s.Activity == replication.Stopped || s.Err == nil || fault.Of(s.Err) == nil {
		t.Errorf("while the disk fails, the status is %+v", s)
	} else if p.victim == p.link().from && !errors.Is(s.Err, fault.IO) {
		t.Errorf("while the disk fails, the error is %v", s.Err)
	}
	p.recovers()
}

var everyStep = flag.Bool("sim.all", false, "let the disk be full from each step on, not from some alone")

// TestAFullDiskAtEachStep repeats a sync with a disk that is full from step n on, for each n.
func TestAFullDiskAtEachStep(t *testing.T) {
	for _, victim := range sides() {
		for _, versioning := range versionings() {
			t.Run(fmt.Sprintf("%s/%s", victim, versioning), func(t *testing.T) {
				dir := t.TempDir()
				stride := testsize.Pick(4, 2)
				if *everyStep {
					stride = 1
				}
				step, tried := 1, -1 // the last step never comes
				for more := true; more && !t.Failed(); step += stride {
					tried++
					testsize.Bubble(t, func(t *testing.T) {
						more = fillUp(newPair(t, filepath.Join(dir, fmt.Sprint(step)), victim, versioning), step)
					})
				}
				if t.Failed() {
					t.Fatalf("full from step %d", step-stride)
				}
				if t.Logf("%d steps", tried); tried*stride < 12 {
					t.Errorf("only %d steps were tried", tried)
				}
			})
		}
	}
}

// fillUp syncs a pair whose disk is full from a step on, and reports whether the step came.
func fillUp(p *pair, step int) (reached bool) {
	defer p.end()
	p.link().set(false)
	for _, side := range p.peers {
		side.save("common", `{"by":"`+side.name+`"}`)
		side.save("of "+side.name, `{"blob":`+side.blob("content of "+side.name)+`}`)
	}
	p.victim.disk.FailAt(step, sqlite3.FULL)
	failing := p.victim.disk.Failing()
	p.link().set(true)
	time.Sleep(20 * time.Minute)
	select {
	case <-failing:
		reached = true
	default:
	}
	if dials := p.dials.Load(); dials > 20 {
		p.t.Errorf("%d attempts to connect while the disk was full", dials)
	}
	p.recovers()
	return reached
}

// pair is a world of two peers; the disk of one will fail.
type pair struct {
	*world
	victim, other *peer
}

func newPair(t *testing.T, dir, victim string, versioning store.Versioning) *pair {
	p := &pair{world: &world{t: t, began: time.Now()}}
	for _, name := range sides() {
		side := &peer{w: p.world, name: name, versioning: versioning, path: filepath.Join(dir, name+store.Extension)}
		side.open()
		p.peers = append(p.peers, side)
		if name == victim {
			p.victim = side
		} else {
			p.other = side
		}
	}
	p.addLink(p.peers[0], p.peers[1])
	return p
}

func (p *pair) link() *link { return p.links[0] }

// recovers checks that the pair converges without help once the disk works again.
func (p *pair) recovers() {
	p.victim.disk.Mend()
	time.Sleep(time.Hour)
	synctest.Wait()
	p.check()
	if s := p.link().runner.Status(); s.Activity != replication.Idle || s.Err != nil {
		p.t.Errorf("an hour after the disk was mended, the status is %+v", s)
	}
}
