package replication_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// remembering answers as politely does, keeps the checkpoint, and forbids documents for which forbids is true.
type remembering struct {
	checkpoint []byte
	n          int
	forbids    func(id string) bool
	taken      []string
}

func (k *remembering) answer(r *blip.Request) {
	switch r.Profile() {
	case "getCollections":
		body := map[string]any{}
		if k.n > 0 {
			_ = json.Unmarshal(k.checkpoint, &body)
			body["rev"] = fmt.Sprintf("%d-cc", k.n)
		}
		text, _ := json.Marshal([]any{body})
		r.Reply(&blip.Message{Body: text})
	case "setCheckpoint":
		k.checkpoint, k.n = slices.Clone(r.Body), k.n+1
		r.Reply(&blip.Message{Properties: blip.Props("rev", fmt.Sprintf("%d-cc", k.n))})
	case "rev":
		if id := r.Properties.Value("id"); k.forbids(id) {
			r.ReplyError("HTTP", 403, "no access")
		} else {
			k.taken = append(k.taken, id)
			r.Reply(nil)
		}
	default:
		politely(r)
	}
}

// What a peer refuses for good is tried again when the document has changed, or if that is asked for.
func TestWhatWasRefusedIsTriedAgainIfAskedFor(t *testing.T) {
	a := newPeer(t, store.VersionVectors)
	for n := range 5 {
		a.put(fmt.Sprintf("d%d", n), "{}")
	}
	k := &remembering{forbids: func(id string) bool { return id == "d1" || id == "d3" }}
	run := func(retry bool, want ...string) {
		t.Helper()
		k.taken = nil
		l := meetActive(t, a, func(active *replication.Active) { active.RetryRefused = retry }, k.answer, caughtUp)
		if err := l.await(); err != nil {
			t.Errorf("the session ended with %v", err)
		}
		if got := l.events.sorted(); !slices.Equal(got, want) {
			t.Errorf("retry=%v: reported are %v, want %v", retry, got, want)
		}
	}
	run(false, "push d0", "push d1 WebSocket/403", "push d2", "push d3 WebSocket/403", "push d4")
	run(false)
	run(true, "push d1 WebSocket/403", "push d3 WebSocket/403")
	a.put("d3", `{"n":1}`)
	k.forbids = func(string) bool { return false }
	run(false, "push d3")
	run(false)
	run(true, "push d1")
	run(true)
}

// The same for what was refused here.
func TestWhatWeRefusedIsAskedForAgain(t *testing.T) {
	a, p := newPeer(t, store.VersionVectors), newPeer(t, store.VersionVectors)
	p.put("a", `{}`)
	p.put("b", `{}`)
	refusing := func(active *replication.Active) {
		active.Collections[0].PullFilter = func(doc *store.Document, _ bool) bool { return doc.ID != "a" }
	}
	if failed := runOnce(t, a, p, refusing); len(failed) != 1 {
		t.Errorf("refused: %v", failed)
	}
	runOnce(t, a, p)
	if got := len(a.contents()); got != 1 {
		t.Errorf("%d documents are here, want 1", got)
	}
	runOnce(t, a, p, func(active *replication.Active) { active.RetryRefused = true })
	requireSame(t, a, p, 2)
}
