package replication_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/store"
)

// revOf returns the current revision of a document.
func (p *peer) revOf(id string) string {
	p.t.Helper()
	return strings.Fields(p.contents()[id])[0]
}

// sequenceOf returns the sequence of a document.
func (p *peer) sequenceOf(id string) (seq store.Sequence) {
	p.t.Helper()
	p.update(func(tx *store.Tx) error {
		head, err := tx.Head(p.coll, id)
		if err == nil {
			seq = head.Sequence
		}
		return err
	})
	return seq
}

// want answers the next announcement with items, and the properties of a client's reply.
func (s *subscriber) want(props, items string) {
	s.t.Helper()
	r := s.next()
	if r.Profile() != "changes" || string(r.Body) == "[]" {
		s.t.Fatalf("the listener says %s %s", r.Profile(), r.Body)
	}
	r.Reply(&blip.Message{Properties: withProps("", props)[1:], Body: []byte(items)})
}

// mustSay expects a message, with these of its properties, leaving out that it is caught up.
func (s *subscriber) mustSay(profile, props string) *blip.Request {
	s.t.Helper()
	r := s.next()
	for r.Profile() == "changes" && string(r.Body) == "[]" {
		r = s.next()
	}
	var got []string
	for _, p := range r.Properties {
		if p.Key != "Profile" && p.Key != "collection" && p.Key != "reason" {
			got = append(got, p.Key+"="+p.Value)
		}
	}
	if r.Profile() != profile || strings.Join(got, " ") != props {
		s.t.Errorf("the listener says %s %v %s\nwant %s %s", r.Profile(), got, r.Body, profile, props)
	}
	return r
}

// TestARevisionComesWithItsHistory asks for revisions with all kinds of answers.
func TestARevisionComesWithItsHistory(t *testing.T) {
	p := newPeer(t, store.RevTrees)
	var history []string // newest first
	for n := range 60 {
		p.put("a", fmt.Sprintf(`{"n":%d}`, n))
		history = append([]string{p.revOf("a")}, history...)
	}
	rev, ancestors := history[0], history[1:]
	for name, c := range map[string]struct {
		props, item string
		want        []string
	}{
		"of nothing":             {"", "[]", ancestors[:49]},
		"of an ancestor":         {"", fmt.Sprintf("[%q]", ancestors[4]), ancestors[:5]},
		"of several":             {"", fmt.Sprintf("[%q,%q]", ancestors[2], ancestors[9]), ancestors[:3]},
		"of what is unheard of":  {"", `["1-aa","x"]`, ancestors[:49]},
		"as long as wanted":      {"maxHistory=5", "[]", ancestors[:4]},
		"of one alone":           {"maxHistory=1", "[]", nil},
		"as long as there is":    {"maxHistory=500", "[]", ancestors[:49]},
		"as long as by default":  {"maxHistory=0", "[]", ancestors[:49]},
		"an ancestor beyond":     {"maxHistory=3", fmt.Sprintf("[%q]", ancestors[4]), []string{ancestors[0], ancestors[4]}},
		"as long as in no words": {"maxHistory=many", "[]", ancestors[:49]},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSubscriber(t, p)
			s.subscribe("")
			s.want("blobs=true "+c.props, "["+c.item+"]")
			props := "id=a rev=" + rev + " sequence=60"
			if len(c.want) > 0 {
				props += " history=" + strings.Join(c.want, ",")
			}
			r := s.mustSay("rev", props)
			if string(r.Body) != `{"n":59}` || r.NoReply {
				t.Errorf("body is %s, no reply wanted: %v", r.Body, r.NoReply)
			}
		})
	}
}

// TestAVectorComesWhole asks for a version whose history is that of two writers and a tree.
func TestAVectorComesWhole(t *testing.T) {
	p := newPeer(t, store.VersionVectors)
	c := meetPassive(t, p)
	c.mustAsk("[{}]", "getCollections", "", oneCollection)
	a := pushTwice(p, c)
	for name, item := range map[string]string{"of nothing": "[]", "of the first": fmt.Sprintf("[%q]", a.first)} {
		t.Run(name, func(t *testing.T) {
			s := newSubscriber(t, p)
			s.subscribe("continuous=true")
			s.want("blobs=true", "["+item+"]")
			s.mustSay("rev", fmt.Sprintf("id=a rev=%s sequence=2 history=%s", a.current, a.first))
		})
	}
}

// TestATombstoneComesWithAnEmptyObject : an empty body kills a LiteCore client.
func TestATombstoneComesWithAnEmptyObject(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		p.put("a", `{"n":1}`)
		first := p.revOf("a")
		p.delete("a")
		s := newSubscriber(t, p)
		s.subscribe("")
		s.want("blobs=true", "[[]]")
		history := map[store.Versioning]string{store.RevTrees: " history=" + first}[v]
		if r := s.mustSay("rev", "id=a rev="+p.revOf("a")+" sequence=2 deleted=1"+history); string(r.Body) != "{}" {
			t.Errorf("body is %q", r.Body)
		}
	})
}

// TestWhatWasReplacedMeanwhile answers that a revision is wanted, when it is not there any more.
func TestWhatWasReplacedMeanwhile(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		for name, c := range map[string]struct{ subscription, reply string }{
			"not taken":               {"", ""},
			"taken, says the request": {"sendReplacementRevs=1", ""},
			"taken, says the reply":   {"", "sendReplacementRevs=true"},
		} {
			t.Run(name, func(t *testing.T) {
				p := newPeer(t, v)
				p.put("a", `{"n":1}`)
				p.put("gone", `{}`)
				first, gone := p.revOf("a"), p.revOf("gone")
				s := newSubscriber(t, p)
				s.subscribe("continuous=true " + c.subscription)
				r := s.next()
				p.put("a", `{"n":2}`)
				second := p.revOf("a")
				if r := s.mustSay("changes", ""); !strings.Contains(string(r.Body), second) {
					t.Errorf("the next announcement is %s, want %s", r.Body, second)
				}
				p.update(func(tx *store.Tx) error { return tx.Purge(p.coll, "gone") })
				r.Reply(&blip.Message{Properties: withProps("", c.reply)[1:], Body: []byte("[[],[]]")})
				if c.subscription+c.reply == "" {
					if r := s.mustSay("norev", "id=a rev="+first+" sequence=1 error=410"); !r.NoReply {
						t.Error("norev wants a reply")
					}
				} else {
					history := map[store.Versioning]string{store.RevTrees: " history=" + first}[v]
					s.mustSay("rev", "id=a rev="+second+" sequence=1"+history+" replacedRev="+first).Reply(nil)
				}
				if r := s.mustSay("norev", "id=gone rev="+gone+" sequence=2 error=404"); !r.NoReply {
					t.Error("norev wants a reply")
				}
			})
		}
	})
}

// TestADeltaThatIsRefused resends the whole body at once, without another announcement.
func TestADeltaThatIsRefused(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		for _, refusal := range []struct {
			domain string
			code   int
		}{{"HTTP", 422}, {"LiteCore", 31}, {"LiteCore", 32}} {
			t.Run(fmt.Sprint(refusal), func(t *testing.T) {
				p := newPeer(t, v)
				if err := p.db.KeepBases(context.Background(), true); err != nil {
					t.Fatal(err)
				}
				body := func(n int) string { return fmt.Sprintf(`{"n":%d,"text":%q}`, n, strings.Repeat("x", 500)) }
				p.put("a", body(1))
				first := p.revOf("a")
				p.put("a", body(2))
				s := newSubscriber(t, p)
				s.subscribe("")
				s.want("blobs=true deltas=true", fmt.Sprintf("[[%q]]", first))
				props := "id=a rev=" + p.revOf("a") + " sequence=2"
				if v == store.RevTrees {
					props += " history=" + first
				}
				r := s.mustSay("rev", props+" deltaSrc="+first)
				if string(r.Body) != `{"n":2}` {
					t.Errorf("delta is %s", r.Body)
				}
				r.ReplyError(refusal.domain, refusal.code, "no")
				if r = s.mustSay("rev", props); string(r.Body) != body(2) {
					t.Errorf("body is %s", r.Body)
				}
			})
		}
	})
}

// TestAReplacementThatIsRefusedAsADelta resends it as the replacement of what was asked for, whatever became of
// the document meanwhile; so the client knows which of its wishes that is.
func TestAReplacementThatIsRefusedAsADelta(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		for name, edits := range map[string]int{"and stays": 0, "and is replaced": 1} {
			t.Run(name, func(t *testing.T) {
				p := newPeer(t, v)
				if err := p.db.KeepBases(context.Background(), true); err != nil {
					t.Fatal(err)
				}
				body := func(n int) string { return fmt.Sprintf(`{"n":%d,"text":%q}`, n, strings.Repeat("x", 500)) }
				var revs [4]string
				put := func(n int) {
					p.put("a", body(n))
					revs[n] = p.revOf("a")
				}
				put(1)
				s := newSubscriber(t, p)
				s.subscribe("sendReplacementRevs=true")
				announced := s.next()
				put(2)
				announced.Reply(&blip.Message{ // the client has got the first meanwhile, from another peer
					Properties: withProps("", "blobs=true deltas=true sendReplacementRevs=true")[1:],
					Body:       fmt.Appendf(nil, "[[%q]]", revs[1]),
				})
				props := func(n int) string {
					history := ""
					if v == store.RevTrees {
						history = " history=" + strings.Join([]string{revs[2], revs[1]}[3-n:], ",")
					}
					return fmt.Sprintf("id=a rev=%s sequence=1%s replacedRev=%s", revs[n], history, revs[1])
				}
				r := s.mustSay("rev", props(2)+" deltaSrc="+revs[1])
				for n := range edits {
					put(3 + n)
				}
				r.ReplyError("HTTP", 422, "no")
				if r = s.mustSay("rev", props(2+edits)); string(r.Body) != body(2+edits) {
					t.Errorf("body is %s", r.Body)
				}
			})
		}
	})
}

// TestNoDeltaWithoutABase sends whole what the client has not said to have the base of, or takes no deltas for.
func TestNoDeltaWithoutABase(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		if err := p.db.KeepBases(context.Background(), true); err != nil {
			t.Fatal(err)
		}
		p.put("a", fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 500)))
		first := p.revOf("a")
		p.put("a", fmt.Sprintf(`{"n":2,"text":%q}`, strings.Repeat("x", 500)))
		for _, c := range []struct{ reply, items string }{
			{"deltas=true", "[[]]"}, {"", fmt.Sprintf("[[%q]]", first)}, {"deltas=true", `[["1-aa"]]`},
		} {
			s := newSubscriber(t, p)
			s.subscribe("")
			s.want("blobs=true "+c.reply, c.items)
			if r := s.mustSay("rev", "id=a rev="+p.revOf("a")+" sequence=2"+map[store.Versioning]string{store.RevTrees: " history=" + first}[v]); len(r.Body) < 500 {
				t.Errorf("%v: body is %s", c, r.Body)
			}
		}
	})
}

// TestAClientWithoutBlobsInPlaceGetsAttachments lists blobs for a client that does not say that it
// understands them.
func TestAClientWithoutBlobsInPlaceGetsAttachments(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		content := []byte("Hello, blob!")
		w, err := p.db.BlobWriter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.Commit(t.Context(), digestOf(content)); err != nil {
			t.Fatal(err)
		}
		p.put("a", fmt.Sprintf(`{"pics":[{"@type":"blob","digest":%q,"length":12}]}`, digestOf(content)))
		revpos := map[store.Versioning]string{store.RevTrees: `,"revpos":1`}[v]
		plain := fmt.Sprintf(`{"pics":[{"@type":"blob","digest":%q,"length":12}]`, digestOf(content))
		for props, want := range map[string]string{
			"blobs=true": plain + "}",
			"":           plain + fmt.Sprintf(`,"_attachments":{"blob_/pics/0":{"digest":%q,"length":12,"stub":true%s}}}`, digestOf(content), revpos),
		} {
			s := newSubscriber(t, p)
			s.subscribe("")
			s.want(props, "[[]]")
			if r := s.mustSay("rev", "id=a rev="+p.revOf("a")+" sequence=1"); !document.Equal(r.Body, []byte(want)) {
				t.Errorf("with %q: body is %s, want %s", props, r.Body, want)
			}
			s.mustAsk(string(content), "getAttachment", "collection=0 digest="+digestOf(content), "")
			s.mustAsk(string(content), "getAttachment", "collection=0 compress=true docID=a digest="+digestOf(content), "")
		}
	})
}

// TestAnswersToAnnouncements answers several changes in one reply, and gets what it asks for.
func TestAnswersToAnnouncements(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		for _, id := range []string{"a", "b", "c", "d"} {
			p.put(id, `{}`)
		}
		for items, want := range map[string]string{
			"[[],[],[],[]]": "a b c d", "[0,[],0,[]]": "b d", "[null,[]]": "b", "[]": "", "": "", `"x"`: "", "[409,true,[],{}]": "c",
			`[[],304,"x"]`: "a", "[[[]],0]": "a",
		} {
			t.Run(items, func(t *testing.T) {
				s := newSubscriber(t, p)
				s.subscribe("continuous=true")
				s.want("blobs=true", items)
				for id := range strings.FieldsSeq(want) {
					r := s.next()
					for r.Profile() == "changes" {
						r = s.next()
					}
					if got := r.Properties.Value("id"); got != id {
						t.Errorf("the listener sends %s %s, want %s", r.Profile(), got, id)
					}
					r.Reply(nil)
				}
				s.mustAsk("", "PING", "", "")
				for len(s.told) > 0 {
					if r := s.next(); r.Profile() != "changes" || string(r.Body) != "[]" {
						t.Errorf("the listener says %s %v %s", r.Profile(), r.Properties, r.Body)
					}
				}
			})
		}
	})
}
