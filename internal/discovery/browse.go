package discovery

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Change is the kind of an [Event].
type Change int

// The changes of an [Event].
const (
	Appeared Change = iota + 1
	Changed
	Vanished
)

// String returns "appeared", "changed" or "vanished".
func (c Change) String() string {
	return [...]string{"", "appeared", "changed", "vanished"}[c]
}

// Event reports one change of one peer. For a vanished peer it has the last state.
type Event struct {
	Change Change
	Peer   Peer
}

// Browse looks for peers until Close or the end of ctx. It fails if there is no network.
func Browse(ctx context.Context, opts Options) (*Browser, error) {
	s, err := opts.join()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &Browser{
		socket: s, events: make(chan Event), cancel: cancel, done: make(chan struct{}),
		service: opts.service(), cache: newCache(opts.service()), told: map[string]Peer{}, found: map[string]Peer{},
	}
	go func() {
		defer close(b.done)
		defer close(b.events)
		defer cancel()
		b.run(ctx)
	}()
	return b, nil
}

// Browser watches the peers of the local networks.
type Browser struct {
	socket  Socket
	service service
	events  chan Event
	cancel  context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex      // guards the following
	found map[string]Peer // by key(name)

	// Only the goroutine of run uses these fields.
	cache *cache
	told  map[string]Peer // the peers as the reader of events knows them
	links []Link
	next  time.Time     // time of the next question for all peers
	gap   time.Duration // interval until the question after that
}

const (
	maxGap = time.Minute           // between two questions for all peers
	burst  = 10 * time.Millisecond // packets within it are handled together
)

// Events returns the changes, starting with the peers that are present already. The channel is
// closed when the browser ends. A slow reader misses only changes that were reverted meanwhile.
func (b *Browser) Events() <-chan Event { return b.events }

// Peers returns the peers that are present now, sorted by name.
func (b *Browser) Peers() []Peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Peer
	for _, k := range slices.Sorted(maps.Keys(b.found)) {
		list = append(list, b.found[k])
	}
	return list
}

// Close ends the browser and waits for its goroutines. Closing twice is harmless.
func (b *Browser) Close() error {
	b.cancel()
	<-b.done
	return nil
}

func (b *Browser) run(ctx context.Context) {
	packets := listen(b.socket, ctx.Done())
	defer func() {
		_ = b.socket.Close()
		for range packets { // until listen has ended
		}
	}()
	b.gap = time.Second
	timer := time.NewTimer(0)
	defer timer.Stop()
	settling := false
	for {
		event, events := b.nextEvent()
		select {
		case <-ctx.Done():
			return
		case events <- event:
			b.tell(event)
		case p, ok := <-packets:
			if !ok {
				return
			}
			if b.handle(p) && !settling {
				settling = true
				timer.Reset(burst)
			}
		case <-timer.C:
			settling = false
			timer.Reset(b.work())
		}
	}
}

// nextEvent returns a difference between found and told, and the channel for it. Without a
// difference the channel is nil.
func (b *Browser) nextEvent() (Event, chan<- Event) {
	for k, p := range b.told {
		if _, ok := b.found[k]; !ok {
			return Event{Vanished, p}, b.events
		}
	}
	for k, p := range b.found {
		old, ok := b.told[k]
		if !ok {
			return Event{Appeared, p}, b.events
		}
		if !old.equal(p) {
			return Event{Changed, p}, b.events
		}
	}
	return Event{}, nil
}

func (b *Browser) tell(e Event) {
	if e.Change == Vanished {
		delete(b.told, key(e.Peer.Name))
		return
	}
	b.told[key(e.Peer.Name)] = e.Peer
}

// handle processes a packet, and reports whether it may have changed a peer.
func (b *Browser) handle(p Packet) bool {
	msg, link, ok := parse(b.links, p)
	if !ok || !msg.Response {
		return false
	}
	b.cache.add(msg, link, time.Now())
	return true
}

// work does everything that is due, and returns the time until the next work.
func (b *Browser) work() time.Duration {
	now := time.Now()
	known := b.links
	b.links = b.socket.Links()
	b.cache.expire(now)
	found := b.cache.found(now)
	b.mu.Lock()
	b.found = found
	b.mu.Unlock()

	if !slices.EqualFunc(known, b.links, Link.equal) {
		b.next, b.gap = now, time.Second // new links may have new peers
	}
	if !now.Before(b.next) {
		b.askForAll(now)
		b.next = now.Add(b.gap)
		b.gap = min(3*b.gap, maxGap)
	}
	if questions := b.cache.questions(now); len(questions) > 0 {
		b.ask(&dns.Msg{Question: questions})
	}
	limit := now.Add(rescan)
	if b.next.Before(limit) {
		limit = b.next
	}
	return max(time.Millisecond, b.cache.wake(now, limit).Sub(now))
}

// askForAll asks for all peers, and lists those it knows, which need not answer.
func (b *Browser) askForAll(now time.Time) {
	msg := &dns.Msg{Question: []dns.Question{{Name: string(b.service), Qtype: dns.TypePTR, Qclass: dns.ClassINET}}}
	for _, h := range b.cache.peers {
		left := h.ptr.ends.Sub(now)
		if left > h.ptr.ends.Sub(h.ptr.begins)/2 && len(msg.Answer) < maxAddrs {
			head := dns.RR_Header{
				Name: string(b.service), Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: uint32(left.Seconds()),
			}
			msg.Answer = append(msg.Answer, &dns.PTR{Hdr: head, Ptr: b.service.instanceName(h.name)})
		}
	}
	b.ask(msg)
}

func (b *Browser) ask(msg *dns.Msg) {
	for _, link := range b.links {
		send(b.socket, link.Index, msg, netip.AddrPort{})
	}
}
