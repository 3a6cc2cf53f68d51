package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// tables models, as maps, the data that a database has beside its documents.
type tables struct {
	remotes map[string]store.Remote
	clients map[string]checkpoint
	local   map[string]string
	infos   map[[2]string]string // by space and key
}

type checkpoint struct {
	n    int
	body string
}

func (m tables) copied() tables {
	return tables{maps.Clone(m.remotes), maps.Clone(m.clients), maps.Clone(m.local), maps.Clone(m.infos)}
}

// TestSmallTablesAgreeWithMaps sets remotes, checkpoints of both kinds and information in random
// transactions. A failed transaction must change nothing.
func TestSmallTablesAgreeWithMaps(t *testing.T) {
	testsize.Check(t, func(rt *rapid.T) {
		db := open(t, store.Options{})
		other := openAt(t, db.Path(), store.Options{})
		model := tables{map[string]store.Remote{}, map[string]checkpoint{}, map[string]string{}, map[[2]string]string{}}
		for range rapid.IntRange(1, 6).Draw(rt, "transactions") {
			next := model.copied()
			refused := errors.New("refused")
			fails := rapid.IntRange(0, 3).Draw(rt, "fails") == 0
			on := rapid.SampledFrom([]*store.DB{db, other}).Draw(rt, "handle")
			err := on.Update(background, func(tx *store.Tx) error {
				for range rapid.IntRange(0, 6).Draw(rt, "steps") {
					next.step(rt, tx)
				}
				next.compare(rt, tx)
				if fails {
					return refused
				}
				return nil
			})
			if fails != errors.Is(err, refused) || !fails && err != nil {
				rt.Fatalf("got %v", err)
			}
			if !fails {
				model = next
			}
		}
		for _, db := range []*store.DB{db, other} {
			view(t, db, func(tx *store.Tx) error { model.compare(rt, tx); return nil })
		}
		sound(t, db)
	})
}

func (m tables) step(t *rapid.T, tx *store.Tx) {
	key := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "key")
	value := rapid.SampledFrom([]string{"", "x", "\x00"}).Draw(t, "value")
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		m.number(t, tx, "wss://"+key)
	case 1:
		m.setCheckpoint(t, tx, key, value)
	case 2:
		m.local[key] = value
		mustIn(t, tx.SetLocalCheckpoint(key, []byte(value)))
	case 3:
		space := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "space")
		m.infos[[2]string{space, key}] = value
		mustIn(t, tx.SetInfo(space, key, []byte(value)))
	case 4:
		space := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "space")
		delete(m.infos, [2]string{space, key})
		mustIn(t, tx.SetInfo(space, key, nil))
	}
}

// number asks for the number of a remote, which must not change.
func (m tables) number(t *rapid.T, tx *store.Tx, url string) {
	r, err := tx.RemoteFor(url)
	mustIn(t, err)
	if was, known := m.remotes[url]; known && was != r || r == 0 {
		t.Errorf("%s: got number %d, was %d", url, r, was)
	}
	for other, n := range m.remotes {
		if other != url && n == r {
			t.Errorf("%s and %s have the number %d", url, other, n)
		}
	}
	m.remotes[url] = r
}

// setCheckpoint sets a client's checkpoint, after an attempt with a wrong revision.
func (m tables) setCheckpoint(t *rapid.T, tx *store.Tx, client, body string) {
	is := m.clients[client]
	expect := ""
	if is.n > 0 {
		expect = fmt.Sprintf("%d-cc", is.n)
	}
	wrong := fmt.Sprintf("%d-cc", is.n+1)
	if _, err := tx.SetPeerCheckpoint(client, wrong, []byte("wrong")); !errors.Is(err, fault.Conflict) {
		t.Errorf("%s at %q, expected at %q: got %v", client, expect, wrong, err)
	}
	rev, err := tx.SetPeerCheckpoint(client, expect, []byte(body))
	if err != nil || rev != wrong {
		t.Errorf("%s: got %q, %v, want %q", client, rev, err, wrong)
	}
	m.clients[client] = checkpoint{is.n + 1, body}
}

func (m tables) compare(t *rapid.T, tx *store.Tx) {
	remotes, err := tx.Remotes()
	if err != nil || !maps.Equal(remotes, m.remotes) {
		t.Errorf("remotes: got %v, %v, want %v", remotes, err, m.remotes)
	}
	for _, key := range []string{"", "a", "b"} {
		rev, body, ok, err := tx.PeerCheckpoint(key)
		want := m.clients[key]
		if ok != (want.n > 0) || ok && (rev != fmt.Sprintf("%d-cc", want.n) || string(body) != want.body) || err != nil {
			t.Errorf("checkpoint of client %q: got %s %q %t, %v, want %+v", key, rev, body, ok, err, want)
		}
		local, err := tx.LocalCheckpoint(key)
		text, set := m.local[key]
		if string(local) != text || set != (local != nil) || err != nil {
			t.Errorf("local checkpoint %q: got %q, %v, want %q, set %t", key, local, err, text, set)
		}
		for _, space := range []string{"one", "two"} {
			value, err := tx.Info(space, key)
			text, set := m.infos[[2]string{space, key}]
			if string(value) != text || set != (value != nil) || err != nil {
				t.Errorf("information %s/%q: got %q, %v, want %q, set %t", space, key, value, err, text, set)
			}
		}
	}
	m.compareInfos(t, tx)
}

// compareInfos lists a space. Its callback uses the transaction.
func (m tables) compareInfos(t *rapid.T, tx *store.Tx) {
	for _, space := range []string{"one", "two", "three"} {
		var got, want []string
		mustIn(t, tx.Infos(space, func(key string, value []byte) error {
			again, err := tx.Info(space, key)
			got = append(got, key+"="+string(value))
			if string(again) != string(value) {
				t.Errorf("%s/%q: got %q, then %q", space, key, value, again)
			}
			return err
		}))
		for at, value := range m.infos {
			if at[0] == space {
				want = append(want, at[1]+"="+value)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("space %s: got %q, want %q", space, got, want)
		}
	}
}

func mustIn(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAListOfInformationEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	enough := errors.New("enough")
	calls := 0
	err := db.Update(background, func(tx *store.Tx) error {
		if err := errors.Join(tx.SetInfo("s", "a", []byte{1}), tx.SetInfo("s", "b", []byte{2})); err != nil {
			return err
		}
		return tx.Infos("s", func(string, []byte) error { calls++; return enough })
	})
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
	sound(t, db)
}
