package replication_test

import (
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// A listener tells a peer of our kind, which has named the UUID of its source, how many changes follow.
// Other peers never see the property.
func TestOnlyOurKindHearsHowManyChangesFollow(t *testing.T) {
	for name, x := range map[string]struct {
		properties string // of getCollections
		want       []string
	}{
		"a stranger":  {"", []string{"", "", ""}},
		"of our kind": {"uuid=01234567-89ab-4cde-8f01-23456789abcd", []string{"250", "50", "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, store.RevTrees)
			for i := range 450 {
				p.put(fmt.Sprintf("doc-%03d", i), `{}`)
			}
			s := newLegacySubscriber(t, p)
			s.mustAsk("[{}]", "getCollections", x.properties, `{"checkpoint_ids":["cp"],"collections":["_default"]}`)
			s.subscribe("batch=200")
			for i, want := range x.want {
				r := s.next()
				got, has := r.Properties.Get("remaining")
				if got != want || has != (want != "") {
					t.Errorf("message %d: got %q (%t), want %q", i, got, has, want)
				}
			}
		})
	}
}
