package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestAKilledServerKeepsWhatItHasAcknowledged saves documents one by one and in bulk by HTTP, kills the server in
// mid-save, and looks for all that was answered with success when it runs again.
func TestAKilledServerKeepsWhatItHasAcknowledged(t *testing.T) {
	k := newRestKilling(t)
	for i := range restWriters {
		k.writers = append(k.writers, &restWriter{k: k, name: fmt.Sprint("w", i), bulk: i%2 == 1})
	}
	rounds := testsize.Pick(3, 12)
	for k.round = range rounds + 1 { // the last one only looks
		p := k.serve()
		for _, w := range k.writers {
			w.verify()
		}
		if k.round < rounds {
			k.write(p)
		}
	}
	if k.kills != rounds {
		t.Errorf("%d kills in %d rounds", k.kills, rounds)
	}
	k.check()
}

const restWriters = 4

type restKilling struct {
	*killing
	db             *tandem.Database
	writers        []*restWriter
	base           string // of URLs
	user, password string
	acknowledged   atomic.Int64
}

// newRestKilling makes the database that the servers serve.
func newRestKilling(t *testing.T) *restKilling {
	t.Helper()
	k := &restKilling{killing: &killing{t: t, dir: t.TempDir()}}
	var err error
	if k.db, err = tandem.Open(t.Context(), filepath.Join(k.dir, "shop.tandem"), tandem.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.db.Close() })
	return k
}

// serve starts a server, and logs in.
func (k *restKilling) serve() *proc {
	k.t.Helper()
	p := k.launch("serve", k.db.Path(), "--interface", "127.0.0.1", "--no-tls", "--rest", "127.0.0.1:0", "--rest-write")
	k.connect(p, k.db.Path())
	return p
}

// check checks the database after the kills.
func (k *restKilling) check() {
	k.t.Helper()
	if problems, err := k.db.Check(k.t.Context()); err != nil || len(problems) > 0 {
		k.t.Errorf("after the kills: %v, %v", problems, err)
	}
}

// connect waits for the server, and takes the login that it has made.
func (k *restKilling) connect(p *proc, path string) {
	k.t.Helper()
	ready, ok := p.output.wait(regexp.MustCompile(`(?m)^rest (http://\S+)$`), p.ended)
	if !ok {
		k.t.Fatalf("round %d: the server does not get ready:\n%s", k.round, p.output.String())
	}
	k.base = ready[1] + "/shop/"
	text, err := os.ReadFile(filepath.Join(path, adminFileName))
	if err != nil {
		k.t.Fatal(err)
	}
	words := strings.Fields(string(text)) // machine HOST login USER password PASSWORD
	k.user, k.password = words[3], words[5]
}

// write has all writers save until the server is killed in the middle.
func (k *restKilling) write(p *proc) {
	enough := k.acknowledged.Load() + int64(20+7*k.round)
	reached := make(chan struct{})
	var once sync.Once
	var writing sync.WaitGroup
	for _, w := range k.writers {
		writing.Go(func() {
			for w.save() {
				if k.acknowledged.Add(1) >= enough {
					once.Do(func() { close(reached) })
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		writing.Wait()
		close(ended)
	}()
	select {
	case <-reached:
	case <-ended:
		k.t.Errorf("round %d: all writers have ended before the kill", k.round)
	}
	k.kill(p)
	<-ended
	http.DefaultClient.CloseIdleConnections()
}

// do sends a request, again if the server finds that there were too many. It returns no status if
// the server was killed before it answered.
func (k *restKilling) do(method, path, body string) (status int, text string) {
	for {
		status, text = k.once(method, path, body)
		if status != http.StatusTooManyRequests {
			return status, text
		}
		<-time.After(retryPause)
	}
}

const retryPause = 100 * time.Millisecond

func (k *restKilling) once(method, path, body string) (status int, text string) {
	r, err := http.NewRequest(method, k.base+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	r.SetBasicAuth(k.user, k.password)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(all)
}

// restWriter saves documents of its own: one document again and again, or new ones in bulk.
type restWriter struct {
	k     *restKilling
	name  string
	bulk  bool
	saved int // acknowledged
	tried int
	bulks []int // acknowledged
	rev   string
}

// save saves once, and reports whether that was acknowledged.
func (w *restWriter) save() bool {
	w.tried = w.saved + 1
	status, text := 0, ""
	if w.bulk {
		status, text = w.k.do(http.MethodPost, "_bulk_docs", fmt.Sprintf(`{"docs":[{"_id":"%[1]s-%[2]d-a"},{"_id":"%[1]s-%[2]d-b"}]}`, w.name, w.tried))
		if strings.Contains(text, `"error"`) {
			w.k.t.Errorf("%s: bulk %d: %d %s", w.name, w.tried, status, text)
		}
	} else {
		status, text = w.k.do(http.MethodPut, w.name+"?rev="+strings.ReplaceAll(w.rev, "+", "%2B"), fmt.Sprintf(`{"n":%d}`, w.tried))
		var done struct{ Rev string }
		if status != 0 && (json.Unmarshal([]byte(text), &done) != nil || done.Rev == "") {
			w.k.t.Errorf("%s: save %d: %d %s", w.name, w.tried, status, text)
		}
		if done.Rev != "" {
			w.rev = done.Rev
		}
	}
	if status != http.StatusCreated {
		return false
	}
	w.saved = w.tried
	if w.bulk {
		w.bulks = append(w.bulks, w.tried)
	}
	return true
}

// verify looks for what was acknowledged. What was under way may be there or not.
func (w *restWriter) verify() {
	t := w.k.t
	if !w.bulk {
		w.verifyOne()
		return
	}
	for _, i := range w.bulks {
		there := 0
		for _, part := range []string{"a", "b"} {
			if status, _ := w.k.do(http.MethodGet, fmt.Sprintf("%s-%d-%s", w.name, i, part), ""); status == http.StatusOK {
				there++
			}
		}
		if there < 2 {
			t.Errorf("round %d: %s: %d of 2 documents of bulk %d are there, which was acknowledged", w.k.round, w.name, there, i)
		}
	}
	w.saved = w.tried // so that the next IDs are new
}

func (w *restWriter) verifyOne() {
	status, text := w.k.do(http.MethodGet, w.name, "")
	var doc struct {
		Rev string `json:"_rev"`
		N   int
	}
	if status == http.StatusOK && json.Unmarshal([]byte(text), &doc) != nil || status != http.StatusOK && w.saved > 0 {
		w.k.t.Errorf("round %d: %s was saved %d times, and is answered %d %s", w.k.round, w.name, w.saved, status, text)
	}
	if doc.N < w.saved || doc.N > w.tried {
		w.k.t.Errorf("round %d: %s is the save %d, want %d or %d", w.k.round, w.name, doc.N, w.saved, w.tried)
	}
	w.saved, w.rev = doc.N, doc.Rev
}
