package discovery

import (
	"context"
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Advertise announces a peer on the local networks, until Close or the end of ctx. It probes the
// name first, and appends a number if another peer has it. It fails with [fault.Invalid] if the
// peer cannot be announced, and with an error if there is no network.
func Advertise(ctx context.Context, p Peer, opts Options) (*Advertiser, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	s, err := opts.join()
	if err != nil {
		return nil, err
	}
	// A host name of its own cannot collide with the machine's name, for which another program may
	// answer.
	p.Host = "tandem-" + strings.ToLower(rand.Text()[:12]) + ".local."
	ctx, cancel := context.WithCancel(ctx)
	a := &Advertiser{
		socket: s, service: opts.service(), wanted: p.Name, cancel: cancel, done: make(chan struct{}),
		peer: p, sent: map[int]time.Time{}, owed: map[int]bool{},
	}
	go func() {
		defer close(a.done)
		defer cancel()
		a.run(ctx)
	}()
	return a, nil
}

// Advertiser announces a peer on the network.
//
// It is in one of three states. A conflict leads back to the first, with the next name:
//
//	probing ──3 probes, 250 ms apart──▶ announcing ──2, 1 s apart──▶ serving
type Advertiser struct {
	socket  Socket
	service service
	wanted  string // the name that the caller chose
	cancel  context.CancelFunc
	done    chan struct{}

	mu   sync.Mutex // guards the following
	peer Peer       // rename changes its name

	// Only the goroutine of run uses these fields.
	step   int       // 0 to 2: probing, 3 to 4: announcing, then serving
	next   time.Time // of the next step
	number int       // appended to the name
	links  []Link
	sent   map[int]time.Time // time of the last announcement, by link
	owed   map[int]bool      // links whose next announcement must wait
}

// The steps of RFC 6762 §8, and the intervals of §6.
const (
	firstAnnouncement = 3
	serving           = 5
	probeGap          = 250 * time.Millisecond
	answerGap         = time.Second
)

// Name returns the announced name, which may have a number.
func (a *Advertiser) Name() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.peer.Name
}

// Close announces that the peer is gone, and waits for the advertiser's goroutines. Closing twice
// is harmless.
func (a *Advertiser) Close() error {
	a.cancel()
	<-a.done
	return nil
}

func (a *Advertiser) run(ctx context.Context) {
	packets := listen(a.socket, ctx.Done())
	defer func() {
		a.goodbye()
		_ = a.socket.Close()
		for range packets { // until listen has ended
		}
	}()
	a.next = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case p, ok := <-packets:
			if !ok {
				return
			}
			a.handle(p)
		case <-timer.C:
			a.tick()
		}
		timer.Reset(max(0, time.Until(a.wake())))
	}
}

// wake returns the time of the next step or delayed answer.
func (a *Advertiser) wake() time.Time {
	wake := a.next
	for link := range a.owed {
		if due := a.sent[link].Add(answerGap); due.Before(wake) {
			wake = due
		}
	}
	return wake
}

func (a *Advertiser) tick() {
	now := time.Now()
	known := a.links
	a.links = a.socket.Links()
	if !a.probing() {
		for _, link := range a.links {
			due := a.owed[link.Index] && now.Sub(a.sent[link.Index]) >= answerGap
			if due || !slices.ContainsFunc(known, link.equal) {
				a.announce(link)
			}
		}
	}
	if now.Before(a.next) {
		return
	}
	switch {
	case a.step < firstAnnouncement:
		a.probe()
		a.next = now.Add(probeGap)
	case a.step < serving:
		for _, link := range a.links {
			a.announce(link)
		}
		a.next = now.Add(time.Second)
	default:
		a.next = now.Add(rescan)
		return
	}
	a.step++
}

// probing reports whether the name is still being probed, so that nobody has heard of us.
func (a *Advertiser) probing() bool { return a.step <= firstAnnouncement }

func (l Link) equal(m Link) bool { return l.Index == m.Index && slices.Equal(l.Nets, m.Nets) }

// probe asks whether another peer has the name, and includes our own SRV record as a claim.
func (a *Advertiser) probe() {
	msg := &dns.Msg{}
	name := a.service.instanceName(a.peer.Name)
	msg.Question = []dns.Question{{Name: name, Qtype: dns.TypeANY, Qclass: dns.ClassINET}}
	srv := &dns.SRV{Port: a.peer.Port, Target: a.peer.Host}
	srv.Hdr = dns.RR_Header{Name: name, Rrtype: dns.TypeSRV, Class: dns.ClassINET, Ttl: uint32(ttl.Seconds())}
	msg.Ns = []dns.RR{srv}
	for _, link := range a.links {
		send(a.socket, link.Index, msg, netip.AddrPort{})
	}
}

func (a *Advertiser) announce(link Link) {
	a.sent[link.Index] = time.Now()
	delete(a.owed, link.Index)
	msg := response(records(a.service, a.peer, link, ttl))
	msg.Answer = append(msg.Answer, &dns.PTR{
		Hdr: dns.RR_Header{Name: metaName, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: uint32(ttl.Seconds())},
		Ptr: string(a.service),
	})
	send(a.socket, link.Index, msg, netip.AddrPort{})
}

// goodbye announces, to everyone who may know the peer, that it is gone (RFC 6762 §10.1).
func (a *Advertiser) goodbye() {
	if a.probing() {
		return
	}
	for _, link := range a.socket.Links() {
		send(a.socket, link.Index, response(records(a.service, a.peer, link, 0)), netip.AddrPort{})
	}
}

func (a *Advertiser) handle(p Packet) {
	msg, link, ok := parse(a.links, p)
	switch {
	case !ok:
	case msg.Response && slices.ContainsFunc(msg.Answer, a.disputes):
		if a.probing() || slices.ContainsFunc(msg.Answer, a.precedes) {
			a.rename()
			return
		}
		a.owed[link.Index] = true // both have announced the name, perhaps in networks now joined: the other yields
	case msg.Response:
	case !a.probing():
		a.answer(msg, link, p.From)
	case slices.ContainsFunc(msg.Ns, a.precedes):
		a.step, a.next = 0, time.Now().Add(time.Second) // the winner answers meanwhile, RFC 6762 §8.2
	}
}

// disputes reports whether rr shows that another peer has our name.
func (a *Advertiser) disputes(rr dns.RR) bool {
	srv, ok := rr.(*dns.SRV)
	return ok && srv.Hdr.Ttl > 0 && a.isOurs(srv.Hdr.Name) && key(srv.Target) != a.peer.Host
}

// precedes reports whether rr belongs to another peer that wins the name.
func (a *Advertiser) precedes(rr dns.RR) bool {
	return a.disputes(rr) && key(rr.(*dns.SRV).Target) > a.peer.Host
}

func (a *Advertiser) isOurs(dnsName string) bool {
	name, ok := a.service.peerName(dnsName)
	return ok && key(name) == key(a.peer.Name)
}

// rename takes the next name and starts probing again.
func (a *Advertiser) rename() {
	a.number = max(a.number, 1) + 1
	a.mu.Lock()
	a.peer.Name = nextName(a.wanted, a.number)
	a.mu.Unlock()
	a.step, a.next = 0, time.Now()
	clear(a.owed)
}

// answer announces the peer on a link where somebody asked for it.
func (a *Advertiser) answer(msg *dns.Msg, link Link, from netip.AddrPort) {
	if !slices.ContainsFunc(msg.Question, a.concerns) || a.isKnown(msg) {
		return
	}
	if from.Port() != mdnsPort { // a plain DNS client, RFC 6762 §6.7
		reply := response(records(a.service, a.peer, link, legacyTTL))
		reply.Id, reply.Question = msg.Id, msg.Question
		for _, rr := range reply.Answer {
			rr.Header().Class &^= flush
		}
		send(a.socket, link.Index, reply, from)
		return
	}
	gap := answerGap
	if len(msg.Ns) > 0 {
		gap = probeGap // a name must be defended at once
	}
	if time.Since(a.sent[link.Index]) < gap {
		a.owed[link.Index] = true
		return
	}
	a.announce(link)
}

func (a *Advertiser) concerns(q dns.Question) bool {
	switch key(q.Name) {
	case string(a.service), metaName:
		return q.Qtype == dns.TypePTR || q.Qtype == dns.TypeANY
	case a.peer.Host:
		return true
	}
	return a.isOurs(q.Name)
}

// isKnown reports whether a query for the service lists us as known (RFC 6762 §7.1).
func (a *Advertiser) isKnown(msg *dns.Msg) bool {
	if len(msg.Question) != 1 || key(msg.Question[0].Name) != string(a.service) {
		return false
	}
	return slices.ContainsFunc(msg.Answer, func(rr dns.RR) bool {
		ptr, ok := rr.(*dns.PTR)
		return ok && a.isOurs(ptr.Ptr) && ptr.Hdr.Ttl >= uint32(ttl.Seconds())/2
	})
}

func response(answer []dns.RR) *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Answer: answer}
}
