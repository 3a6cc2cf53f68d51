package outbox_test

import (
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/replication/outbox"
)

// TestTheDrawingIsTrue compares the moves in the package comment with those that are allowed.
func TestTheDrawingIsTrue(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "These are all the moves:")
	drawn := make(map[string]string)
	for _, row := range regexp.MustCompile(`(?m)^//\t(\w+) *([\w, ]*)$`).FindAllStringSubmatch(list, -1) {
		drawn[row[1]] = row[2]
	}
	allowed := make(map[string]string)
	for from, to := range outbox.Moves() {
		names := make([]string, len(to))
		for i, s := range to {
			names[i] = s.String()
		}
		allowed[from.String()] = strings.Join(names, ", ")
	}
	if !maps.Equal(drawn, allowed) {
		t.Errorf("drawn:   %v\nallowed: %v", drawn, allowed)
	}
}

// TestAMoveThatIsNotDrawnIsAnError replies twice to one revision: the second reply comes from nowhere.
func TestAMoveThatIsNotDrawnIsAnError(t *testing.T) {
	w := play(1, sound, false)
	o := w.box
	var it *outbox.Item
	for it = range w.toldItems {
		break
	}
	if o.Err() != nil {
		t.Fatal(o.Err())
	}
	if o.Replied(it, nil, w.now()); o.Err() == nil {
		t.Errorf("a reply to %s, which is %s, is no error", it.ID, it.State())
	}
}
