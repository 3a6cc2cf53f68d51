package discovery_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/tandemdb/tandem/internal/discovery"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/testsize"
)

const neighbour = "192.0.2.66:5353"

// inject puts a packet on the network of lan.
func inject(net *lan, data []byte, from string) {
	net.deliver(discovery.Packet{Data: data, From: netip.MustParseAddrPort(from), Link: 1}, netip.AddrPort{})
}

func pack(t testing.TB, msg *dns.Msg) []byte {
	t.Helper()
	msg.Compress = true
	data, err := msg.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// claim returns the announcement of a peer that somebody made up.
func claim(t testing.TB, name, host, addr string, lines ...string) []byte {
	t.Helper()
	msg := &dns.Msg{}
	msg.Response = true
	if len(lines) == 0 {
		lines = []string{"db=sales"}
	}
	for _, line := range []string{
		`_tandem._tcp.local. 120 IN PTR %[1]s._tandem._tcp.local.`,
		`%[1]s._tandem._tcp.local. 120 IN SRV 0 0 4984 %[2]s.local.`,
		`%[2]s.local. 120 IN A %[3]s`,
		`%[1]s._tandem._tcp.local. 120 IN TXT "` + strings.Join(lines, `" "`) + `"`,
	} {
		line = strings.NewReplacer("%[1]s", name, "%[2]s", host, "%[3]s", addr).Replace(line)
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		msg.Answer = append(msg.Answer, rr)
	}
	return pack(t, msg)
}

func TestClaimsFromOtherNetworksAreIgnored(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		b := browse(t, net.machine(1))
		time.Sleep(time.Second)
		data := claim(t, "evil", "h", "192.0.2.66")
		inject(net, data, "203.0.113.5:5353")                    // routed here
		inject(net, data, "192.0.2.66:4000")                     // not from the port
		inject(net, data[:len(data)-3], neighbour)               // cut short
		inject(net, make([]byte, 20_000), neighbour)             // too large
		inject(net, claim(t, "evil", "h", "0.0.0.0"), neighbour) // leads nowhere
		time.Sleep(time.Second)
		if got := names(b); got != "" {
			t.Fatalf("got %q", got)
		}
		inject(net, data, neighbour)
		time.Sleep(time.Second)
		if got := names(b); got != "evil" {
			t.Fatalf("a good claim gives %q", got)
		}
	})
}

func TestClaimsThatWouldHarmATerminalAreIgnored(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		b := browse(t, net.machine(1))
		time.Sleep(time.Second)
		inject(net, claim(t, `a\027[2J`, "h1", "192.0.2.66"), neighbour)
		inject(net, claim(t, `\255\254`, "h2", "192.0.2.66"), neighbour)
		inject(net, claim(t, `ok`, "h3", "192.0.2.66", "db=sales", "fp=\\027[31m", "DB=second", "proto=a,,b"), neighbour)
		time.Sleep(time.Second)
		got := b.Peers()
		if len(got) != 1 || got[0].Name != "ok" || got[0].Fingerprint != "" || got[0].Database != "sales" ||
			len(got[0].Protocols) != 2 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestMemoryForClaimsIsBounded(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		b := browse(t, net.machine(1))
		time.Sleep(time.Second)
		for i := range 3000 {
			inject(net, claim(t, fmt.Sprint("p", i), fmt.Sprint("h", i), "192.0.2.66"), neighbour)
			synctest.Wait()
		}
		for i := range 250 {
			inject(net, claim(t, "p1", "h1", fmt.Sprintf("192.0.2.%d", i+1)), neighbour)
			synctest.Wait()
		}
		time.Sleep(time.Second)
		peers := b.Peers()
		if len(peers) != 1000 {
			t.Errorf("%d peers, want the first 1000", len(peers))
		}
		for _, p := range peers {
			if len(p.Addrs) > 32 {
				t.Errorf("%s has %d addresses", p.Name, len(p.Addrs))
			}
		}
		time.Sleep(3 * time.Minute)
		if got := len(b.Peers()); got != 0 {
			t.Errorf("%d peers after their time", got)
		}
	})
}

func TestQuestionsAreAnsweredAtAMeasuredPace(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		net := &lan{}
		advertise(t, net.machine(2), till("a"))
		time.Sleep(10 * time.Second)
		query := new(dns.Msg)
		query.SetQuestion("_tandem._tcp.local.", dns.TypePTR)
		data := pack(t, query)
		before, asked := net.count(), 0
		for range 500 {
			inject(net, data, neighbour)
			asked++
			time.Sleep(10 * time.Millisecond)
		}
		if answers := net.count() - before - asked; answers < 4 || answers > 6 {
			t.Errorf("%d answers to %d questions in 5 s", answers, asked)
		}
	})
}

func TestAnswersComeWhenTheyAreNeeded(t *testing.T) {
	const name = "a._tandem._tcp.local."
	question := new(dns.Msg)
	question.SetQuestion("_tandem._tcp.local.", dns.TypePTR)
	known := question.Copy()
	known.Answer = []dns.RR{&dns.PTR{
		Hdr: dns.RR_Header{Name: "_tandem._tcp.local.", Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 100}, Ptr: name,
	}}
	fading := known.Copy()
	fading.Answer[0].Header().Ttl = 50
	probe := new(dns.Msg)
	probe.SetQuestion(name, dns.TypeANY)
	probe.Ns = []dns.RR{&dns.SRV{
		Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeSRV, Class: dns.ClassINET, Ttl: 120}, Port: 1, Target: "other.local.",
	}}
	for name, c := range map[string]struct {
		pause  time.Duration // since the last answer
		data   []byte
		within time.Duration // 0 means never
	}{
		"question":                {10 * time.Second, pack(t, question), time.Millisecond},
		"question soon after":     {300 * time.Millisecond, pack(t, question), 700 * time.Millisecond},
		"asked by one who knows":  {10 * time.Second, pack(t, known), 0},
		"who knows, but not long": {10 * time.Second, pack(t, fading), time.Millisecond},
		"probe for the name":      {300 * time.Millisecond, pack(t, probe), time.Millisecond},
		"claim of a lower host":   {10 * time.Second, claim(t, "a", "aaa", "192.0.2.66"), time.Millisecond},
		"claim of a higher host":  {10 * time.Second, claim(t, "a", "zzz", "192.0.2.66"), 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				net := &lan{}
				a := advertise(t, net.machine(2), till("a"))
				time.Sleep(time.Minute)
				inject(net, pack(t, question), neighbour)
				time.Sleep(c.pause)
				before := net.count()
				inject(net, c.data, neighbour)
				time.Sleep(c.within - time.Microsecond)
				early := net.count() - before - 1
				time.Sleep(2 * time.Microsecond)
				synctest.Wait()
				if c.within == 0 {
					time.Sleep(5 * time.Second)
				}
				answers := net.count() - before - 1
				if (answers > 0) != (c.within > 0) || c.within > time.Millisecond && c.within < time.Second && early > 0 {
					t.Errorf("%d answers, %d of them early", answers, early)
				}
				if renamed := a.Name() != "a"; renamed != (name == "claim of a higher host") {
					t.Errorf("the name is %q", a.Name())
				}
			})
		})
	}
}

// FuzzPackets gives the same packet to peers that probe, serve and browse.
func FuzzPackets(f *testing.F) {
	f.Add(claim(f, "a", "h", "192.0.2.66"))
	f.Add(claim(f, "Till", "zz", "192.0.2.66", "db=x", "tls=0"))
	query := new(dns.Msg)
	query.SetQuestion("Till._tandem._tcp.local.", dns.TypeANY)
	f.Add(pack(f, query))
	f.Fuzz(func(t *testing.T, data []byte) {
		testsize.Bubble(t, func(t *testing.T) {
			net := &lan{}
			b := browse(t, net.machine(1))
			served := advertise(t, net.machine(2), till("Till"))
			time.Sleep(3 * time.Second)
			advertise(t, net.machine(3), till("other"))
			fuzzing.Within(t, 4<<20, func() { // with all that the three tell each other meanwhile
				inject(net, data, neighbour)
				time.Sleep(3 * time.Second)
			})
			if list := names(b); !strings.Contains(list, served.Name()) {
				t.Errorf("the browser has %q, and lost %q", list, served.Name())
			}
		})
	})
}
