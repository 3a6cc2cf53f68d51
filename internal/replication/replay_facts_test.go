package replication_test

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/revision"
)

// fact is what a message of our side means: a key that says so in words, and what else has
// to agree. A conversation is replayed well when our side states the recorded facts, no
// more and no less, in any order, and each before the other side goes on from it.
type fact struct {
	key     string
	body    []byte   // of a revision, whole, or of a blob
	rev     string   // of a revision
	history string   // the same
	known   []string // revisions named in the answer to an announcement
}

func (f fact) String() string { return f.key }

// entry is one item of a changes or proposeChanges message.
type entry struct {
	id      string
	rev     revision.Rev
	parent  string // proposeChanges
	seq     string // changes
	deleted bool
}

func entriesOf(m said) []entry {
	var items [][]any
	if json.Unmarshal(m.body, &items) != nil {
		return nil
	}
	entries := make([]entry, 0, len(items))
	for _, item := range items {
		var e entry
		text := func(i int) string {
			if len(item) <= i {
				return ""
			}
			return strings.Trim(fmt.Sprint(item[i]), `"`)
		}
		if m.profile() == "proposeChanges" {
			e.id, e.parent = text(0), text(2)
			e.rev, _ = revision.ParseVector(text(1))
		} else {
			e.seq, e.id = text(0), text(1)
			e.rev, _ = revision.ParseVector(text(2))
			e.deleted = text(3) != "" && text(3) != "0" && text(3) != "false"
		}
		entries = append(entries, e)
	}
	return entries
}

// requestFacts tells what a request of our side means. whole gives the body that a rev
// message's delta leads to.
func requestFacts(m said, collection string, whole func(said) []byte) []fact {
	in := strings.TrimPrefix(collection+" ", "_default._default ")
	switch p := m.props; m.profile() {
	case "getCollections":
		return []fact{{key: fmt.Sprint("agrees on ", collectionNames(m.body))}}
	case "subChanges":
		key := "subscribes " + in
		for _, name := range []string{"filter", "channels"} {
			if value := p.Value(name); value != "" {
				key += name + "=" + value + " "
			}
		}
		if p.Bool("continuous") {
			key += "continuous "
		}
		return []fact{{key: key + string(m.body)}}
	case "changes":
		if m.noReply {
			return []fact{{key: "caught up " + in}}
		}
		return entryFacts("offers "+in, m)
	case "proposeChanges":
		return entryFacts("proposes "+in, m)
	case "rev":
		key := fmt.Sprint("sends ", in, p.Value("id"), " ", p.Value("rev"))
		if p.Bool("deleted") {
			key += " deleted"
		}
		return []fact{{key: key, body: whole(m), rev: p.Value("rev"), history: p.Value("history")}}
	case "norev":
		return []fact{{key: fmt.Sprint("withdraws ", in, p.Value("id"), " ", p.Value("rev"))}}
	case "getAttachment":
		return []fact{{key: "fetches " + p.Value("digest") + " compress=" + p.Value("compress")}}
	case "getCheckpoint", "setCheckpoint":
		return nil // how often is everyone's own business; the last one is looked at
	}
	return []fact{{key: "says " + m.profile()}}
}

func entryFacts(what string, m said) (facts []fact) {
	for _, e := range entriesOf(m) {
		key := fmt.Sprint(what, e.id, " ", e.rev.ID)
		if e.deleted {
			key += " deleted"
		}
		if e.parent != "" && e.parent != string(e.rev.ID) { // what the peer has may be proposed as its own child
			key += " on " + e.parent
		}
		facts = append(facts, fact{key: key})
	}
	return facts
}

// replyFacts tells what our side's reply to a request of the other means.
func replyFacts(req, m said, collection string) []fact {
	in := strings.TrimPrefix(collection+" ", "_default._default ")
	key := fmt.Sprint("answers ", in, req.profile(), " ")
	switch {
	case m.failed:
		for _, name := range []string{"id", "rev", "digest"} {
			key += req.props.Value(name) + " "
		}
		return []fact{{key: fmt.Sprint(key, "with ", m.props.Value("Error-Domain"), "/", m.props.Value("Error-Code"))}}
	case req.profile() == "changes", req.profile() == "proposeChanges":
		facts := answerFacts(key, req, m)
		if m.props.Bool("deltas") {
			facts = append(facts, fact{key: "takes deltas " + in})
		}
		return facts
	case req.profile() == "rev":
		return []fact{{key: fmt.Sprint(key, req.props.Value("id"), " ", req.props.Value("rev"), " well")}}
	case req.profile() == "getCollections", req.profile() == "getCheckpoint":
		return []fact{{key: key + checkpointText(m.body)}}
	case req.profile() == "getAttachment":
		return []fact{{key: key + req.props.Value("digest"), body: m.body}}
	case req.profile() == "proveAttachment":
		return []fact{{key: key + req.props.Value("digest") + " " + string(m.body)}}
	}
	return []fact{{key: key + "well"}}
}

// checkpointText is a checkpoint, or a list of them, without time and revision.
func checkpointText(body []byte) string {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return string(body)
	}
	all, isList := value.([]any)
	if !isList {
		all = []any{value}
	}
	for _, one := range all {
		if members, ok := one.(map[string]any); ok {
			for _, name := range []string{"time", "rev", "_rev"} {
				delete(members, name)
			}
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// answerFacts tells what each item of an answer to announcements means.
func answerFacts(key string, req, m said) (facts []fact) {
	items := answerItems(m.body)
	for i, e := range entriesOf(req) {
		f := fact{key: fmt.Sprint(key, e.id, " ", e.rev.ID, ": ")}
		var item any
		if i < len(items) {
			item = items[i]
		}
		switch item := item.(type) {
		case []any:
			f.key += "send"
			for _, known := range item {
				f.known = append(f.known, fmt.Sprint(known))
			}
		case map[string]any:
			rev, _ := revision.ParseVector(fmt.Sprint(item["rev"]))
			f.key += fmt.Sprintf("%v, here is %q", item["status"], rev.ID)
		case nil:
			f.key += "0"
		default:
			f.key += fmt.Sprint(item)
		}
		facts = append(facts, f)
	}
	return facts
}

func answerItems(body []byte) (items []any) {
	if json.Unmarshal(body, &items) != nil {
		return nil
	}
	return items
}

func digestOf(content []byte) string { return document.Digest(sha1.Sum(content)) }

// ledger holds the facts that the recording has and those that our side has stated.
type ledger struct {
	mu       gosync.Mutex // guards the following
	expected map[string][]fact
	stated   map[string][]fact
	order    []string // of stated, for people
	changed  chan struct{}
}

func newLedger() *ledger {
	return &ledger{
		expected: make(map[string][]fact), stated: make(map[string][]fact),
		changed: make(chan struct{}),
	}
}

func (l *ledger) expect(facts ...fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range facts {
		if len(l.expected[f.key]) == 0 || !onceIsEnough(f.key) {
			l.expected[f.key] = append(l.expected[f.key], f)
		}
	}
}

// onceIsEnough says that a fact which the recording has several times tells nothing new
// after the first: LiteCore says again and again that all is sent, and fetches a blob for
// each document that has it.
func onceIsEnough(key string) bool {
	return strings.HasPrefix(key, "caught up") || strings.HasPrefix(key, "fetches")
}

func (l *ledger) state(facts ...fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range facts {
		l.stated[f.key] = append(l.stated[f.key], f)
		l.order = append(l.order, f.key)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// missing lists expected facts that were not stated, but for those that may differ.
func (l *ledger) missing(may func(key string) bool) (keys []string, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, facts := range l.expected {
		if len(l.stated[key]) < len(facts) && !may(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, l.changed
}

// wait waits until nothing is missing.
func (l *ledger) wait(t testing.TB, before string, may func(key string) bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		keys, changed := l.missing(may)
		if len(keys) == 0 {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Fatalf("%s: our side has not said\n  %s\nit has said\n  %s", before,
				strings.Join(keys, "\n  "), strings.Join(l.order, "\n  "))
		}
	}
}

// close compares the details of facts, and reports those that nobody expected, but for
// those that may differ; these are returned.
func (l *ledger) close(t testing.TB, may func(key string) bool, agree func(want, got fact) error) (beyond []fact) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, got := range l.stated {
		want := l.expected[key]
		for i, f := range got {
			switch {
			case i < len(want):
				if err := agree(want[i], f); err != nil {
					t.Errorf("%s: %v", key, err)
				}
			case may(key):
				beyond = append(beyond, f)
			case !strings.HasPrefix(key, "caught up") && !strings.HasPrefix(key, "has pulled up to"): // more is harmless
				t.Errorf("our side says, and the recording does not: %s", key)
			}
		}
	}
	return beyond
}
