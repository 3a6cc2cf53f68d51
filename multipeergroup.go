package tandem

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/tandemdb/tandem/blip"
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
	if len(r.Digest) == sha256.Size && [sha256.Size]byte(r.Digest) != g.removals.Digest() && run.mayHaveAll(r.link) {
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
	before := g.Identity()
	err := g.standing()
	if isOut := errors.Is(err, ErrForbidden) || errors.Is(err, ErrNotFound); isOut || err == nil {
		run.m.mu.Lock()
		run.m.removed = err
		run.m.mu.Unlock()
	} else {
		run.desk.report(err)
	}
	if g.Identity() != before {
		run.useIdentity()
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
		if run.told[r.ID()] != r {
			run.told[r.ID()] = r
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
		if !ok {
			continue
		}
		chain := conn.PeerCertificates()
		name := cmp.Or(names[l.Peer()], mesh.CleanName(chain[0].Subject.CommonName))
		if mark := Fingerprint(chain[0]) + name; noted[conn.peer] != mark && len(noted) < maxPast {
			noted[conn.peer] = mark
			if row, err := g.met(chain, usageOf(l.Dialled), name); err == nil {
				fresh = append(fresh, row)
			} // otherwise it was removed just now
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

// met is the row of a member that has shown these certificates.
func (g *PeerGroup) met(chain []*x509.Certificate, use x509.ExtKeyUsage, name string) (memberRow, error) {
	way, err := g.admit(chain, use)
	return memberRow{Name: name, Chain: group.DERs(way), Seen: g.now().Unix()}, err
}
