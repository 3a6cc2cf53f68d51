package powercut_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// pair is two peers, one of which loses power.
type pair struct {
	t               *testing.T
	active, passive *peer
	victim, other   *peer
	edits           int
}

// newPair makes peers that are not open yet. The other peer's clock is ahead, so that the victim's
// versions run ahead of its own clock, as they do in practice.
func newPair(t *testing.T, versioning store.Versioning, victim string, cut int) *pair {
	dir := t.TempDir()
	p := &pair{
		t:       t,
		active:  newPeer(t, filepath.Join(dir, "active"+store.Extension), versioning),
		passive: newPeer(t, filepath.Join(dir, "passive"+store.Extension), versioning),
	}
	p.victim, p.other = p.active, p.passive
	if victim == "passive" {
		p.victim, p.other = p.passive, p.active
	}
	p.other.options.Now = func() time.Time { return time.Now().Add(90 * time.Second) }
	p.victim.disk = storetest.NewDisk()
	p.victim.options.Disk = p.victim.disk
	p.victim.disk.CutAt(cut)
	return p
}

// close closes both databases. It ignores the errors of a dead disk.
func (p *pair) close() {
	for _, one := range []*peer{p.active, p.passive} {
		if one.db != nil {
			_ = one.db.Close()
		}
	}
	p.victim.disk.Close()
}

// run is the work that the power cut interrupts.
func (p *pair) run() error {
	steps := []func() error{
		p.active.open, p.passive.open,
		p.firstEdits, p.sync,
		p.secondEdits, p.victim.compact, p.sync,
		p.thirdEdits, p.sync,
		p.victim.compact, p.encrypt, p.victim.reopen, p.fourthEdits, p.sync,
		p.decrypt, p.sync,
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		p.victim.observe()
		p.other.observe()
	}
	return nil
}

func (p *pair) firstEdits() error {
	for _, one := range []*peer{p.active, p.passive} {
		name := one.name()
		err := errors.Join(
			p.put(one, name+"-plain"), p.put(one, name+"-edited"), p.put(one, name+"-deleted"),
			p.putBlob(one, name+"-blob"), p.put(one, "both"), p.putBlob(one, "both-blob"),
			one.promise(),
		)
		if err != nil {
			return err
		}
	}
	return errors.Join(p.put(p.victim, "late"), p.put(p.other, "late-other"))
}

func (p *pair) secondEdits() error {
	for _, one := range []*peer{p.active, p.passive} {
		name := one.name()
		err := errors.Join(
			p.put(one, name+"-edited"), one.delete(name+"-deleted"), p.putBlob(one, name+"-blob"), p.put(one, "both"),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *pair) thirdEdits() error {
	return errors.Join(
		p.putBlob(p.victim, "both-blob"), p.put(p.other, "both-blob"),
		p.put(p.victim, "late"), p.put(p.victim, p.victim.name()+"-edited"), p.put(p.other, p.other.name()+"-deleted"),
	)
}

func (p *pair) fourthEdits() error {
	return errors.Join(p.put(p.victim, "late"), p.putBlob(p.victim, "new"), p.victim.promise(), p.put(p.other, "newer"))
}

func (p *pair) encrypt() error {
	key, err := seal.RawKey(make([]byte, 32))
	return errors.Join(err, p.victim.changeKey(key))
}

func (p *pair) decrypt() error { return p.victim.changeKey(nil) }

// put saves a new body, long enough for deltas.
func (p *pair) put(one *peer, id string) error {
	p.edits++
	return one.save(id, fmt.Sprintf(`{"edit":%d,"text":%q}`, p.edits, strings.Repeat("text ", 60)))
}

func (p *pair) putBlob(one *peer, id string) error {
	p.edits++
	blob, err := one.blob(strings.Repeat(fmt.Sprintf("content %d ", p.edits), 300))
	if err != nil {
		return err
	}
	return one.save(id, fmt.Sprintf(`{"edit":%d,"blob":%s}`, p.edits, blob))
}

// sync replicates until all is done or the power fails. The documents that both then have are
// promised.
func (p *pair) sync() error {
	_, err := p.session()
	if err == nil {
		p.active.settle()
		p.passive.settle()
	}
	return err
}

// session is one run of a replicator.
func (p *pair) session() (moved uint64, err error) {
	protocol := replication.Protocols(p.active.db.Versioning(), true)[0]
	pipeA, pipeP := blip.NewPipePair()
	active := replication.NewActive(pipeA, replication.Active{
		Common:      replication.Common{DB: p.active.db, Protocol: protocol, Deltas: true},
		Collections: []replication.CollectionOptions{{Collection: p.active.coll, Push: true, Pull: true}},
		Remote:      "ws://passive",
	})
	passive := replication.NewPassive(pipeP, replication.Passive{
		Common:      replication.Common{DB: p.passive.db, Protocol: protocol, Deltas: true},
		Collections: []*store.Collection{p.passive.coll},
	})
	var power <-chan struct{}
	if p.victim.options.Disk != nil {
		power = p.victim.disk.Failing()
	}
	over, dropped := make(chan struct{}), make(chan struct{})
	go func() { // a machine without power says no goodbye
		defer close(dropped)
		select {
		case <-power:
			_, _ = pipeA.Abort(), pipeP.Abort()
		case <-over:
		}
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = passive.Run(context.Background()) // ends with the active side
	}()
	err = active.Run(context.Background())
	<-done
	close(over)
	<-dropped
	progress := active.Progress()
	return progress.Push.Documents + progress.Pull.Documents, err
}

// restart opens the database after the power cut and checks it.
func (p *pair) restart(seed uint64) {
	v := p.victim
	if v.db != nil {
		_ = v.db.Close() // nothing of this reaches the disk
	}
	if err := v.disk.Restart(v.path, seed); err != nil {
		p.t.Fatal(err)
	}
	v.options.Disk, v.db = nil, nil
	if err := v.openWhatIsLeft(); err != nil {
		p.t.Fatalf("cut %d: open after the restart: %v", seed, err)
	}
	if problems, err := v.db.Check(context.Background()); err != nil || len(problems) > 0 {
		p.t.Errorf("cut %d: after the restart: %v, %v", seed, problems, err)
	}
	v.checkPromised("after the restart")
}

// checkAfterwards edits and replicates after the restart, as users would.
func (p *pair) checkAfterwards(cut int) {
	t := p.t
	if p.other.db == nil {
		if err := p.other.open(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.put(p.victim, "late"); err != nil {
		t.Fatal(err)
	}
	latest := p.victim.contents()["late"]
	for round := 0; ; round++ {
		moved, err := p.session()
		if err != nil && !errors.Is(err, replication.ErrStartOver) {
			t.Fatalf("cut %d: sync after the restart: %v", cut, err)
		}
		if err == nil && moved == 0 {
			break
		}
		if round > 5 {
			t.Fatalf("cut %d: the peers do not come to rest", cut)
		}
	}
	p.compare(cut)
	p.victim.checkPromised("in the end")
	p.other.checkPromised("in the end")
	if got := p.other.contents()["late"]; p.victim.db.Versioning() == store.VersionVectors && got != latest {
		t.Errorf("cut %d: the edit after the restart is lost: got %.80s, want %.80s", cut, got, latest)
	}
	for _, one := range []*peer{p.active, p.passive} {
		if problems, err := one.db.Check(context.Background()); err != nil || len(problems) > 0 {
			t.Errorf("cut %d: %s in the end: %v, %v", cut, one.name(), problems, err)
		}
	}
}

// compare looks for differences; an empty database asks for no tombstones.
func (p *pair) compare(cut int) {
	active, passive := p.active.contents(), p.passive.contents()
	for id, a := range active {
		if b, ok := passive[id]; a != b && (ok || !strings.HasSuffix(a, tombstone)) {
			p.t.Errorf("cut %d: %s is %.80s on the active side and %.80s on the passive one", cut, id, a, b)
		}
		if strings.Contains(a, inConflict) {
			p.t.Errorf("cut %d: %s is left %s", cut, id, a)
		}
	}
	for id, b := range passive {
		if _, ok := active[id]; !ok && !strings.HasSuffix(b, tombstone) {
			p.t.Errorf("cut %d: %s is on the passive side only", cut, id)
		}
	}
}
