package replication_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// stranger is a peer that says whatever the test wants to one of our sessions.
type stranger struct {
	t    testing.TB
	conn *blip.Conn
	stop context.CancelFunc // asks our session to end

	secret string // what no error may tell a stranger; "" for nothing

	over chan struct{}
	err  error // how our session ended; read it after over

	gone   chan struct{}
	closed error // how the stranger's connection ended; read it after gone
}

// meetListener meets the passive side of a peer.
func meetListener(t testing.TB, p *peer, protocol string, handle func(*blip.Request)) *stranger {
	t.Helper()
	cfg := replication.Passive{
		Common:      replication.Common{DB: p.db, Protocol: protocol, ReplyTimeout: patience, Log: testLog(t)},
		Collections: []*store.Collection{p.coll},
	}
	return meet(t, func(pipe blip.Pipe) *replication.Session { return replication.NewPassive(pipe, cfg) }, handle)
}

// meet runs a session against a stranger, who answers its requests with handle.
func meet(t testing.TB, session func(pipe blip.Pipe) *replication.Session, handle func(*blip.Request)) *stranger {
	t.Helper()
	here, there := blip.NewPipePair()
	s := &stranger{t: t, conn: blip.NewConn(there, blip.Config{Handler: handle, ReplyTimeout: patience})}
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.over, s.gone = stop, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.over)
		s.err = session(here).Run(ctx)
	}()
	go func() {
		defer close(s.gone)
		s.closed = s.conn.Run(context.Background())
	}()
	t.Cleanup(func() {
		stop()
		s.conn.Abort(nil)
		<-s.gone
		<-s.over
	})
	return s
}

// closeCode waits until our session has closed the connection, and returns with which code.
func (s *stranger) closeCode() int {
	<-s.gone
	var closed *blip.CloseError
	if errors.As(s.closed, &closed) {
		return closed.Code
	}
	return 0
}

// meetPassive meets a listener's session on p.
func meetPassive(t testing.TB, p *peer, configure ...func(*replication.Passive)) *stranger {
	t.Helper()
	cfg := replication.Passive{
		Common:      replication.Common{DB: p.db, Deltas: true, ReplyTimeout: patience, Log: testLog(t)},
		Collections: []*store.Collection{p.coll},
	}
	for _, c := range configure {
		c(&cfg)
	}
	return meet(t, func(pipe blip.Pipe) *replication.Session { return replication.NewPassive(pipe, cfg) }, nil)
}

// ask sends a request with properties "name=value" and returns what the answer amounts to:
// its body, or domain and code of the error.
func (s *stranger) ask(profile, props, body string) string {
	s.t.Helper()
	return s.send(&blip.Message{Properties: withProps(profile, props), Body: []byte(body)})
}

func withProps(profile, props string) blip.Properties {
	all := blip.Props("Profile", profile)
	for prop := range strings.FieldsSeq(props) {
		name, value, _ := strings.Cut(prop, "=")
		all.Add(name, value)
	}
	return all
}

func (s *stranger) send(m *blip.Message) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := s.conn.Call(ctx, m)
	var refusal *blip.Error
	switch {
	case errors.As(err, &refusal):
		if s.secret != "" && strings.Contains(refusal.Text, s.secret) {
			s.t.Errorf("%s: the error tells of %s: %s", m.Properties.Value("Profile"), s.secret, refusal.Text)
		}
		return refusal.Domain + "/" + strconv.Itoa(refusal.Code)
	case err != nil:
		return "no answer: " + err.Error()
	}
	return string(reply.Body)
}

func (s *stranger) mustAsk(want, profile, props, body string) {
	s.t.Helper()
	if got := s.ask(profile, props, body); got != want {
		s.t.Fatalf("%s %s %.200s: answered %q, want %q", profile, props, body, got, want)
	}
}

// await returns how our session ended.
func (s *stranger) await() error {
	s.t.Helper()
	select {
	case <-s.over:
		return s.err
	case <-time.After(patience):
		s.t.Fatal("our session does not end")
		return nil
	}
}

const oneCollection = `{"checkpoint_ids":["cp"],"collections":["_default"]}`

// hostileSource is a source with valid text that is nobody's.
const hostileSource = "AbCdEf0123456789+/abcA"

// refusals are messages to a listener that cannot be granted, and the answers. @ stands for
// a version a minute old; ^ for one three minutes ahead.
var refusals = map[string]struct {
	profile, props, body string
	trees, vectors       string // the answer by versioning
}{
	"nothing at all":              {"", "", "", "BLIP/404", "BLIP/404"},
	"unknown profile":             {"frobnicate", "collection=0", "", "BLIP/404", "BLIP/404"},
	"second getCollections":       {"getCollections", "", oneCollection, "BLIP/400", "BLIP/400"},
	"no collection":               {"proposeChanges", "", "[]", "HTTP/400", "HTTP/400"},
	"collection out of range":     {"proposeChanges", "collection=1", "[]", "HTTP/400", "HTTP/400"},
	"negative collection":         {"proposeChanges", "collection=-1", "[]", "HTTP/400", "HTTP/400"},
	"collection of words":         {"proposeChanges", "collection=zero", "[]", "HTTP/400", "HTTP/400"},
	"changes, sequence an object": {"changes", "collection=0", `[[{},"a","1-aa"]]`, "BLIP/400", "BLIP/400"},
	"changes, sequence endless":   {"changes", "collection=0", `[["$long","a","1-aa"]]`, "BLIP/400", "BLIP/400"},
	"huge collection":             {"rev", "collection=99999999999999999999", "{}", "HTTP/400", "HTTP/400"},
	"getCheckpoint of nobody":     {"getCheckpoint", "collection=0", "", "BLIP/400", "BLIP/400"},
	"getCheckpoint unknown":       {"getCheckpoint", "collection=0 client=x", "", "HTTP/404", "HTTP/404"},
	"setCheckpoint of nobody":     {"setCheckpoint", "collection=0", "{}", "BLIP/400", "BLIP/400"},
	"setCheckpoint, no such rev":  {"setCheckpoint", "collection=0 client=x rev=7-cc", "{}", "HTTP/409", "HTTP/409"},
	"subChanges with a filter":    {"subChanges", "collection=0 $ filter=x", "", "LiteCore/19", "LiteCore/19"},
	"subChanges of the others":    {"subChanges", "collection=0 versioning=$other", "", "LiteCore/501", "LiteCore/501"},
	"changes, no JSON":            {"changes", "collection=0", "[[", "BLIP/400", "BLIP/400"},
	"changes, an object":          {"changes", "collection=0", "{}", "BLIP/400", "BLIP/400"},
	"changes, no entries":         {"changes", "collection=0", "[7]", "BLIP/400", "BLIP/400"},
	"changes, short entry":        {"changes", "collection=0", `[[1,"a"]]`, "BLIP/400", "BLIP/400"},
	"changes, number as ID":       {"changes", "collection=0", `[[1,2,"1-aa"]]`, "BLIP/400", "BLIP/400"},
	"changes, no ID":              {"changes", "collection=0", `[[1,"","1-aa"]]`, "[400]", "[400]"},
	"changes, endless ID":         {"changes", "collection=0", `[[1,"$long","1-aa"]]`, "[400]", "[400]"},
	"changes, bad revision":       {"changes", "collection=0", `[[1,"a","x"]]`, "[400]", "[400]"},
	"changes, source of this":     {"changes", "collection=0", `[[1,"a","18e9@*"]]`, "[400]", "[400]"},
	"changes, text behind":        {"changes", "collection=0", `[] []`, "BLIP/400", "BLIP/400"},
	"proposals, no array":         {"proposeChanges", "collection=0", `"x"`, "BLIP/400", "BLIP/400"},
	"proposals, short":            {"proposeChanges", "collection=0", `[["a"]]`, "BLIP/400", "BLIP/400"},
	"proposals, no ID":            {"proposeChanges", "collection=0", `[["","1-aa"]]`, "[400]", "[400]"},
	"proposals, endless ID":       {"proposeChanges", "collection=0", `[["$long","1-aa"]]`, "[400]", "[400]"},
	"proposals, bad revision":     {"proposeChanges", "collection=0", `[["a","0-aa"]]`, "[400]", "[400]"},
	"proposals, bad parent":       {"proposeChanges", "collection=0", `[["a","2-aa","x"]]`, "[400]", "[400]"},
	"rev without ID":              {"rev", "collection=0 rev=1-aa", "{}", "HTTP/400", "HTTP/400"},
	"rev without revision":        {"rev", "collection=0 id=a", "{}", "HTTP/400", "HTTP/400"},
	"rev, malformed revision":     {"rev", "collection=0 id=a rev=1-", "{}", "HTTP/400", "HTTP/400"},
	"rev, generation 0":           {"rev", "collection=0 id=a rev=0-aa", "{}", "HTTP/400", "HTTP/400"},
	"rev, generation endless":     {"rev", "collection=0 id=a rev=99999999999999999999-aa", "{}", "HTTP/400", "HTTP/400"},
	"rev, source of this":         {"rev", "collection=0 id=a rev=18e9debc3d510000@*", "{}", "HTTP/400", "HTTP/400"},
	"rev, ID too long":            {"rev", "collection=0 id=$241 rev=1-aa", "{}", "LiteCore/29", "LiteCore/29"},
	"rev, ID with underscore":     {"rev", "collection=0 id=_a rev=1-aa", "{}", "LiteCore/29", "LiteCore/29"},
	"rev, ID with control":        {"rev", "collection=0 id=a\x01 rev=1-aa", "{}", "LiteCore/29", "LiteCore/29"},
	"rev, history rises":          {"rev", "collection=0 id=a rev=3-aa history=2-bb,4-cc", "{}", "LiteCore/4", "LiteCore/4"},
	"rev, history skips":          {"rev", "collection=0 id=a rev=9-aa history=8-bb,5-cc", "{}", "LiteCore/4", "LiteCore/4"},
	"rev, history starts low":     {"rev", "collection=0 id=a rev=9-aa history=7-bb", "{}", "LiteCore/4", "LiteCore/4"},
	"rev, history is itself":      {"rev", "collection=0 id=a rev=2-aa history=2-aa", "{}", "LiteCore/4", "LiteCore/4"},
	"rev, history of noise":       {"rev", "collection=0 id=a rev=2-aa history=,,,", "{}", "LiteCore/4", "LiteCore/4"},
	"rev, from the future":        {"rev", "collection=0 id=a rev=^", "{}", "HTTP/400", "HTTP/503"},
	"rev, history from there":     {"rev", "collection=0 id=a rev=@ history=^other", "{}", "HTTP/400", "HTTP/503"},
	"rev, source twice":           {"rev", "collection=0 id=a rev=@ history=@other,@other", "{}", "HTTP/400", "LiteCore/4"},
	"rev, two semicolons":         {"rev", "collection=0 id=a rev=@ history=@other;;", "{}", "HTTP/400", "LiteCore/4"},
	"rev, begins with one":        {"rev", "collection=0 id=a rev=@ history=;@other", "{}", "HTTP/400", "LiteCore/4"},
	"rev, array":                  {"rev", "collection=0 id=a rev=1-aa", "[]", "LiteCore/5", "LiteCore/5"},
	"rev, null":                   {"rev", "collection=0 id=a rev=1-aa", "null", "LiteCore/5", "LiteCore/5"},
	"rev, duplicate key":          {"rev", "collection=0 id=a rev=1-aa", `{"a":1,"a":2}`, "LiteCore/5", "LiteCore/5"},
	"rev, duplicate key below":    {"rev", "collection=0 id=a rev=1-aa", `{"b":[{"a":1,"\u0061":2}]}`, "LiteCore/5", "LiteCore/5"},
	"rev, empty":                  {"rev", "collection=0 id=a rev=1-aa", "", "Fleece/5", "Fleece/5"},
	"rev, cut":                    {"rev", "collection=0 id=a rev=1-aa", `{"a":`, "Fleece/5", "Fleece/5"},
	"rev, NaN":                    {"rev", "collection=0 id=a rev=1-aa", `{"a":NaN}`, "Fleece/5", "Fleece/5"},
	"rev, infinite":               {"rev", "collection=0 id=a rev=1-aa", `{"a":1e999}`, "Fleece/5", "Fleece/5"},
	"rev, text behind":            {"rev", "collection=0 id=a rev=1-aa", `{} {}`, "Fleece/5", "Fleece/5"},
	"rev, byte order mark":        {"rev", "collection=0 id=a rev=1-aa", "\ufeff{}", "Fleece/5", "Fleece/5"},
	"rev, no UTF-8":               {"rev", "collection=0 id=a rev=1-aa", "{\"a\":\"\xff\"}", "Fleece/5", "Fleece/5"},
	"rev, comment":                {"rev", "collection=0 id=a rev=1-aa", `{"a":1/**/}`, "Fleece/5", "Fleece/5"},
	"rev, too deep":               {"rev", "collection=0 id=a rev=1-aa", "$deep", "Fleece/5", "Fleece/5"},
	"rev, absurdly deep":          {"rev", "collection=0 id=a rev=1-aa", strings.Repeat("[", 1<<20), "Fleece/5", "Fleece/5"},
	"rev, in conflict":            {"rev", "collection=0 id=safe rev=1-ffff", `{"evil":1}`, "LiteCore/8", "LiteCore/8"},
	"rev, conflicting tombstone":  {"rev", "collection=0 id=safe rev=1-ffff deleted=1", `{}`, "LiteCore/8", "LiteCore/8"},
	"rev, delta of nothing":       {"rev", "collection=0 id=a rev=2-aa history=1-bb deltaSrc=1-bb", `{"a":1}`, "HTTP/422", "HTTP/422"},
	"rev, delta of another":       {"rev", "collection=0 id=safe rev=9-aa deltaSrc=1-bb", `{"a":1}`, "HTTP/422", "HTTP/422"},
	"rev, delta of no revision":   {"rev", "collection=0 id=safe rev=2-aa deltaSrc=x", `{"a":1}`, "HTTP/422", "HTTP/422"},
	"rev, corrupt delta":          {"rev", "collection=0 id=safe rev=$child deltaSrc=$safe", `{"a":["99=",0,2]}`, "HTTP/422", "HTTP/422"},
	"rev, delta to an array":      {"rev", "collection=0 id=safe rev=$child deltaSrc=$safe", `[[1]]`, "HTTP/422", "HTTP/422"},
	"rev, delta no JSON":          {"rev", "collection=0 id=safe rev=$child deltaSrc=$safe", `{`, "HTTP/422", "HTTP/422"},
	"rev, delta empty":            {"rev", "collection=0 id=safe rev=$child deltaSrc=$safe", ``, "HTTP/422", "HTTP/422"},
	"getAttachment, no digest":    {"getAttachment", "collection=0", "", "LiteCore/9", "LiteCore/9"},
	"getAttachment, bad digest":   {"getAttachment", "collection=0 digest=../../etc/passwd", "", "LiteCore/9", "LiteCore/9"},
	"getAttachment, not here":     {"getAttachment", "collection=0 digest=sha1-ArH2IhJgRp/90GRqSAdAfa750BE=", "", "LiteCore/7", "LiteCore/7"},
	"proveAttachment, no nonce":   {"proveAttachment", "collection=0 digest=sha1-ArH2IhJgRp/90GRqSAdAfa750BE=", "", "BLIP/400", "BLIP/400"},
	"proveAttachment, long nonce": {"proveAttachment", "collection=0 digest=sha1-ArH2IhJgRp/90GRqSAdAfa750BE=", strings.Repeat("n", 256), "BLIP/400", "BLIP/400"},
	"proveAttachment, not here":   {"proveAttachment", "collection=0 digest=sha1-ArH2IhJgRp/90GRqSAdAfa750BE=", "nonce", "LiteCore/7", "LiteCore/7"},
}

// TestHostileMessagesAreRefused sends a listener one impossible message after the other over
// one connection: each gets its error, nothing is stored, and the session goes on.
func TestHostileMessagesAreRefused(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		p.put("safe", `{"a":"untouched"}`)
		before := p.contents()
		fill := placeholders(p, v)
		s := meetPassive(t, p)
		s.secret = p.db.Path()
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		names := make([]string, 0, len(refusals))
		for name := range refusals {
			names = append(names, name)
		}
		slices.Sort(names)
		for i, name := range names {
			c := refusals[name]
			want := c.vectors
			if v == store.RevTrees {
				want = c.trees
			}
			if got := s.ask(c.profile, fill.Replace(c.props), fill.Replace(c.body)); got != want {
				t.Errorf("%s: answered %q, want %q", name, got, want)
			}
			id := fmt.Sprintf("well-%d", i)
			s.mustAsk("[]", "proposeChanges", "collection=0", fmt.Sprintf(`[[%q,"1-aa"]]`, id))
			s.mustAsk("", "rev", "collection=0 rev=1-aa id="+id, `{"fine":true}`)
		}
		after := p.contents()
		if len(after) != 1+len(names) || after["safe"] != before["safe"] {
			t.Errorf("%d documents are stored, want %d; safe is %s", len(after), 1+len(names), after["safe"])
		}
		s.conn.Close(1000, "")
		if err := s.await(); !errors.Is(err, fault.PeerClosed) {
			t.Errorf("the session ended with %v", err)
		}
	})
}

// placeholders fills in what a table cannot know.
func placeholders(p *peer, v store.Versioning) *strings.Replacer {
	var safe *store.Document
	if err := p.db.View(context.Background(), func(tx *store.Tx) (err error) {
		safe, err = tx.Document(p.coll, "safe")
		return err
	}); err != nil {
		p.t.Fatal(err)
	}
	version := func(at time.Duration, source revision.Source) string {
		return string(revision.NewVersion(revision.Next(0, time.Now().Add(at)), source))
	}
	child, other := "2-aa", store.VersionVectors
	if v == store.VersionVectors {
		child, other = version(-time.Minute, hostileSource), store.RevTrees
	}
	child += " history=" + string(safe.Rev.ID)
	return strings.NewReplacer(
		"$500", treeHistory(500, 500), "$gap", treeHistory(98, 49)+",1-0001", "$long", strings.Repeat("x", 256), "$241", strings.Repeat("x", 241),
		"$deep", strings.Repeat(`{"a":`, 102)+"1"+strings.Repeat("}", 102),
		"$child", child, "$safe", string(safe.Rev.ID),
		"versioning=$other", "versioning="+string(other), "$", "versioning="+string(v),
		"@other2", version(-3*time.Minute, "ThirdThirdThirdThirdAA"),
		"@other", version(-2*time.Minute, "OtherOtherOtherOtherAA"), "^other", version(3*time.Minute, "OtherOtherOtherOtherAA"),
		"@*", "@*", "@", version(-time.Minute, hostileSource), "^", version(3*time.Minute, hostileSource),
	)
}

// treeHistory returns n revisions, from a generation downwards.
func treeHistory(from, n int) string {
	revs := make([]string, n)
	for i := range revs {
		revs[i] = fmt.Sprintf("%d-%04x", from-i, from-i)
	}
	return strings.Join(revs, ",")
}

// TestOurTroubleIsNoReasonToStayAway asks what needs the database after that was closed: a client that is
// answered 503 comes back, and one that is told a code of another domain stops for good.
func TestOurTroubleIsNoReasonToStayAway(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		first, second := meetPassive(t, p), meetPassive(t, p)
		second.mustAsk("[{}]", "getCollections", "", oneCollection)
		if err := p.db.Close(); err != nil {
			t.Fatal(err)
		}
		first.mustAsk("HTTP/503", "getCollections", "", oneCollection)
		second.mustAsk("HTTP/503", "getCheckpoint", "collection=0 client=x", "")
		second.mustAsk("HTTP/502", "setCheckpoint", "collection=0 client=x", "{}")
		second.mustAsk("HTTP/503", "proposeChanges", "collection=0", `[["a","1-aa"]]`)
		second.mustAsk("HTTP/503", "changes", "collection=0", `[[1,"a","1-aa"]]`)
		second.mustAsk("HTTP/503", "rev", "collection=0 id=a rev=1-aa", "{}")
	})
}
