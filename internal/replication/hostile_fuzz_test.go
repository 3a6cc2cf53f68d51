package replication_test

import (
	"context"
	"errors"
	"strings"
	gosync "sync"
	"testing"
	"unicode/utf8"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// dice takes one choice after the other from what the fuzzer gives.
type dice struct {
	mu   gosync.Mutex
	data []byte
}

func (d *dice) of(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % n
}

func (d *dice) from(options ...string) string { return options[d.of(len(options))] }

func (d *dice) id() string { return d.from("a", "b", "c", "_x", "") }

func (d *dice) rev() string {
	const source = "@" + hostileSource
	return d.from("1-aa", "1-bb", "2-aa", "2-cc", "3-dd", "18e9debc3d510000"+source, "18e9debc3d520000"+source,
		"18e9debc3d530000@OtherOtherOtherOtherAA", "x", "", "18e9debc3d510000@*", "7fffffffffffffff"+source)
}

func (d *dice) body() string {
	return d.from(`{}`, `{"a":1}`, `{"a":{"b":[1,2,3]}}`, ``, `[]`, `{"a":1`, `{"_id":1}`, `{"a":[]}`, `{"a":["1-1+x|",0,2]}`,
		`{"b":{"@type":"blob","digest":"`+someDigest+`","length":12}}`, `{"_attachments":{"x":{"digest":"`+someDigest+`"}}}`,
		`{"x":"`+strings.Repeat("long ", 60)+`"}`)
}

// message makes up something that a client might say.
func (d *dice) message() (profile, props, body string) {
	props = d.from("collection=0", "collection=0", "collection=0", "", "collection=7")
	switch profile = d.from("rev", "rev", "rev", "proposeChanges", "proposeChanges", "changes", "subChanges", "unsubChanges",
		"norev", "getCheckpoint", "setCheckpoint", "getAttachment", "proveAttachment", "getCollections", "PING"); profile {
	case "rev", "norev":
		props += " id=" + d.id() + " rev=" + d.rev() + d.from("", "", " history="+d.rev(), " history="+d.rev()+","+d.rev()) +
			d.from("", "", " deleted=1") + d.from("", "", " deltaSrc="+d.rev()) + d.from("", " noconflicts=1", " sequence=7")
		body = d.body()
	case "proposeChanges":
		body = d.from(`[]`, `[["`+d.id()+`","`+d.rev()+`","`+d.rev()+`",100],["`+d.id()+`","`+d.rev()+`"]]`, `[[`, `null`)
	case "changes":
		body = d.from(`[]`, `[[1,"`+d.id()+`","`+d.rev()+`"],["2:3","`+d.id()+`","`+d.rev()+`",1]]`, `{}`, `null`)
	case "subChanges":
		props += d.from("", " versioning=rev-trees", " versioning=version-vectors") + d.from("", " continuous=true") +
			d.from("", " since=1", " since=18446744073709551615", " since=x") + d.from("", " activeOnly=true") +
			d.from("", " batch=-9", " batch=99999999999") + d.from("", " filter=x") + d.from("", " sendReplacementRevs=1")
		body = d.from("", `{"docIDs":["a","_x"]}`, `{"docIDs":7}`)
	case "getCheckpoint", "setCheckpoint":
		props += d.from(" client=me", " client=you", "") + d.from("", " rev=1-cc", " rev=")
		body = d.from(`{}`, `{"local":1}`, ``, `no`)
	case "getAttachment", "proveAttachment":
		props += " digest=" + d.from(someDigest, "sha1-", "") + d.from("", " compress=true")
		body = d.from("", "nonce")
	case "getCollections":
		body = d.from(oneCollection, `{}`, ``)
	}
	return profile, props, body
}

// reply answers what our side asks, in some way.
func (d *dice) reply(r *blip.Request) {
	switch d.of(8) {
	case 0:
		r.ReplyError(d.from("HTTP", "LiteCore", "BLIP", "Moon"), []int{400, 422, 409, 8, 503}[d.of(5)], "no")
	case 1:
		r.Reply(&blip.Message{Body: []byte(d.from(`[0,[]]`, `[409]`, `[[[]]]`, `{"a":1}`, `[`, "Hello, blob!"))})
	default:
		r.Reply(&blip.Message{
			Properties: blip.Props("deltas", d.from("true", "false"), "blobs", d.from("true", "false"), "maxHistory", d.from("1", "50", "-3")),
			Body:       []byte(d.from(`[[],[],[],[]]`, `[["1-aa"],["2-aa"],[]]`, "Hello, blob!")),
		})
	}
}

// FuzzPassiveSession says all kinds of things to a listener. It answers each of them, or ends
// the session when one of its own requests is answered with nonsense. It stays sound, and
// stores no conflict.
func FuzzPassiveSession(f *testing.F) {
	f.Add([]byte{0}, true)
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01\x00\x00\x00\x00\x00\x00\x03\x01"), false)
	f.Add([]byte(strings.Repeat("plausible nonsense ", 12)), true)
	f.Fuzz(func(t *testing.T, data []byte, vectors bool) {
		versioning := store.RevTrees
		if vectors {
			versioning = store.VersionVectors
		}
		p := newPeer(t, versioning)
		p.put("a", `{"from":"here"}`)
		d := &dice{data: data[:min(len(data), 400)]}
		s := meet(t, func(pipe blip.Pipe) *replication.Session {
			return replication.NewPassive(pipe, replication.Passive{
				Common:      replication.Common{DB: p.db, Deltas: true, ReplyTimeout: patience},
				Collections: []*store.Collection{p.coll},
			})
		}, d.reply)
		if d.of(4) > 0 {
			s.mustAsk("[{}]", "getCollections", "", oneCollection)
		}
		fuzzing.Within(t, 64<<20, func() { // for some hundred messages at most
			for len(d.data) > 0 {
				profile, props, body := d.message()
				if got := s.ask(profile, props, body); strings.HasPrefix(got, "no answer") {
					if err := s.await(); !errors.Is(err, fault.Remote) { // what it has answered made no sense
						t.Errorf("%s %s %s: %s; the session ended with %v", profile, props, body, got, err)
					}
					break
				}
			}
		})
		p.mustBeSound()
	})
}

// mustBeSound demands a database without problems and, as that of a listener, without conflicts.
func (p *peer) mustBeSound() {
	p.t.Helper()
	for id, doc := range p.contents() {
		if strings.HasSuffix(doc, "in conflict") {
			p.t.Errorf("%s is %s", id, doc)
		}
	}
	problems, err := p.db.Check(context.Background())
	if err != nil || len(problems) > 0 {
		p.t.Errorf("the database has problems: %v %v", problems, err)
	}
}

// FuzzRequest says one thing to a listener, properties and body as a real peer had them or nearly so. It is
// answered, and costs the listener no more memory than is fair.
func FuzzRequest(f *testing.F) {
	most := testsize.Pick(3, 12) // of a kind: each seed costs a database
	seeds := map[string]int{}
	for _, m := range fuzzing.Recorded(f) {
		if seeds[m.Kind]++; m.Property("Profile") != "" && seeds[m.Kind] <= most {
			f.Add(strings.Join(m.Properties, "\x00"), m.Body, strings.Contains(string(m.Body)+m.Property("rev"), "@"))
		}
	}
	f.Add("Profile\x00getCollections\x00uuid\x00\xb3", []byte(oneCollection), false)
	f.Fuzz(func(t *testing.T, properties string, body []byte, vectors bool) {
		m, ok := messageOf(properties, body)
		if !ok {
			return
		}
		versioning := store.RevTrees
		if vectors {
			versioning = store.VersionVectors
		}
		p := newPeer(t, versioning)
		p.put("a", `{"from":"here"}`)
		s := meetPassive(t, p)
		if m.Properties.Value("Profile") != "getCollections" {
			s.mustAsk("[{}]", "getCollections", "", oneCollection)
		}
		fuzzing.Within(t, uint64(16<<20+4096*len(body)), func() {
			if got := s.send(m); strings.HasPrefix(got, "no answer") {
				if err := s.await(); fault.Of(err) == nil { // the stranger refuses our requests, which may end the session
					t.Errorf("%v %q: %s; the session ended with %v", m.Properties, body, got, err)
				}
			}
		})
		p.mustBeSound()
	})
}

// messageOf makes a message of names and values that NULs separate, unless it is one that a connection of ours does
// not send: those are for the fuzz tests of package blip.
func messageOf(properties string, body []byte) (m *blip.Message, ok bool) {
	m = &blip.Message{Properties: blip.Props(strings.Split(properties, "\x00")...), Body: body}
	_, _, err := blip.ParseMessage(append(m.Properties.Append(nil), body...))
	return m, err == nil && utf8.ValidString(properties)
}
