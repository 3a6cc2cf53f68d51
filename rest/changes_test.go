package rest_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/tandemdb/tandem"
)

// saveAll saves empty documents.
func (s *server) saveAll(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		check(s.t, s.coll.Put(s.t.Context(), id, map[string]string{"is": id}))
	}
}

func (s *server) remove(id string) {
	s.t.Helper()
	d, err := s.coll.Document(s.t.Context(), id)
	check(s.t, err)
	check(s.t, s.coll.Delete(s.t.Context(), d))
}

func row(seq int, id string) string {
	return fmt.Sprintf(`{"seq":%d,"id":%q,"changes":[{"rev":"*"}]}`, seq, id)
}

func TestChangesAreListed(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("GET /shop/_changes", ""), 200, `{"results":[],"last_seq":0,"pending":0}`)
	s.saveAll("a", "b", "c", "a", "d", "e")
	check(t, s.coll.Purge(t.Context(), "e"))
	s.remove("b")
	const removed = `{"seq":7,"id":"b","deleted":true,"changes":[{"rev":"*"}]}`
	a, c, d := row(4, "a"), row(3, "c"), row(5, "d")
	for _, x := range []struct{ query, results, end string }{
		{"", c + "," + a + "," + d + "," + removed, `"last_seq":7,"pending":0`},
		{"?since=4", d + "," + removed, `"last_seq":7,"pending":0`},
		{`?since="4"&limit=1`, d, `"last_seq":5,"pending":1`},
		{"?limit=2", c + "," + a, `"last_seq":4,"pending":2`},
		{"?limit=0", c, `"last_seq":3,"pending":3`},
		{"?limit=4", c + "," + a + "," + d + "," + removed, `"last_seq":7,"pending":0`},
		{"?since=now", "", `"last_seq":7,"pending":0`},
		{"?since=7", "", `"last_seq":7,"pending":0`},
		{"?descending=true&limit=2", removed + "," + d, `"last_seq":7,"pending":0`},
		{"?descending=true&since=4", removed + "," + d, `"last_seq":7,"pending":0`},
		{"?active_only=true", c + "," + a + "," + d, `"last_seq":7,"pending":0`},
		{"?active_only=true&limit=1&since=5", "", `"last_seq":7,"pending":0`},
		{`?filter=_doc_ids&doc_ids=["d","c"]&limit=1&style=all_docs`, c, `"last_seq":3,"pending":3`},
		{"?feed=longpoll", c + "," + a + "," + d + "," + removed, `"last_seq":7,"pending":0`},
		{"?feed=longpoll&limit=1&since=4", d, `"last_seq":5,"pending":1`},
		{"?unknown=1&feed=normal", c + "," + a + "," + d + "," + removed, `"last_seq":7,"pending":0`},
	} {
		s.want(s.do("GET /shop/_changes"+escapeQuery(x.query), ""), 200, `{"results":[`+x.results+`],`+x.end+`}`)
	}
	s.want(s.do("POST /shop/_changes?limit=1", `{"filter":"_doc_ids","doc_ids":["d","b"],"since":3,"limit":null}`), 200,
		`{"results":[`+d+`,`+removed+`],"last_seq":7,"pending":0}`)
	got := s.do("GET /shop/_changes?include_docs=true&since=4&limit=1", "")
	s.want(got, 200, `{"results":[{"seq":5,"id":"d","changes":[{"rev":"*"}],"doc":{"_id":"d","_rev":"*","_cv":"*","is":"d"}}],"last_seq":5,"pending":1}`)
}

func TestWrongParametersOfChangesAreRefused(t *testing.T) {
	s := serve(t, nil)
	s.saveAll("a")
	for query, status := range map[string]int{
		"feed=other": 400, "feed=websocket": 501, "filter=other": 400, "filter=sync_gateway/bychannel": 501, "channels=a": 501,
		"revocations=true": 501, "style=other": 400, "since=-1": 400, "since=x": 400, "since=2": 400, "since=99999999999999999999": 400,
		"limit=-1": 400, "limit=x": 400, "active_only=1": 400, "include_docs=x": 400, "heartbeat=x": 400, "timeout=-5": 400,
		"filter=_doc_ids": 400, "filter=_doc_ids&doc_ids=a": 400, "feed=sse&descending=true": 400, "feed=sse&since=2": 400,
		"feed=longpoll&since=2": 400,
	} {
		s.want(s.do("GET /shop/_changes?"+query, ""), status, "")
	}
	s.want(s.do("POST /shop/_changes", `{"feed":7}`), 400, "")
	s.want(s.do("POST /shop/_changes", `[]`), 400, "")
	s.want(s.do("POST /shop/_changes", `{}`, "Content-Type: text/plain"), 415, "")
	s.want(s.do("GET /shop/_changes", "", "As: eve"), 403, "")
	s.want(s.do("GET /shop/_changes", "", "As: "), 401, "")
	s.want(s.do("GET /shop.missing/_changes", ""), 403, "")
	for _, query := range []string{"since=x", "since=_default._default:x", "since=:3", "feed=normal", "limit=1", "descending=true"} {
		s.want(s.do("GET /shop/_changes_all?"+query, ""), 400, "")
	}
	s.want(s.do("GET /shop/_changes_all", "", "As: eve"), 403, "")
}

func escapeQuery(query string) string {
	if query == "" {
		return ""
	}
	values, _ := url.ParseQuery(query[1:])
	return "?" + values.Encode()
}

// Documents that change while the list is written are for the next request: the list has an end even if
// writers are faster than the client.
func TestAListOfChangesIsOfOneMoment(t *testing.T) {
	s := serve(t, nil)
	check(t, s.shop.InBatch(t.Context(), func(b *tandem.Batch) error {
		for i := range 3000 {
			check(t, b.Put(s.coll, fmt.Sprint(i), struct{}{}))
		}
		return nil
	}))
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = s.coll.Put(t.Context(), fmt.Sprint(i%10), struct{}{})
			}
		}
	}()
	got := s.do("GET /shop/_changes?include_docs=true", "")
	close(stop)
	<-stopped
	var list struct {
		Results []struct {
			Seq uint64
			ID  string
		}
		Last uint64 `json:"last_seq"`
	}
	got.decode(t, &list)
	for i, r := range list.Results {
		if r.Seq > list.Last || i > 0 && r.Seq <= list.Results[i-1].Seq {
			t.Fatalf("row %d has sequence %d of %d", i, r.Seq, list.Last)
		}
	}
	if n := len(list.Results); n < 2990 {
		t.Errorf("%d rows, want all that did not change meanwhile", n)
	}
}

// Each page of a list of changes tells what is left, whatever changes between the pages.
func TestThePagesOfAListTellWhatIsLeft(t *testing.T) {
	s := serve(t, nil)
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = fmt.Sprintf("d%02d", i)
	}
	s.saveAll(ids...)
	page := func(since, limit int) (next int) {
		t.Helper()
		var got struct {
			Last    int `json:"last_seq"`
			Pending int
		}
		answer := s.want(s.do(fmt.Sprintf("GET /shop/_changes?since=%d&limit=%d", since, limit), ""), 200, "")
		check(t, json.Unmarshal([]byte(answer.body), &got))
		count, err := s.coll.CountChanges(t.Context(), uint64(got.Last))
		check(t, err)
		if got.Pending != int(count) {
			t.Errorf("after %d: pending is %d, want %d", since, got.Pending, count)
		}
		return got.Last
	}
	at := page(page(0, 10), 10)
	s.saveAll("d30", "new") // one moves to the end
	at = page(page(at, 5), 5)
	check(t, s.coll.Purge(t.Context(), "new"))
	s.saveAll("d01")
	for at < 53 {
		at = page(at, 7)
	}
	page(0, 10)
	page(10, 3)
}
