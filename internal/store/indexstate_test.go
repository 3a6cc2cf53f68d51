package store_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/store"
)

// logged is a log that a test reads.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// take returns what was logged since the last call.
func (l *logged) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func TestTheLogTellsWhatIsOddAboutAnIndex(t *testing.T) {
	inFolders(t)
	t.Parallel()
	var l logged
	db := open(t, store.Options{Logger: slog.New(slog.NewTextHandler(&l, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	c := defaults(t, db)
	save(t, db, c, "a", `{"v":[1,2],"text":"words"}`)
	text := func(language string) store.Index {
		return store.Index{Name: "text", Expressions: []string{"text"}, Text: &fulltext.Options{Language: language}}
	}
	for _, fine := range []store.Index{flat, text(""), text("en_US")} {
		createIndex(t, db, fine)
	}
	if got := l.take(); got != "" {
		t.Errorf("got the log %q, want nothing", got)
	}
	createIndex(t, db, text("klingon"))
	if got := l.take(); !strings.Contains(got, "klingon") || !strings.Contains(got, "known=\"da de en ") {
		t.Errorf("got the log %q, want the unknown language, and those that are known", got)
	}
	save(t, db, c, "b", `{"v":[1]}`)
	createIndex(t, db, vectorIndex("flat", store.VectorOptions{Dimensions: 2, Metric: "dot"}))
	if got := l.take(); !strings.Contains(got, "documents=1") {
		t.Errorf("got the log %q, want the number of documents that are left out", got)
	}
}
