package rest_test

import (
	"crypto/rand"
	"runtime"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// multicast skips a test where the loopback interface does not carry multicasts.
func multicast(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is sure to carry multicasts on its loopback interface")
	}
	browser, err := tandem.BrowsePeers(t.Context())
	if err != nil {
		t.Skip("no multicast here: ", err)
	}
	check(t, browser.Close())
}

func TestPeersOfTheNetworkAreFoundAndReplicatedWith(t *testing.T) {
	t.Parallel()
	multicast(t)
	name := "rest-" + rand.Text()
	coll, err := open(t, "theirs", tandem.Options{}).DefaultCollection(t.Context())
	check(t, err)
	check(t, coll.Put(t.Context(), "a", map[string]int{"n": 1}))
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{coll}, IdentityStore: tandem.MemoryIdentityStore(), Advertise: name,
	})
	check(t, err)
	check(t, l.Start())
	defer l.Stop()

	s := serve(t, nil)
	eventually(t, "the peer", func() bool {
		return strings.Contains(s.want(s.do("GET /_peers?timeout=500", "", "As: ann"), 200, "").body, name)
	})
	s.want(s.do("GET /_peers", ""), 403, "")
	n := s.start(`{"target":"shop","peer":"`+name+`"}`, "As: ann")
	if got := s.becomes(n, "Stopped", "ann"); got.Error != nil || got.Read != 1 {
		t.Errorf("the pull ended as %+v", got)
	}
	s.want(s.do("GET /shop/a", ""), 200, "")
}

func TestPeersThatCannotBeFoundAreRefused(t *testing.T) {
	t.Parallel()
	multicast(t)
	s := serve(t, func(cfg *rest.Configuration) { cfg.ReplicationTargets = []string{"localhost"} })
	s.want(s.do("POST /_replicate", `{"source":"shop","peer":"nobody"}`, "As: rob"), 403, "")
	s.want(s.do("POST /_replicate", `{"source":"shop","target":"ws://a/b","peer":"nobody"}`, "As: ann"), 400, "")
	s.want(s.do("POST /_replicate", `{"peer":"nobody"}`, "As: ann"), 400, "")
	s.want(s.do("POST /_replicate", `{"source":"shop","peer":"rest-nobody"}`, "As: ann"), 404, "")
}
