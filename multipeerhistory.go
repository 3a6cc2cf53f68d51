package tandem

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// A member keeps whom it has met in its database: so it finds them again after a start, and what the
// documents note of one that was not met for long can be removed.

const (
	historyKept  = 30 * 24 * time.Hour // without a meeting
	historyEvery = 5 * time.Minute     // between two looks
	maxHistory   = 1000                // peers
)

// pastPeer is an entry of the history.
type pastPeer struct {
	Name      string    `json:"name,omitempty"`
	Addresses []string  `json:"at,omitempty"`
	Met       time.Time `json:"met"`
}

func (run *meshRun) historySpace() string { return run.path() + " history" }

// recall returns the peers that were met before, and those that this process has heard of.
func (run *meshRun) recall() ([]mesh.Past, error) {
	run.m.mu.Lock()
	known := slices.Clone(run.m.known)
	run.m.mu.Unlock()
	err := run.m.db.store.View(run.ctx, func(tx *store.Tx) error {
		return tx.Infos(run.historySpace(), func(key string, value []byte) error {
			var id mesh.ID
			var past pastPeer
			heard := func(p mesh.Past) bool { return p.ID == id }
			if id.UnmarshalText([]byte(key)) == nil && json.Unmarshal(value, &past) == nil && !slices.ContainsFunc(known, heard) {
				known = append(known, mesh.Past{ID: id, Name: past.Name, Addresses: past.Addresses, Met: past.Met})
			}
			return nil
		})
	})
	return known, err
}

// keepHistory writes the history now and then until the run ends, and forgets who was not met for long.
func (run *meshRun) keepHistory() {
	ticker := time.NewTicker(historyEvery)
	defer ticker.Stop()
	for {
		run.warn("forget members that were not met for long", run.forget())
		select {
		case <-run.ctx.Done():
			return
		case <-ticker.C:
		}
		run.remember()
	}
}

func (run *meshRun) warn(what string, err error) {
	if err != nil && run.ctx.Err() == nil && run.m.cfg.Logger != nil {
		run.m.cfg.Logger.Warn("mesh: cannot "+what, "error", err)
	}
}

// remember notes the peers: all of them for the next run of this process, those that were met in the
// database.
func (run *meshRun) remember() {
	var known, met []mesh.Past
	now := time.Now()
	for _, p := range run.node.Peers() {
		if p.Linked {
			p.Met = now
		}
		past := mesh.Past{ID: p.ID, Name: p.Name, Addresses: p.Addresses, Met: p.Met}
		if len(p.Addresses) > 0 {
			known = append(known, past)
		}
		if !p.Met.IsZero() && now.Sub(p.Met) < historyKept {
			met = append(met, past)
		}
	}
	run.m.mu.Lock()
	run.m.known = known
	run.m.mu.Unlock()
	slices.SortFunc(met, func(a, b mesh.Past) int { return cmp.Or(b.Met.Compare(a.Met), slices.Compare(a.ID[:], b.ID[:])) })
	run.warn("keep the history", run.write(met[:min(len(met), maxHistory)]))
}

// write writes entries of the history that have changed.
func (run *meshRun) write(met []mesh.Past) error {
	if len(met) == 0 {
		return nil
	}
	return run.m.db.store.Update(context.Background(), func(tx *store.Tx) error {
		for _, p := range met {
			key, err := p.ID.MarshalText()
			if err != nil {
				return err
			}
			value, err := json.Marshal(pastPeer{p.Name, p.Addresses, p.Met.UTC().Truncate(time.Second)})
			if err != nil {
				return err
			}
			was, err := tx.Info(run.historySpace(), string(key))
			if err == nil && string(was) != string(value) {
				err = tx.SetInfo(run.historySpace(), string(key), value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// forget removes what the database keeps of peers that were not met for long.
func (run *meshRun) forget() error {
	known, err := run.recall()
	if err != nil {
		return err
	}
	for _, p := range known {
		if p.Met.IsZero() || time.Since(p.Met) < historyKept || run.link(p.ID) != nil {
			continue
		}
		peer := PeerID(p.ID)
		past := replication.Mesh{Remote: remoteOf(peer), Collections: run.options(peer)}
		if err := past.Forget(run.ctx, run.m.db.store); err != nil {
			return err
		}
		key, err := p.ID.MarshalText()
		if err != nil {
			return err
		}
		err = run.m.db.store.Update(run.ctx, func(tx *store.Tx) error { return tx.SetInfo(run.historySpace(), string(key), nil) })
		if err != nil {
			return err
		}
	}
	return nil
}
