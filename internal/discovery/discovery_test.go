package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/tandemdb/tandem/internal/discovery"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
)

var fingerprint = strings.TrimSuffix(strings.Repeat("9F:", 32), ":")

func till(name string) discovery.Peer {
	return discovery.Peer{
		Name: name, Database: "sales", Port: 4984, Fingerprint: fingerprint,
		Protocols: []string{"BLIP_3+CBMobile_4", "BLIP_3+CBMobile_3"},
	}
}

func advertise(t *testing.T, m *lanMachine, p discovery.Peer) *discovery.Advertiser {
	t.Helper()
	a, err := discovery.Advertise(t.Context(), p, discovery.Options{Network: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func browse(t *testing.T, m *lanMachine) *discovery.Browser {
	t.Helper()
	b, err := discovery.Browse(t.Context(), discovery.Options{Network: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// next returns the next event, which has to come within limit.
func next(t *testing.T, b *discovery.Browser, limit time.Duration) discovery.Event {
	t.Helper()
	select {
	case e := <-b.Events():
		return e
	case <-time.After(limit):
		t.Fatalf("no event within %v", limit)
	}
	return discovery.Event{}
}

func wantEvent(t *testing.T, got discovery.Event, change discovery.Change, name string) {
	t.Helper()
	if got.Change != change || got.Peer.Name != name {
		t.Fatalf("got %v %q, want %v %q", got.Change, got.Peer.Name, change, name)
	}
}

func names(b *discovery.Browser) string {
	var list []string
	for _, p := range b.Peers() {
		list = append(list, p.Name)
	}
	return strings.Join(list, ", ")
}

// N-16
func TestPeersFindEachOtherInEitherOrder(t *testing.T) {
	for _, browseFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("browser first %v", browseFirst), func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				net := &lan{}
				var b *discovery.Browser
				if browseFirst {
					b = browse(t, net.machine(1))
					time.Sleep(time.Hour)
				}
				advertise(t, net.machine(2), till("till 7"))
				if !browseFirst {
					time.Sleep(time.Hour)
					b = browse(t, net.machine(1))
				}
				e := next(t, b, 2*time.Second)
				wantEvent(t, e, discovery.Appeared, "till 7")
				want := till("till 7")
				want.Host = e.Peer.Host
				want.Addrs = []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("fe80::2%eth0")}
				if diff := cmp.Diff(want, e.Peer, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff([]string{
					"wss://192.0.2.2:4984/sales", "wss://[fe80::2%25eth0]:4984/sales",
				}, e.Peer.URLs()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestClosedPeersVanishAtOnce(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		b := browse(t, net.machine(1))
		a := advertise(t, net.machine(2), till("a"))
		wantEvent(t, next(t, b, 2*time.Second), discovery.Appeared, "a")
		time.Sleep(10 * time.Minute)
		if names(b) != "a" {
			t.Fatalf("got %q after ten minutes", names(b))
		}
		_ = a.Close()
		wantEvent(t, next(t, b, 2*time.Second), discovery.Vanished, "a")
	})
}

func TestDeadPeersVanishWithinTwoMinutes(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		b := browse(t, net.machine(1))
		advertise(t, net.machine(2), till("a"))
		wantEvent(t, next(t, b, 2*time.Second), discovery.Appeared, "a")
		net.setCut(true)
		died := time.Now()
		wantEvent(t, next(t, b, 3*time.Minute), discovery.Vanished, "a")
		if lasted := time.Since(died); lasted > 2*time.Minute {
			t.Errorf("noticed after %v", lasted)
		}
		net.setCut(false)
		wantEvent(t, next(t, b, 2*time.Minute), discovery.Appeared, "a")
	})
}

// The question for all peers comes every minute; when it is lost, others follow before the
// time of a peer is over.
func TestPeersOutliveLostPackets(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		b := browse(t, net.machine(1)) // asks at 0, 1, 4, 13, 40, 100, 160, 220, 280, 340 s
		time.Sleep(190 * time.Second)
		advertise(t, net.machine(2), till("a"))
		wantEvent(t, next(t, b, 2*time.Second), discovery.Appeared, "a")
		time.Sleep(8 * time.Second)
		net.setCut(true)
		time.Sleep(85 * time.Second)
		net.setCut(false)
		select {
		case e := <-b.Events():
			t.Errorf("%v", e.Change)
		case <-time.After(10 * time.Minute):
		}
	})
}

func TestNamesOnTheNetworkAreUnique(t *testing.T) {
	for name, gap := range map[string]time.Duration{"at once": 0, "while probing": 300 * time.Millisecond, "later": time.Minute} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				net := &lan{}
				b := browse(t, net.machine(1))
				for i := range byte(3) {
					advertise(t, net.machine(10+i), till("Till"))
					time.Sleep(gap)
				}
				time.Sleep(10 * time.Second)
				if got, want := names(b), "Till, Till (2), Till (3)"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				hosts := map[string]bool{}
				for _, p := range b.Peers() {
					hosts[p.Host] = true
				}
				if len(hosts) != 3 {
					t.Errorf("%d hosts, want 3", len(hosts))
				}
			})
		})
	}
}

func TestNamesStayUniqueWhenNetworksJoin(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		net.setCut(true)
		b := browse(t, net.machine(1))
		first := advertise(t, net.machine(2), till("x"))
		second := advertise(t, net.machine(3), till("x"))
		time.Sleep(time.Minute)
		if first.Name() != "x" || second.Name() != "x" {
			t.Fatalf("got %q and %q apart", first.Name(), second.Name())
		}
		net.setCut(false)
		time.Sleep(3 * time.Minute)
		if got := names(b); got != "x, x (2)" {
			t.Errorf("got %q", got)
		}
	})
}

func TestSlowReaderOfEventsMissesNothing(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		b := browse(t, net.machine(1))
		for i := range byte(5) {
			a := advertise(t, net.machine(10+i), till(fmt.Sprint("p", i)))
			time.Sleep(3 * time.Second)
			if i == 2 {
				_ = a.Close()
				time.Sleep(3 * time.Second)
			}
		}
		var seen []string
		for range 4 {
			e := next(t, b, time.Second)
			if e.Change != discovery.Appeared {
				t.Errorf("got %v", e)
			}
			seen = append(seen, e.Peer.Name)
		}
		slices.Sort(seen)
		if diff := cmp.Diff([]string{"p0", "p1", "p3", "p4"}, seen); diff != "" {
			t.Error(diff)
		}
	})
}

func TestChangedAddressesAreTold(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		b := browse(t, net.machine(1))
		m := net.machine(2)
		advertise(t, m, till("a"))
		wantEvent(t, next(t, b, 2*time.Second), discovery.Appeared, "a")
		time.Sleep(5 * time.Second)
		m.setLinks(discovery.Link{Index: 1, Name: "eth0", Nets: []netip.Prefix{netip.MustParsePrefix("192.0.2.77/24")}})
		for { // the old IPv6 address ends later, as nothing replaces it
			e := next(t, b, 3*time.Minute)
			wantEvent(t, e, discovery.Changed, "a")
			if slices.Contains(e.Peer.Addrs, netip.MustParseAddr("192.0.2.2")) {
				t.Fatalf("the old address counts beside the new one: %v", e.Peer.Addrs)
			}
			if len(e.Peer.Addrs) == 1 && e.Peer.Addrs[0] == netip.MustParseAddr("192.0.2.77") {
				return
			}
		}
	})
}

// A listener that is bound to one address, or to IPv4, answers at no other.
func TestOnlyAddressesThatAnswerAreTold(t *testing.T) {
	all := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("198.51.100.2/24"),
		netip.MustParsePrefix("fd00::2/64"), netip.MustParsePrefix("fe80::2/64"),
	}
	for bound, want := range map[string]string{
		"192.0.2.2":    "[192.0.2.2]",
		"0.0.0.0":      "[192.0.2.2 198.51.100.2]",
		"fd00::2":      "[fd00::2]",
		"fe80::2%eth0": "[fe80::2%eth0]",
		"":             "[192.0.2.2 198.51.100.2 fd00::2 fe80::2%eth0]",
	} {
		testsize.Bubble(t, func(t *testing.T) {
			net := &lan{}
			b, m := browse(t, net.machine(1)), net.machine(2)
			m.setLinks(discovery.Link{Index: 1, Name: "eth0", Nets: all})
			peer := till("a")
			if bound != "" {
				peer.Addrs = []netip.Addr{netip.MustParseAddr(bound)}
			}
			advertise(t, m, peer)
			if e := next(t, b, 2*time.Second); fmt.Sprint(e.Peer.Addrs) != want {
				t.Errorf("bound to %q: told %v, want %s", bound, e.Peer.Addrs, want)
			}
		})
	}
}

func TestQuietNetworkStaysQuiet(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		browse(t, net.machine(1))
		for i := range byte(5) {
			advertise(t, net.machine(10+i), till(fmt.Sprint("p", i)))
		}
		time.Sleep(10 * time.Minute)
		before := net.count()
		time.Sleep(time.Hour)
		perMinute := float64(net.count()-before) / 60
		if perMinute > 7 {
			t.Errorf("%.1f packets a minute for 5 peers", perMinute)
		}
	})
}

func TestQuestionsNameTheKnownPeers(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		known := ""
		net.observer = func(data []byte) {
			msg := new(dns.Msg)
			if err := msg.Unpack(data); err == nil && !msg.Response && len(msg.Answer) > 0 {
				known = msg.Answer[0].(*dns.PTR).Ptr
			}
		}
		b := browse(t, net.machine(1))
		advertise(t, net.machine(2), till("a"))
		wantEvent(t, next(t, b, 2*time.Second), discovery.Appeared, "a")
		time.Sleep(10 * time.Second)
		net.mu.Lock()
		defer net.mu.Unlock()
		if known != "a._tandem._tcp.local." {
			t.Errorf("got %q", known)
		}
	})
}

func TestUncommonTextsSurvive(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		b := browse(t, net.machine(1))
		p := till(`Büro "Süd" v1.2\x; (a@b) $5 'ö' 日本`)
		p.Database = `däta\ba"se=1`
		p.Insecure, p.Fingerprint, p.Protocols = true, "", nil
		advertise(t, net.machine(2), p)
		got := next(t, b, 2*time.Second).Peer
		if got.Name != p.Name || got.Database != p.Database || !got.Insecure || got.Fingerprint != "" || got.Protocols != nil {
			t.Errorf("got %+v", got)
		}
		if want := "ws://192.0.2.2:4984/d%C3%A4ta%5Cba%22se=1"; got.URLs()[0] != want {
			t.Errorf("got %s, want %s", got.URLs()[0], want)
		}
	})
}

func TestPeersThatCannotBeToldAreRefused(t *testing.T) {
	for name, change := range map[string]func(*discovery.Peer){
		"no name":       func(p *discovery.Peer) { p.Name = "" },
		"long name":     func(p *discovery.Peer) { p.Name = strings.Repeat("x", 64) },
		"no database":   func(p *discovery.Peer) { p.Database = "" },
		"long database": func(p *discovery.Peer) { p.Database = strings.Repeat("x", 201) },
		"no port":       func(p *discovery.Peer) { p.Port = 0 },
		"protocols":     func(p *discovery.Peer) { p.Protocols = []string{strings.Repeat("x", 300)} },
		"fingerprint":   func(p *discovery.Peer) { p.Fingerprint = strings.Repeat("x", 300) },
		"control":       func(p *discovery.Peer) { p.Name = "a\x1b[2J" },
	} {
		p := till("x")
		change(&p)
		_, err := discovery.Advertise(t.Context(), p, discovery.Options{Network: (&lan{}).machine(1)})
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// N-16
func TestFindWaitsForTheWantedPeer(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		advertise(t, net.machine(2), till("other"))
		wanted := till("till 7")
		wanted.Database = "stock"
		time.AfterFunc(time.Minute, func() { advertise(t, net.machine(3), wanted) })
		opts := discovery.Options{Network: net.machine(1)}
		for _, name := range []string{"TILL 7", "stock"} {
			p, err := discovery.Find(t.Context(), name, nil, opts)
			if err != nil || p.Name != "till 7" {
				t.Errorf("%s: got %q, %v", name, p.Name, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := discovery.Find(ctx, "nobody", nil, opts); !errors.Is(err, fault.UnknownHost) ||
			!errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// N-15
func TestFindTakesPeersFromAList(t *testing.T) {
	list, err := discovery.ParseList(strings.NewReader(`
# our tills
till-7  wss://192.0.2.7:4984/sales  ` + fingerprint + `
six     wss://[2001:db8::6]:4984/sales/
office  ws://office.example.com/stock
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"till-7": "wss://192.0.2.7:4984/sales", "SIX": "wss://[2001:db8::6]:4984/sales",
		"stock": "ws://office.example.com:80/stock",
	} {
		p, err := discovery.Find(t.Context(), name, list, discovery.Options{Network: (&lan{}).machine(1)})
		if err != nil || p.URLs()[0] != want {
			t.Errorf("%s: got %v, %v, want %s", name, p.URLs(), err, want)
		}
	}
	if list[0].Fingerprint != fingerprint {
		t.Errorf("fingerprint is %q", list[0].Fingerprint)
	}
	for _, line := range []string{
		"x", "x http://h/db", "x wss://h", "x wss://h:0/db", "x wss://h:99999/db", "x wss:///db", "x wss://u:p@h/db", "a b c d",
	} {
		if _, err := discovery.ParseList(strings.NewReader("ok wss://h/db\n" + line)); !errors.Is(err, fault.Invalid) ||
			!strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: got %v", line, err)
		}
	}
}

func TestPlainDNSClientsAreAnswered(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		advertise(t, net.machine(2), till("a"))
		time.Sleep(10 * time.Second)
		var answers []*dns.Msg
		net.mu.Lock()
		net.observer = func(data []byte) {
			msg := new(dns.Msg)
			if err := msg.Unpack(data); err == nil {
				answers = append(answers, msg)
			}
		}
		net.mu.Unlock()
		query := new(dns.Msg)
		query.SetQuestion("_tandem._tcp.local.", dns.TypePTR)
		data, err := query.Pack()
		if err != nil {
			t.Fatal(err)
		}
		from := netip.MustParseAddrPort("192.0.2.99:40000")
		net.deliver(discovery.Packet{Data: data, From: from, Link: 1}, netip.AddrPort{})
		synctest.Wait()
		net.mu.Lock()
		defer net.mu.Unlock()
		if len(answers) != 2 || answers[1].Id != query.Id || len(answers[1].Question) != 1 {
			t.Fatalf("got %v", answers)
		}
		for _, rr := range answers[1].Answer {
			if rr.Header().Ttl > 10 || rr.Header().Class != dns.ClassINET {
				t.Errorf("record %v", rr)
			}
		}
	})
}
