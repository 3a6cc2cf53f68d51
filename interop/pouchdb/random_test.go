package pouchdb_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/testsize"
)

// world is three PouchDBs and two servers, which sync with each other too.
type world struct {
	t       testing.TB
	d       *driver
	servers []*server
	names   []string
	random  *rand.Rand

	edits   int
	further map[int]bool // edits that were edited further, and so may not be what is left
}

const documents = 4 // of a world

// TestRandomHistories plays random edits, deletions and syncs, in any order and with any server. In the end all
// have the same, without a conflict, and no edit that somebody has edited further.
func TestRandomHistories(t *testing.T) {
	d := drive(t)
	for seed := range uint64(testsize.Pick(1, 25)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d.t = t
			w := &world{t: t, d: d, random: rand.New(rand.NewPCG(seed, 16)), further: map[int]bool{}}
			w.servers = []*server{serve(t, nil), serve(t, nil)}
			for i := range 3 {
				w.names = append(w.names, fmt.Sprintf("p%d-%d", seed, i))
			}
			for range 60 {
				w.step()
			}
			w.rest()
		})
	}
}

func (w *world) step() {
	id := fmt.Sprint("doc", w.random.IntN(documents))
	name, s := w.names[w.random.IntN(3)], w.servers[w.random.IntN(2)]
	switch w.random.IntN(10) {
	case 0:
		w.d.do("remove", args{"name": name, "id": id}, nil)
	case 1:
		var now map[string]any
		if d, err := s.coll.Document(w.t.Context(), id); err == nil {
			check(w.t, json.Unmarshal(d.Body(), &now))
		}
		s.put(id, w.next(now))
	case 2:
		peers(w.t, w.servers[0], w.servers[1])
	case 3, 4, 5:
		w.d.sync(name, s, []string{"push", "pull", "both"}[w.random.IntN(3)])
	default:
		var now map[string]any
		w.d.do("get", args{"name": name, "id": id}, &now)
		next := w.next(now)
		next["_id"] = id
		w.d.do("put", args{"name": name, "docs": []any{next}}, nil)
	}
}

// next returns the content of an edit of what is there now.
func (w *world) next(now map[string]any) map[string]any {
	if before, ok := now["edit"].(float64); ok {
		w.further[int(before)] = true
	}
	w.edits++
	return map[string]any{"edit": w.edits}
}

// rest syncs all with all until nothing changes, which has to be soon.
func (w *world) rest() {
	for round := 0; ; round++ {
		if round == 6 {
			w.t.Fatal("the peers do not come to rest")
		}
		before := fmt.Sprint(w.state())
		for _, s := range w.servers {
			for _, name := range w.names {
				w.d.sync(name, s, "both")
			}
		}
		peers(w.t, w.servers[0], w.servers[1])
		if round > 0 && fmt.Sprint(w.state()) == before {
			break
		}
	}
	for _, s := range w.servers {
		w.d.same(s, w.names...)
		for id, is := range s.all() {
			_, text, _ := strings.Cut(is, " ")
			var body struct{ Edit int }
			check(w.t, json.Unmarshal([]byte(text), &body))
			if w.further[body.Edit] {
				w.t.Errorf("%s is %s, which was edited further", id, is)
			}
		}
	}
}

func (w *world) state() (all []map[string]string) {
	for _, s := range w.servers {
		all = append(all, s.all())
	}
	for _, name := range w.names {
		var docs []map[string]any
		w.d.do("all", args{"name": name}, &docs)
		state := map[string]string{}
		for _, doc := range docs {
			state[fmt.Sprint(doc["_id"])] = fmt.Sprint(doc["_rev"], doc["_conflicts"])
		}
		all = append(all, state)
	}
	return all
}
