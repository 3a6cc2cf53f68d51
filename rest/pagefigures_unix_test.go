//go:build unix

package rest_test

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

var pageDocuments = flag.Int("page.documents", 1_000_000, "so many documents are in the list of the page that -figures measures")

// TestPageFigures prints what the page takes: a list of many documents, and an overview with many peers.
func TestPageFigures(t *testing.T) {
	if *figures == 0 {
		t.Skip("measures only with -figures DURATION")
	}
	t.Run("list", figureLists)
	t.Run("overview", figureOverview)
}

// measured is how often each view is looked at.
const measured = 40

func figureLists(t *testing.T) {
	s := servePage(t, func(cfg *rest.Configuration) { cfg.Limits.RequestsPerSecond = -1 })
	const portion = 10_000
	for from := 0; from < *pageDocuments; from += portion {
		check(t, s.shop.InBatch(t.Context(), func(b *tandem.Batch) error {
			for i := from; i < min(from+portion, *pageDocuments); i++ {
				doc, err := tandem.NewDocumentWithBody(fmt.Sprintf("doc-%08d", i), figureBody(i))
				if err == nil {
					err = b.Save(s.coll, doc)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}
	v := visitAs(t, s, "ann")
	middle := fmt.Sprintf("doc-%08d", *pageDocuments/2)
	for name, path := range map[string]string{
		"the beginning": "docs/shop", "the middle": "docs/shop?from=" + middle, "before the middle": "docs/shop?before=" + middle,
		"a prefix": "docs/shop?prefix=" + middle[:len(middle)-1], "nothing": "docs/shop?prefix=none", "all databases": "docs", "the overview": "",
	} {
		v.figure(fmt.Sprintf("page of %d documents, %s", *pageDocuments, name), path)
	}
}

// figure prints how long a view takes, and its processor time, with that of the client.
func (v *visitor) figure(what, path string) (perLook time.Duration) {
	v.t.Helper()
	v.get(path)
	before := processorTime()
	var took []time.Duration
	for range measured {
		began := time.Now()
		if got := v.get(path); got.status != 200 {
			v.t.Fatalf("%s: %d", path, got.status)
		}
		took = append(took, time.Since(began))
	}
	perLook = (processorTime() - before) / measured
	slices.Sort(took)
	fmt.Printf("%s: p50 %v, worst %v, processor time %v\n", what, took[measured/2], took[measured-1], perLook)
	return perLook
}

// figureOverview connects as many peers as a listener takes.
func figureOverview(t *testing.T) {
	s := serveSync(t, func(cfg *rest.Configuration) {
		cfg.Page, cfg.Limits = true, rest.Limits{RequestsPerSecond: -1, Feeds: -1, FeedsPerUser: -1}
	})
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	s.url = web.URL
	const peers = 1000
	for i := range peers {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i/100))}} // few each
		r := s.request("GET /shop/_blipsync", "")
		conn, answer, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(r.URL.String(), "http"), &websocket.DialOptions{
			HTTPHeader: r.Header, Subprotocols: []string{"BLIP_3+CBMobile_4"},
			HTTPClient: &http.Client{Transport: &http.Transport{DialContext: from.DialContext}},
		})
		check(t, err)
		if answer.Body != nil {
			answer.Body.Close()
		}
		defer conn.CloseNow() //nolint:errcheck // the end of the measurement
	}
	v := visitAs(t, s, "ann")
	if got := v.get(""); !strings.Contains(got.html, fmt.Sprintf("and %d more", peers-50)) {
		t.Fatalf("the overview shows:\n%s", got.html)
	}
	const every = 2 * time.Second // a look at what changes
	per := v.figure(fmt.Sprintf("overview with %d peers, what is refreshed", peers), "?part=peers")
	fmt.Printf("overview with %d peers: %.2f %% of a core for each open page\n", peers, 100*per.Seconds()/every.Seconds())
}
