package tandem

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/transport"
)

// recordsProfile names the requests by which neighbours tell each other the records of the group.
const recordsProfile = "meshGroup"

// groupRecords is one such request.
type groupRecords struct {
	Digest   []byte            `json:"digest,omitempty"` // of all removals that the sender knows
	Removals []json.RawMessage `json:"removals,omitempty"`
	Renew    bool              `json:"renew,omitempty"` // the sender asks for a new certificate of its key,
	Chain    [][]byte          `json:"chain,omitempty"` // which the other one sends
}

// recordsOf is a request of a neighbour.
type recordsOf struct {
	link *mesh.Link
	groupRecords
}

// Bounds of the exchange.
const (
	recordsAtOnce     = 12  // in one request: less than 128 kB
	maxRecordsWaiting = 256 // requests
	renewEvery        = time.Hour
	floorEvery        = 10 * time.Minute // the time that has passed is written down
	noteEvery         = 2 * time.Second  // whether there are neighbours that were not written down
	maxSentAll        = 4                // times that all records are sent over one link
)

// greeting is what a neighbour is told before all else.
func (run *meshRun) greeting() []*blip.Message {
	g := run.m.cfg.Group
	if g == nil {
		return nil
	}
	digest := g.removals.Digest()
	r := groupRecords{Digest: digest[:]}
	for _, removal := range g.removals.First(recordsAtOnce, recordsAtOnce*group.MaxRemoval) {
		r.Removals = append(r.Removals, removal.Text())
	}
	return []*blip.Message{r.message()}
}

func (r groupRecords) message() *blip.Message {
	text, err := json.Marshal(r)
	if err != nil {
		text = []byte("{}") // it consists of what was unmarshalled before
	}
	m := &blip.Message{Body: text, NoReply: true, Urgent: true}
	m.Properties.Add("Profile", recordsProfile)
	return m
}

// hearRecords takes a request of a neighbour. It must not block.
func (run *meshRun) hearRecords(l *mesh.Link, body []byte) {
	r := recordsOf{link: l}
	if run.desk == nil || !l.Allow(len(body)) || json.Unmarshal(body, &r.groupRecords) != nil {
		return
	}
	select {
	case run.records <- r:
	default: // it is told again at the next link
	}
}

// exchangeRecords heeds what neighbours say of the group, and has this member's certificate renewed.
func (run *meshRun) exchangeRecords() {
	ticker := time.NewTicker(noteEvery)
	defer ticker.Stop()
	noted, asked, risen, tidied := make(map[PeerID]string), time.Time{}, time.Now(), -1
	for {
		var err error
		select {
		case <-run.ctx.Done():
			return
		case r := <-run.records:
			err = run.heed(r)
		case <-ticker.C:
			if links := run.node.Links(); len(links) > 0 && time.Since(asked) > renewEvery {
				asked = time.Now()
				run.askToRenew()
				run.notify() // of a certificate that ends soon
			}
			err = run.noteMembers(noted)
			if tidied != len(noted)/membersAtOnce {
				tidied = len(noted) / membersAtOnce
				err = errors.Join(err, run.m.cfg.Group.tidyMembers(run.ctx))
			}
			if time.Since(risen) > floorEvery {
				risen = time.Now()
				err = errors.Join(err, run.m.cfg.Group.update(run.ctx, func(*store.Tx) error { return nil }))
			}
		}
		run.desk.report(err)
	}
}

// heed does what one request of a neighbour asks for.
func (run *meshRun) heed(r recordsOf) error {
	g := run.m.cfg.Group
	news, err := g.addRemovals(run.ctx, r.Removals)
	if err != nil {
		return err
	}
	if len(news) > 0 {
		run.tellOthers(r.link, run.untold(news))
		run.groupChanged()
	}
	if own := g.removals.Digest(); len(r.Digest) == sha256.Size && [sha256.Size]byte(r.Digest) != own && run.mayHaveAll(r.link) {
		run.sendRemovals(r.link.Peer(), g.removals.All())
	}
	if r.Renew {
		if err := run.renew(r.link); err != nil {
			return err
		}
	}
	if len(r.Chain) > 0 {
		return run.takeRenewed(r.Chain)
	}
	return nil
}

// addRemovals stores records that are new, and adds them.
func (g *PeerGroup) addRemovals(ctx context.Context, texts []json.RawMessage) (news []*group.Removal, err error) {
	var fresh group.Removals // of two about one member the one that stays
	for _, text := range texts[:min(len(texts), recordsAtOnce)] {
		r, err := group.ParseRemoval(g.name, g.root, text)
		if err == nil && g.removals.Wants(r) {
			fresh.Add(r)
		}
	}
	news = fresh.All()
	if len(news) == 0 {
		return nil, nil
	}
	return news, g.keepRemovals(ctx, news)
}

// keepRemovals writes records before they count: one that cannot be written is new when it comes again.
func (g *PeerGroup) keepRemovals(ctx context.Context, news []*group.Removal) error {
	err := g.update(ctx, func(tx *store.Tx) error {
		for _, r := range news {
			if err := tx.SetInfo(removalSpace+g.name, r.ID(), r.Text()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range news {
		g.removals.Add(r)
	}
	return nil
}

func (run *meshRun) tellOthers(from *mesh.Link, news []*group.Removal) {
	for _, l := range run.node.Links() {
		if from == nil || l.Peer() != from.Peer() {
			run.sendRemovals(l.Peer(), news)
		}
	}
}

func (run *meshRun) sendRemovals(to mesh.ID, all []*group.Removal) {
	link := run.link(to)
	for len(all) > 0 && link != nil {
		var r groupRecords
		for _, removal := range all[:min(len(all), recordsAtOnce)] {
			r.Removals = append(r.Removals, removal.Text())
		}
		all = all[len(r.Removals):]
		if link.send(r.message()) != nil {
			return // the next link with the peer begins with them
		}
	}
}

// groupChanged acts on what was written about the group, here or by another process.
func (run *meshRun) groupChanged() {
	g := run.m.cfg.Group
	if err := g.removedHere(); err != nil {
		run.m.mu.Lock()
		run.m.removed = err
		run.m.mu.Unlock()
	}
	run.node.SetName(run.m.name())
	run.tellOthers(nil, run.untold(g.removals.All()))
	signalTo(run.removed)
	run.notify()
}

// untold returns those of some records that neighbours were not told yet, and notes that they are.
func (run *meshRun) untold(all []*group.Removal) (news []*group.Removal) {
	run.mu.Lock()
	defer run.mu.Unlock()
	for _, r := range all {
		if mark := sha256.Sum256(r.Text()); !run.told[mark] {
			run.told[mark] = true
			news = append(news, r)
		}
	}
	return news
}

// mayHaveAll reports whether a neighbour is sent all records once more on a link. Each session of a link
// begins with one question.
func (run *meshRun) mayHaveAll(l *mesh.Link) bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	link := run.links[l.Peer()]
	if link == nil || link.sentAll >= maxSentAll {
		return false
	}
	link.sentAll++
	return true
}

// removedHere says that this member was removed, if it was.
func (g *PeerGroup) removedHere() error {
	chain := g.Identity().Certificates()
	r, _ := g.removals.Removes(chain)
	if r == nil {
		return nil
	}
	says := "this device was removed from the group"
	if r.Member() != group.KeyOf(chain[0]) {
		says = "who has invited this device, or renewed its certificate, was removed from the group, and with it this device"
	}
	return fault.Forbidden.In("sync group", g.name).Says("%s", says).
		Try("what it has stays; to belong to the group again it joins by a new code, with a new key")
}

func signalTo(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// readvertise has discovery say anew who may join.
func (run *meshRun) readvertise() { signalTo(run.renewed) }

func (run *meshRun) tellInvitations(all []namedInvitation) {
	for _, row := range all {
		if told := row.State; run.invitations[row.id] != told {
			run.invitations[row.id] = told
			run.m.inviteNews.call(row.info())
		}
	}
}

func (run *meshRun) aside() *transport.Aside {
	if run.desk == nil {
		return nil
	}
	return run.desk.aside()
}

func (run *meshRun) certificate() tls.Certificate { return run.identity.Load().TLSCertificate() }

// withInviter adds the addresses of who has invited this member.
func (run *meshRun) withInviter(known []mesh.Past) []mesh.Past {
	g := run.m.cfg.Group
	if g == nil {
		return known
	}
	var id mesh.ID
	if n, err := hex.Decode(id[:], []byte(g.row.Inviter)); err != nil || n != len(id) || len(g.row.At) == 0 {
		return known
	}
	if slices.ContainsFunc(known, func(p mesh.Past) bool { return p.ID == id }) {
		return known
	}
	return append(known, mesh.Past{ID: id, Addresses: g.row.At})
}

// namesOfNeighbours returns what the neighbours call themselves.
func (run *meshRun) namesOfNeighbours() map[mesh.ID]string {
	names := make(map[mesh.ID]string)
	for _, p := range run.node.Peers() {
		if p.Linked {
			names[p.ID] = mesh.CleanName(p.Name)
		}
	}
	return names
}

// noteMembers writes down the neighbours whose certificate and name were not written down in this run.
func (run *meshRun) noteMembers(noted map[PeerID]string) error {
	g := run.m.cfg.Group
	var fresh []memberRow
	names := run.namesOfNeighbours()
	for _, l := range run.node.Links() {
		conn, ok := l.Conn.(*meshConn)
		if !ok || len(conn.PeerCertificates()) > group.MaxChain {
			continue
		}
		chain := conn.PeerCertificates()
		name := cmp.Or(names[l.Peer()], mesh.CleanName(chain[0].Subject.CommonName))
		if mark := Fingerprint(chain[0]) + name; noted[conn.peer] != mark && len(noted) < maxPast {
			noted[conn.peer] = mark
			fresh = append(fresh, memberRow{Name: name, Chain: group.DERs(chain), Seen: g.now().Unix()})
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return g.update(run.ctx, func(tx *store.Tx) error {
		for _, row := range fresh {
			if err := g.writeMember(tx, row); err != nil {
				return err
			}
		}
		return nil
	})
}
