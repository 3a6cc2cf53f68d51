package replication_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// oddities are revisions that look strange, and are taken all the same. @ stands for a
// version a minute old.
var oddities = map[string]struct {
	props, body string
	trees       string // what a database of trees has then; "" to leave it out
	vectors     string // the same with version vectors
}{
	"reserved keys": {
		"rev=1-aa", `{"_id":"x","_rev":1,"a":{"_b":2},"_deleted":true}`, `1-aa {"a":{"_b":2}}`, `1-aa {"a":{"_b":2}}`,
	},
	"only reserved keys": {"rev=1-aa", `{"_removed":false}`, `1-aa {}`, `1-aa {}`},
	"whitespace":         {"rev=1-aa", " {\n\t\"a\" : [ 1 , 2 ] } ", `1-aa {"a":[1,2]}`, `1-aa {"a":[1,2]}`},
	"numbers as written": {
		"rev=1-aa", `{"a":3.0,"b":18446744073709551615,"c":-0,"d":1E2}`,
		`1-aa {"a":3.0,"b":18446744073709551615,"c":-0,"d":1E2}`, `1-aa {"a":3.0,"b":18446744073709551615,"c":-0,"d":1E2}`,
	},
	"zero in a string": {"rev=1-aa", `{"a":"\u0000"}`, `1-aa {"a":"\u0000"}`, `1-aa {"a":"\u0000"}`},
	"tombstone":        {"rev=1-aa deleted=1", `{}`, `1-aa -`, `1-aa -`},
	"empty tombstone":  {"rev=1-aa deleted=true", ``, `1-aa -`, `1-aa -`},
	"live by no":       {"rev=1-aa deleted=no", `{}`, `1-aa {}`, `1-aa {}`},
	"live by zero":     {"rev=1-aa deleted=0", `{}`, `1-aa {}`, `1-aa {}`},
	"live by nothing":  {"rev=1-aa deleted=", `{}`, `1-aa {}`, `1-aa {}`},
	"no history":       {"rev=7-aa", `{}`, `7-aa {}`, `7-aa {}`},
	"long history":     {"rev=501-aa history=$500", `{}`, `501-aa {}`, `501-aa {}`},
	"gap far behind":   {"rev=99-aa history=$gap", `{}`, `99-aa {}`, `99-aa {}`},
	"sender's blunder": {"rev=1-aa sequence=banana unheard=of", `{}`, `1-aa {}`, `1-aa {}`},
	"plain version":    {"rev=@", `{}`, "", `@ {}`},
	"a whole vector":   {"rev=@;@other", `{}`, "", `@ {}`},
	"leading zeros":    {"rev=00@", `{}`, "", `@ {}`},
	"merge":            {"rev=@ history=@other,@other2;", `{}`, "", `@ {}`},
	"legacy tail":      {"rev=@ history=@other,2-aa,1-bb", `{}`, "", `@ {}`},
}

// TestOdditiesAreTaken sends a listener what other implementations have been seen to send.
func TestOdditiesAreTaken(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		p.put("safe", `{"a":"untouched"}`)
		fill := placeholders(p, v)
		s := meetPassive(t, p)
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		for name, c := range oddities {
			want := c.vectors
			if v == store.RevTrees {
				want = c.trees
			}
			if want == "" {
				continue
			}
			id := strings.ReplaceAll(name, " ", "-")
			for range 2 { // the second time it is there already
				s.mustAsk("", "rev", "collection=0 id="+id+" "+fill.Replace(c.props), c.body)
			}
			if got := p.contents()[id]; got != fill.Replace(want) {
				t.Errorf("%s: stored is %s, want %s", name, got, fill.Replace(want))
			}
		}
	})
}

// TestFloodOfAnnouncementsIsCutOff announces without waiting for answers.
func TestFloodOfAnnouncementsIsCutOff(t *testing.T) {
	s := meetPassive(t, newPeer(t, store.RevTrees))
	s.mustAsk("[{}]", "getCollections", "", oneCollection)
	entries := strings.TrimSuffix(strings.Repeat(`["a","1-aa"],`, 2_000), ",")
	for range 2_000 {
		m := &blip.Message{Properties: withProps("proposeChanges", "collection=0"), Body: []byte("[" + entries + "]")}
		if s.conn.Send(m, nil) != nil {
			break // cut off already
		}
	}
	if err := s.await(); !errors.Is(err, fault.ProtocolError) {
		t.Errorf("ended with %v, want %v", err, fault.ProtocolError)
	}
}

// TestFloodOfRevisionsIsStored sends thousands that nobody has asked for, without waiting.
func TestFloodOfRevisionsIsStored(t *testing.T) {
	const n = 3_000
	p := newPeer(t, store.RevTrees)
	s := meetPassive(t, p)
	s.mustAsk("[{}]", "getCollections", "", oneCollection)
	var replies gosync.WaitGroup
	replies.Add(n)
	body := []byte(`{"x":"` + strings.Repeat("x", 10_000) + `"}`)
	for i := range n {
		m := &blip.Message{Properties: withProps("rev", fmt.Sprintf("collection=0 rev=1-aa id=d%d", i)), Body: body}
		err := s.conn.Send(m, func(_ *blip.Reply, err error) {
			if err != nil {
				t.Errorf("revision %d: %v", i, err)
			}
			replies.Done()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	replies.Wait()
	if got := len(p.contents()); got != n {
		t.Errorf("stored are %d, want %d", got, n)
	}
}

// TestRevisionsWaitingForBlobsAreBounded sends many whose blobs never come.
func TestRevisionsWaitingForBlobsAreBounded(t *testing.T) {
	testsize.Whole(t)
	p := newPeer(t, store.RevTrees)
	asked := make(chan struct{}, 1_000)
	s := meet(t, func(pipe blip.Pipe) *replication.Session {
		return replication.NewPassive(pipe, replication.Passive{
			Common: replication.Common{DB: p.db, ReplyTimeout: patience}, Collections: []*store.Collection{p.coll},
		})
	}, func(r *blip.Request) { asked <- struct{}{} })
	s.mustAsk("[{}]", "getCollections", "", oneCollection)
	var refused atomic.Int64
	enough := make(chan struct{})
	padding := strings.Repeat("x", 1<<20) // what waits is bounded in bytes
	for i := range 100 {
		body := fmt.Sprintf(`{"b":{"@type":"blob","digest":%q},"p":"`, digestOf(fmt.Append(nil, i))) + padding + `"}`
		m := &blip.Message{Properties: withProps("rev", fmt.Sprintf("collection=0 rev=1-aa id=d%d", i)), Body: []byte(body)}
		err := s.conn.Send(m, func(_ *blip.Reply, err error) {
			var refusal *blip.Error
			if errors.As(err, &refusal) && refusal.Code == 503 && refused.Add(1) == 30 {
				close(enough)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-enough:
	case <-time.After(patience):
		t.Fatalf("%d revisions were refused, want 30", refused.Load())
	}
	s.mustAsk("", "rev", "collection=0 rev=1-aa id=small", `{}`) // others pass by
	if n := len(asked); n > 20 {
		t.Errorf("asked for %d blobs at once", n)
	}
}

// TestHugeAnnouncementIsNoBurden proposes very many revisions in one message.
func TestHugeAnnouncementIsNoBurden(t *testing.T) {
	s := meetPassive(t, newPeer(t, store.RevTrees))
	s.mustAsk("[{}]", "getCollections", "", oneCollection)
	var body strings.Builder
	body.WriteString("[")
	for i := range 100_000 {
		fmt.Fprintf(&body, `["document-%d","1-aa","",1000000000000000000000],`, i)
	}
	body.WriteString(`["last","1-aa"]]`)
	before := heap()
	s.mustAsk("[]", "proposeChanges", "collection=0", body.String())
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("%d bytes are left in use", grown)
	}
	s.mustAsk("[]", "proposeChanges", "collection=0", `[["last","1-aa"]]`)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestBrokenFramesEndTheSessionAlone breaks the protocol below the messages: the session
// ends, and the database serves the next one.
func TestBrokenFramesEndTheSessionAlone(t *testing.T) {
	hello := func(p *bliptest.Peer) {
		p.SendMessage(1, blip.TypeMSG, blip.Props("Profile", "getCollections"), oneCollection)
		p.Receive()
	}
	section := func(length uint64, content string) []byte {
		return append(binary.AppendUvarint(nil, length), content...)
	}
	for name, send := range map[string]func(p *bliptest.Peer){
		"a reply to nothing":  func(p *bliptest.Peer) { p.Send(77, blip.TypeRPY, section(0, "")) },
		"an error to nothing": func(p *bliptest.Peer) { p.Send(77, blip.TypeERR, section(0, "")) },
		"a message number left out": func(p *bliptest.Peer) {
			p.SendMessage(9, blip.TypeMSG, blip.Props("Profile", "rev"), "{}")
		},
		"properties beyond the limit": func(p *bliptest.Peer) {
			body := section(200_000, "Profile\x00rev\x00history\x00"+strings.Repeat("1-aa,", 40_000))
			for len(body) > 16_000 {
				p.TrySend(2, blip.TypeMSG|blip.MoreComing, body[:16_000]) //nolint:errcheck // cut off is what we want
				body = body[16_000:]
			}
			p.TrySend(2, blip.TypeMSG, body) //nolint:errcheck // the same
		},
		"properties longer than the message": func(p *bliptest.Peer) { p.Send(2, blip.TypeMSG, section(900, "Profile\x00rev\x00")) },
		"properties without an end":          func(p *bliptest.Peer) { p.Send(2, blip.TypeMSG, section(7, "Profile")) },
		"an odd number of strings":           func(p *bliptest.Peer) { p.Send(2, blip.TypeMSG, section(8, "Profile\x00")) },
		"noise":                              func(p *bliptest.Peer) { p.SendRaw([]byte("\x02\x08 this is no frame")) },
		"an empty frame":                     func(p *bliptest.Peer) { p.SendRaw([]byte{}) },
		"a frame cut short":                  func(p *bliptest.Peer) { p.SendRaw([]byte{2, 0, 1}) },
		"silence in the middle": func(p *bliptest.Peer) {
			p.Send(2, blip.TypeMSG|blip.MoreComing, section(12, "Profile\x00rev\x00{"))
			p.Pipe.Abort()
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, store.RevTrees)
			here, there := blip.NewPipePair()
			session := replication.NewPassive(here, replication.Passive{
				Common: replication.Common{DB: p.db, ReplyTimeout: patience}, Collections: []*store.Collection{p.coll},
			})
			ended := make(chan error, 1)
			go func() { ended <- session.Run(context.Background()) }()
			raw := bliptest.NewPeer(t, there)
			hello(raw)
			send(raw)
			drained := make(chan struct{})
			go func() { // and so echoes the goodbye
				defer close(drained)
				for {
					if _, err := raw.TryReceive(context.Background()); err != nil {
						return
					}
				}
			}()
			defer func() { <-drained }()
			select {
			case err := <-ended:
				if err == nil || errors.Is(err, fault.PeerClosed) {
					t.Errorf("ended with %v, want an error of ours", err)
				}
			case <-time.After(patience):
				t.Fatal("the session does not end")
			}
			s := meetPassive(t, p)
			s.mustAsk("[{}]", "getCollections", "", oneCollection)
			s.mustAsk("", "rev", "collection=0 id=a rev=1-aa", `{}`)
		})
	}
}
