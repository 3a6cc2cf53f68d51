package replication_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	gosync "sync"
	"sync/atomic"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/delta"
	"github.com/tandemdb/tandem/internal/revision"
)

// script plays the other side of one recorded connection: it answers what our side asks as
// the recorded peer has answered the like, and sends what that has sent.
type script struct {
	p    *replay
	n    int // of the connection
	conn *blip.Conn

	// fetches says of the documents whose blobs the recorded peer fetches when it has: it answers revisions afterwards.
	fetches map[string]*countdown

	mu          gosync.Mutex               // guards the following
	collections []string                   // as agreed with our side
	answers     map[string][]any           // to announced revisions, by their key; used up one by one
	replies     map[string][]said          // to rev messages, the same
	sequences   map[string]string          // as our side has announced them
	taken       map[string]bool            // revisions that our side has sent, by their key
	bases       map[string]map[string]bool // revisions of a document that our side may use for deltas
}

// countdown closes a channel when the last of several things has happened.
type countdown struct {
	left atomic.Int64
	over chan struct{}
}

func (c *countdown) one() {
	if c.left.Add(-1) == 0 {
		close(c.over)
	}
}

func newScript(p *replay, n int) *script {
	c := &script{
		p: p, n: n, collections: p.r.collections(n), answers: make(map[string][]any),
		replies: make(map[string][]said), sequences: make(map[string]string),
		taken: make(map[string]bool), bases: make(map[string]map[string]bool),
		fetches: make(map[string]*countdown),
	}
	for _, req := range p.r.requests(!p.passive) {
		if id := req.props.Value("docID"); req.conn == n && id != "" {
			if c.fetches[id] == nil {
				c.fetches[id] = &countdown{over: make(chan struct{})}
			}
			c.fetches[id].left.Add(1)
		}
	}
	for _, req := range p.r.requests(p.passive) {
		reply := p.r.answerTo(req)
		if req.conn != n || reply == nil {
			continue
		}
		if req.profile() == "rev" {
			key := revKey(req)
			c.replies[key] = append(c.replies[key], *reply)
			continue
		}
		items := answerItems(reply.body)
		for i, e := range entriesOf(req) {
			var item any = 0
			if i < len(items) {
				item = items[i]
			}
			key := entryKey(p.r.collectionOf(req), e)
			c.answers[key] = append(c.answers[key], item)
		}
	}
	return c
}

func revKey(m said) string { return m.props.Value("id") + " " + m.props.Value("rev") }

func entryKey(collection string, e entry) string {
	return fmt.Sprint(collection, " ", e.id, " ", e.rev.ID)
}

// handle takes a request of our side: it notes what that means, and answers.
func (c *script) handle(req *blip.Request) {
	m := said{conn: c.n, passive: c.p.passive, noReply: req.NoReply, props: req.Properties, body: req.Body}
	collection := c.collectionOf(m)
	c.note(m, collection)
	c.p.ledger.state(requestFacts(m, collection, c.p.whole)...)
	if !req.NoReply {
		// On its own goroutine, since it may take the database's writer for an edit.
		c.p.group.Go(func() { c.answer(req, m, collection) })
	}
}

func (c *script) collectionOf(m said) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.profile() == "getCollections" {
		c.collections = collectionNames(m.body)
	}
	i := int(m.props.Int("collection", 0))
	if i >= len(c.collections) {
		return ""
	}
	return c.collections[i]
}

// note remembers what our side has announced, and checks what has to fit to it.
func (c *script) note(m said, collection string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.profile() {
	case "changes", "proposeChanges":
		for _, e := range entriesOf(m) {
			c.sequences[e.id] = e.seq
			c.mayUse(e.id, e.parent)
		}
	case "subChanges":
		if got, want := m.props.Value("since"), c.p.ours.remoteOf(c.p.lastCheckpoint(collection)); got != want {
			c.p.t.Errorf("our side subscribes since %q, its checkpoint is at %q", got, want)
		}
		versioning := string(c.p.ours.db.Versioning())
		if m.props.Value("versioning") != versioning || m.props.Value("revocations") != "true" {
			c.p.t.Errorf("our side subscribes with %v", m.props)
		}
	case "rev":
		id, source := m.props.Value("id"), m.props.Value("deltaSrc")
		c.taken[fmt.Sprint(collection, " ", revKey(m))] = true
		if source != "" && !c.bases[id][source] {
			c.p.t.Errorf("%s is sent as a delta of %s, which the peer has not confirmed", id, source)
		}
		if want := c.sequences[id]; want != "" && m.props.Value("sequence") != want {
			c.p.t.Errorf("%s has sequence %s, announced was %s", id, m.props.Value("sequence"), want)
		}
		if !c.p.passive && !m.props.Bool("noconflicts") {
			c.p.t.Errorf("%s is pushed without noconflicts", id)
		}
	}
}

func (c *script) mayUse(id, rev string) {
	if c.bases[id] == nil {
		c.bases[id] = make(map[string]bool)
	}
	c.bases[id][rev] = true
}

func (c *script) answer(req *blip.Request, m said, collection string) {
	switch m.profile() {
	case "getCollections":
		req.Reply(&blip.Message{Body: c.p.checkpointsFor(m)})
	case "getCheckpoint":
		c.p.getCheckpoint(req)
	case "setCheckpoint":
		c.p.setCheckpoint(req)
	case "subChanges":
		replyAs(req, c.p.recordedReply("subChanges"))
	case "changes", "proposeChanges":
		c.p.beforeAnswer(m)
		c.answerEntries(req, m, collection)
	case "rev":
		if fetches := c.fetches[m.props.Value("id")]; fetches != nil {
			select {
			case <-fetches.over:
			case <-c.p.ctx.Done():
			}
		}
		replyAs(req, c.replyToRev(m))
	case "getAttachment":
		if content, ok := c.p.blobs[m.props.Value("digest")]; ok {
			req.Reply(&blip.Message{Body: content})
			return
		}
		req.ReplyError("LiteCore", 7, "no such blob")
	default:
		req.ReplyError("BLIP", 404, "not in the script")
	}
}

// replyAs answers as the recorded reply does; nil is an empty one.
func replyAs(req *blip.Request, m *said) {
	if m == nil {
		req.Reply(&blip.Message{})
		return
	}
	if m.failed {
		code, _ := strconv.Atoi(m.props.Value("Error-Code"))
		req.ReplyError(m.props.Value("Error-Domain"), code, string(m.body))
		return
	}
	req.Reply(&blip.Message{Properties: m.props, Body: m.body})
}

func (c *script) replyToRev(m said) *said {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := revKey(m)
	waiting := c.replies[key]
	if len(waiting) == 0 {
		return nil // well
	}
	c.replies[key] = waiting[1:]
	return &waiting[0]
}

// answerEntries answers an announcement, each item as the recorded peer has. A proposal
// that was never made to it is welcome, and a change that it was never offered is known.
func (c *script) answerEntries(req *blip.Request, m said, collection string) {
	c.mu.Lock()
	items := make([]any, 0)
	for _, e := range entriesOf(m) {
		key := entryKey(collection, e)
		var item any = 0
		if waiting := c.answers[key]; len(waiting) > 0 {
			item, c.answers[key] = waiting[0], waiting[1:]
		} else if c.taken[key] {
			item = 304
		}
		if known, ok := item.([]any); ok {
			for _, rev := range known {
				c.mayUse(e.id, fmt.Sprint(rev))
			}
		}
		items = append(items, item)
	}
	c.mu.Unlock()
	body, err := json.Marshal(items)
	if err != nil {
		c.p.t.Error(err)
	}
	reply := &blip.Message{Body: body}
	if recorded := c.p.recordedReply(m.profile()); recorded != nil {
		reply.Properties = recorded.props
	}
	req.Reply(reply)
}

// send sends a recorded request.
func (c *script) send(m said) {
	msg := &blip.Message{NoReply: m.noReply, Properties: c.p.translate(m), Body: m.body}
	collection := c.p.r.collectionOf(m)
	err := c.conn.Send(msg, func(reply *blip.Reply, err error) {
		if fetches := c.fetches[m.props.Value("docID")]; fetches != nil {
			defer fetches.one()
		}
		got := said{conn: m.conn, passive: c.p.passive, reply: true}
		var refusal *blip.Error
		switch {
		case err == nil:
			got.props, got.body = reply.Properties, reply.Body
		case asError(err, &refusal):
			got.failed = true
			got.props = blip.Props("Error-Domain", refusal.Domain, "Error-Code", strconv.Itoa(refusal.Code))
		default:
			return // the connection has ended, and the facts are missing
		}
		c.checkReply(m, got)
		c.p.ledger.state(replyFacts(m, got, collection)...)
	})
	if err != nil {
		c.p.t.Errorf("send %s: %v", m.profile(), err)
	}
}

// checkReply checks what every reply of ours to an announcement has to say.
func (c *script) checkReply(req, m said) {
	if m.failed || len(entriesOf(req)) == 0 || req.profile() != "changes" && req.profile() != "proposeChanges" {
		return
	}
	if !m.props.Bool("blobs") {
		c.p.t.Errorf("the reply to %s does not say that we understand blobs", req.profile())
	}
	if trees := !c.p.r.vectors(c.p.passive); trees != (m.props.Value("maxHistory") == "50") {
		c.p.t.Errorf("the reply to %s has maxHistory %q", req.profile(), m.props.Value("maxHistory"))
	}
}

// whole returns the body that a rev message means.
func (p *replay) whole(m said) []byte {
	source := m.props.Value("deltaSrc")
	if source == "" {
		return m.body
	}
	body, err := delta.Apply(p.ours.bodies.of(m.props.Value("id"), revision.ID(source)), m.body)
	if err != nil {
		p.t.Errorf("delta of %s: %v", m.props.Value("id"), err)
	}
	return body
}

// recordedReply returns the first recorded reply of the other side to a kind of request.
func (p *replay) recordedReply(profile string) *said {
	for _, req := range p.r.requests(p.passive) {
		if reply := p.r.answerTo(req); reply != nil && req.profile() == profile && !bytes.Equal(req.body, []byte("[]")) {
			return reply
		}
	}
	return nil
}

// translate gives the properties of a recorded request as our side understands them.
func (p *replay) translate(m said) blip.Properties {
	props := append(blip.Properties(nil), m.props...)
	if !p.passive {
		return props
	}
	switch m.profile() {
	case "subChanges":
		if _, given := props.Get("since"); given {
			props.Set("since", strconv.FormatUint(uint64(p.since[p.r.collectionOf(m)]), 10))
		}
	case "setCheckpoint":
		if n, ok := strings.CutPrefix(props.Value("rev"), "0-"); ok {
			props.Set("rev", n+"-cc")
		}
	}
	return props
}

// The checkpoints of our active side, as the recorded passive one would keep them.

func checkpointIDs(getCollections []byte) []string {
	var body struct {
		IDs []string `json:"checkpoint_ids"`
	}
	if json.Unmarshal(getCollections, &body) != nil {
		return nil
	}
	return body.IDs
}

func (p *replay) checkpointsFor(m said) []byte {
	p.ours.mu.Lock()
	defer p.ours.mu.Unlock()
	recorded := answerItems(p.recordedReply("getCollections").body)
	var items []any
	for i, id := range checkpointIDs(m.body) {
		p.checkpointID[collectionNames(m.body)[i]] = id
		saved, ok := p.ours.checkpoints[id]
		members := make(map[string]any)
		switch {
		case i < len(recorded) && recorded[i] == nil:
			items = append(items, nil)
			continue
		case ok:
			p.ledger.state(pulledUpTo(saved.body)...) // it need not be saved again
			if err := json.Unmarshal(saved.body, &members); err != nil {
				p.t.Errorf("our checkpoint %s: %v", saved.body, err)
			}
			if p.r.gateway() {
				members["_rev"] = p.checkpointRev(saved.n)
			} else {
				members["rev"] = p.checkpointRev(saved.n)
			}
		}
		items = append(items, members)
	}
	return mustJSON(p.t, items)
}

func (p *replay) checkpointRev(n int) string {
	if p.r.gateway() {
		return fmt.Sprintf("0-%d", n)
	}
	return fmt.Sprintf("%d-cc", n)
}

func (p *replay) getCheckpoint(req *blip.Request) {
	p.ours.mu.Lock()
	saved, ok := p.ours.checkpoints[req.Properties.Value("client")]
	p.ours.mu.Unlock()
	if !ok {
		req.ReplyError("HTTP", 404, "missing")
		return
	}
	req.Reply(&blip.Message{Properties: blip.Props("rev", p.checkpointRev(saved.n)), Body: saved.body})
}

func (p *replay) setCheckpoint(req *blip.Request) {
	id := req.Properties.Value("client")
	p.ours.mu.Lock()
	saved := p.ours.checkpoints[id]
	want := ""
	if saved.n > 0 {
		want = p.checkpointRev(saved.n)
	}
	refuse := req.Properties.Value("rev") != want
	if !refuse {
		saved = savedCheckpoint{saved.n + 1, req.Body}
		p.ours.checkpoints[id] = saved
	}
	p.ours.mu.Unlock()
	if refuse {
		req.ReplyError("HTTP", 409, "conflict")
		return
	}
	p.ledger.state(pulledUpTo(req.Body)...)
	req.Reply(&blip.Message{Properties: blip.Props("rev", p.checkpointRev(saved.n))})
}

// pulledUpTo tells how far a checkpoint says that the pull has come.
func pulledUpTo(checkpoint []byte) []fact {
	var body struct {
		Remote json.RawMessage `json:"remote"`
	}
	if json.Unmarshal(checkpoint, &body) != nil || body.Remote == nil {
		return nil
	}
	return []fact{{key: "has pulled up to " + string(body.Remote)}}
}

// lastCheckpoint returns what our active side has saved last, before this conversation.
func (p *replay) lastCheckpoint(collection string) []byte {
	p.ours.mu.Lock()
	defer p.ours.mu.Unlock()
	return p.ours.checkpoints[p.checkpointID[collection]].body
}

func (s *ourSide) remoteOf(checkpoint []byte) string {
	for _, f := range pulledUpTo(checkpoint) {
		return strings.TrimPrefix(f.key, "has pulled up to ")
	}
	return ""
}

func (p *replay) run(run func(context.Context) error) <-chan error {
	ended := make(chan error, 1)
	p.group.Go(func() {
		err := run(p.ctx)
		p.t.Logf("our side ended with: %v", err)
		ended <- err
	})
	return ended
}
