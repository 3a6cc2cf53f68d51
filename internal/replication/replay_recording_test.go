package replication_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/delta"
	"github.com/tandemdb/tandem/internal/revision"
)

// said is one message of a conversation, recorded or heard now.
type said struct {
	conn    int
	passive bool   // from the passive side
	number  uint64 // of the request that this is or answers
	reply   bool
	failed  bool // an error reply
	noReply bool
	props   blip.Properties
	body    []byte
}

func (m said) profile() string { return m.props.Value("Profile") }

// recording is one conversation of real peers.
type recording struct {
	name  string
	lines []said
	http  int // status of the answer to the upgrade request of the first connection
	close closed
}

// closed tells who said goodbye first.
type closed struct {
	passive bool
	code    int
}

// recordingsDir finds the recordings: all of them beside the repository, or the few that
// came along as test data.
func recordingsDir() string {
	all := filepath.Join("..", "..", "..", "shared", "vectors")
	if names, _ := filepath.Glob(filepath.Join(all, "*.jsonl")); len(names) > 0 {
		return all
	}
	return filepath.Join("testdata", "recordings")
}

func loadRecording(t testing.TB, path string) *recording {
	t.Helper()
	events, err := bliptest.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := bliptest.Messages(events)
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{name: strings.TrimSuffix(filepath.Base(path), ".jsonl")}
	for _, e := range events {
		r.note(e)
	}
	for _, m := range messages {
		r.lines = append(r.lines, said{
			conn: m.Conn, passive: m.Direction == bliptest.ToClient, number: m.Number,
			reply: m.Flags.Type() != blip.TypeMSG, failed: m.Flags.Type() == blip.TypeERR,
			noReply: m.Flags&blip.NoReply != 0, props: m.Properties, body: standIn(m.Body),
		})
	}
	return r
}

// note takes from an event what is no BLIP message.
func (r *recording) note(e bliptest.Event) {
	switch {
	case e.Op == "http" && e.Direction == bliptest.ToClient && r.http == 0:
		if fields := strings.Fields(e.Text); len(fields) > 1 {
			r.http, _ = strconv.Atoi(fields[1])
		}
	case e.Op == "close" && r.close.code == 0 && len(e.Data) >= 2:
		r.close = closed{e.Direction == bliptest.ToClient, int(e.Data[0])<<8 | int(e.Data[1])}
	}
}

// The icon of the conversations 22 was on both sides and never travelled, so that nobody
// knows its content. Another blob of the same length stands in for it.
var icon = bytes.Repeat([]byte("icon "), 180)

const iconDigest = "sha1-4lkIQjV4hX3nG0O4daXy4BYgO+E="

func standIn(body []byte) []byte {
	return bytes.ReplaceAll(body, []byte(iconDigest), []byte(digestOf(icon)))
}

// answerTo returns the recorded reply to a request, or nil.
func (r *recording) answerTo(req said) *said {
	for i, m := range r.lines {
		if m.reply && m.conn == req.conn && m.passive != req.passive && m.number == req.number {
			return &r.lines[i]
		}
	}
	return nil
}

// requests gives the requests of one side with their place in the recording.
func (r *recording) requests(passive bool) []said {
	var all []said
	for _, m := range r.lines {
		if !m.reply && m.passive == passive {
			all = append(all, m)
		}
	}
	return all
}

// collections returns the full names that the connection's getCollections lists.
func (r *recording) collections(conn int) []string {
	for _, m := range r.requests(false) {
		if m.conn == conn && m.profile() == "getCollections" {
			return collectionNames(m.body)
		}
	}
	return nil
}

func collectionNames(getCollections []byte) []string {
	var body struct {
		Collections []string `json:"collections"`
	}
	if json.Unmarshal(getCollections, &body) != nil {
		return nil
	}
	for i, name := range body.Collections {
		if !strings.Contains(name, ".") {
			body.Collections[i] = "_default." + name
		}
	}
	return body.Collections
}

// collectionOf returns the collection that a message is about.
func (r *recording) collectionOf(m said) string {
	names := r.collections(m.conn)
	if i := int(m.props.Int("collection", 0)); i < len(names) {
		return names[i]
	}
	return ""
}

// client names the database of the active side.
func (r *recording) client() string {
	for _, m := range r.requests(false) {
		if uuid := m.props.Value("uuid"); uuid != "" {
			return uuid
		}
	}
	return "the only one"
}

// vectors says which versioning the database of a side has.
func (r *recording) vectors(passive bool) bool {
	switch {
	case strings.HasPrefix(r.name, "v4-31"): // a database of trees pushes to one of vectors
		return passive
	case strings.HasPrefix(r.name, "v4"), strings.HasPrefix(r.name, "sg4"), strings.HasPrefix(r.name, "sgc-02"):
		return true
	}
	return false
}

// gateway says whether the passive side was a Sync Gateway.
func (r *recording) gateway() bool {
	switch r.name {
	case "sgc-01-push-pull-v3", "sgc-02b-v4-refused":
		return false
	}
	return strings.HasPrefix(r.name, "sg")
}

// bodies knows what all revisions of the recordings contain, as they travelled or whole
// where they travelled as a delta.
type bodies map[string][]byte

func bodyKey(id, rev string) string {
	if strings.Contains(rev, "@") {
		return id + " " + rev
	}
	return rev // LiteCore's digest names the content, whatever the document
}

func (b bodies) of(id string, rev revision.ID) []byte {
	if body, ok := b[bodyKey(id, string(rev))]; ok {
		return body
	}
	return []byte(`{"nobody":"knows"}`)
}

// deletedKey marks revisions that are tombstones.
func deletedKey(id string, rev revision.ID) string { return "deleted " + bodyKey(id, string(rev)) }

func (b bodies) deleted(id string, rev revision.ID) bool {
	_, ok := b[deletedKey(id, rev)]
	return ok
}

// learnBodies collects bodies; those sent as deltas in the order of the recordings.
func learnBodies(t testing.TB, all []*recording) bodies {
	t.Helper()
	b := make(bodies)
	each := func(learn func(m said, id, rev, source string)) {
		for _, r := range all {
			for _, m := range r.lines {
				if m.profile() == "rev" && !m.reply {
					learn(m, m.props.Value("id"), m.props.Value("rev"), m.props.Value("deltaSrc"))
				}
			}
		}
	}
	each(func(m said, id, rev, source string) {
		if source == "" {
			b[bodyKey(id, rev)] = m.body
		}
		if m.props.Bool("deleted") {
			b[deletedKey(id, revision.ID(rev))] = nil
		}
	})
	each(func(m said, id, rev, source string) {
		if source == "" {
			return
		}
		whole, known := b[bodyKey(id, rev)]
		if base, ok := b[bodyKey(id, source)]; ok && !known {
			body, err := delta.Apply(base, m.body)
			if err != nil {
				t.Fatalf("delta of %s %s: %v", id, rev, err)
			}
			b[bodyKey(id, rev)] = body
		} else if !ok && known { // the first edition of the manuals: only the number was edited
			b[bodyKey(id, source)] = bytes.Replace(whole, []byte(`"n":2`), []byte(`"n":1`), 1)
		}
	})
	return b
}

// stories groups the recordings: the databases of a story carry over from one to the next.
func stories(t testing.TB) (all [][]*recording, known bodies) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(recordingsDir(), "*.jsonl"))
	if err != nil || len(paths) == 0 {
		t.Skip("no recordings here: ../shared/vectors is absent, and so is testdata/recordings")
	}
	slices.Sort(paths)
	var flat []*recording
	places := make(map[string]int)
	for _, path := range paths {
		r := loadRecording(t, path)
		flat = append(flat, r)
		place, begun := places[storyOf(r.name)]
		if !begun {
			place = len(all)
			places[storyOf(r.name)] = place
			all = append(all, nil)
		}
		all[place] = append(all[place], r)
	}
	return all, learnBodies(t, flat)
}

// storyOf tells which recordings belong together (the README beside the recordings).
func storyOf(name string) string {
	prefix, rest, _ := strings.Cut(name, "-")
	number, _, _ := strings.Cut(rest, "-")
	n, _ := strconv.Atoi(strings.TrimRight(number, "abcdef"))
	switch {
	case n == 40: // begins over the third protocol, and goes on over the fourth
		return "sg from 40"
	case prefix == "sgc", strings.HasPrefix(number, "34"):
		return prefix + number
	case n < 9:
		return prefix + " from 01"
	case n == 9 || n == 10:
		return prefix + " from 09"
	}
	return fmt.Sprint(prefix, " from ", n)
}
