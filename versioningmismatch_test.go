package tandem_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// Why a peer has no protocol in common with us depends on what our database has.
func TestARefusalOfAllProtocolsSaysWhatDiffers(t *testing.T) {
	t.Parallel()
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this peer speaks BLIP_3+CBMobile_9", http.StatusInternalServerError)
	}))
	t.Cleanup(peer.Close)
	for versioning, want := range map[tandem.Versioning]string{
		tandem.RevTrees:        "the peer's database has version vectors",
		tandem.VersionVectors:  "the peer's database has revision trees",
		tandem.BothGenerations: "the peer syncs neither",
	} {
		coll := defaultIn(t, newDatabase(t, tandem.Options{Versioning: versioning}))
		r := replicator(t, "ws"+strings.TrimPrefix(peer.URL, "http")+"/db", coll)
		if err := r.TestConnection(t.Context()); err == nil || !strings.Contains(err.Error(), want) || tandem.HintOf(err) == "" {
			t.Errorf("%s: got %v, want %q and a hint", versioning, err, want)
		}
	}
}
