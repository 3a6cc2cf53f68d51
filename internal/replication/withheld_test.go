package replication_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/replication"
)

// A listener that keeps a document to itself says so in its log: the other side counts it as dealt with.
func TestAListenerTellsOfWhatStaysThere(t *testing.T) {
	ours, theirs := newClock(start), newClock(start)
	a, p := openPeer(t, ours.options()), openPeer(t, theirs.options())
	p.put("plain", `{"n":1}`)
	p.put("secret", `{"pin":{"@type":"encryptable","value":"1234"}}`)
	var log bytes.Buffer
	l := connect(t, a, p, func(_ *replication.Active, passive *replication.Passive) {
		passive.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	if err := <-l.activeErr; err != nil {
		t.Errorf("the session ends with %v", err)
	}
	<-l.passiveErr
	if got := a.contents(); len(got) != 1 {
		t.Errorf("got %v, want the plain document", got)
	}
	got := log.String()
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, "document=secret") || strings.Contains(got, "1234") {
		t.Errorf("the log is\n%s\nwant one line that names the document, and not its content", got)
	}
}
