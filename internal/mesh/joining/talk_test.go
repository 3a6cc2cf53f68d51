package joining_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/joining"
)

// owner makes a key with a certificate of its own.
func owner(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// desk knows one code, and grants what it is told to.
type desk struct {
	keys   []joining.Key
	grant  joining.Grant
	mu     sync.Mutex
	joined []string
}

func (d *desk) Keys() []joining.Key { return d.keys }

func (d *desk) Grant(_ context.Context, _ joining.Key, _ *x509.Certificate, name string) *joining.Grant {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.joined = append(d.joined, name)
	return &d.grant
}

// inviter answers at an address until the test ends.
type inviter struct {
	*desk
	own     tls.Certificate
	address string
	limit   joining.Limit
	errs    chan error
}

func invites(t testing.TB, code joining.Code, change func(*tls.Config)) *inviter {
	t.Helper()
	in := &inviter{own: owner(t), errs: make(chan error, 100), desk: &desk{
		keys: []joining.Key{joining.NewCode().Key(), code.Key(), joining.NewCode().Key()}, grant: joining.Grant{Group: "tills", Now: 7},
	}}
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{joining.Protocol}, ClientAuth: tls.RequireAnyClientCert,
		Certificates: []tls.Certificate{in.own},
	}
	if change != nil {
		change(cfg)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in.address = l.Addr().String()
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			tcp, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				conn := tls.Server(tcp, cfg)
				defer conn.Close()
				if err := conn.Handshake(); err != nil {
					in.errs <- err
					return
				}
				in.errs <- joining.Answer(t.Context(), conn, in.own.Leaf, in, &in.limit, netip.MustParseAddr("127.0.0.1"))
			})
		}
	})
	return in
}

func dialled(t testing.TB, address string) net.Conn {
	t.Helper()
	tcp, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	return tcp
}

func TestWhoHasTheCodeIsGranted(t *testing.T) {
	code := joining.NewCode()
	in := invites(t, code, nil)
	grant, err := joining.Ask(t.Context(), dialled(t, in.address), owner(t), code, "till 2")
	if err != nil || grant.Ended != "" || grant.Group != "tills" || grant.Now != 7 || len(in.joined) != 1 || in.joined[0] != "till 2" {
		t.Errorf("got %+v, %v; joined %q", grant, err, in.joined)
	}
}

func TestAWrongCodeIsRefusedWithoutAReason(t *testing.T) {
	in := invites(t, joining.NewCode(), nil)
	in.grant.Ended = joining.Used // even so
	grant, err := joining.Ask(t.Context(), dialled(t, in.address), owner(t), joining.NewCode(), "")
	if err != nil || grant.Ended != joining.Refused || len(in.joined) != 0 {
		t.Errorf("got %+v, %v", grant, err)
	}
	if err := <-in.errs; !errors.Is(err, joining.ErrWrongProof) || in.limit.Wrong() != 1 {
		t.Errorf("the inviter has %v, %d wrong proofs", err, in.limit.Wrong())
	}
}

// client does the handshake as a joiner.
func client(t testing.TB, address string, own tls.Certificate) *tls.Conn {
	t.Helper()
	conn := tls.Client(dialled(t, address), &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{joining.Protocol}, Certificates: []tls.Certificate{own}, //nolint:gosec // a test
	})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Who sits in the middle has two connections, and the proofs of one are of no use on the other.
func TestAProofIsOfNoUseOnAnotherConnection(t *testing.T) {
	code, thief := joining.NewCode(), owner(t)
	in := invites(t, code, nil)
	middle := invites(t, joining.NewCode(), nil)
	stolen := make(chan []byte, 1)
	address, done := listens(t, middle.own, func(conn *tls.Conn) {
		proof, _ := joining.ProofOf(conn)
		stolen <- proof
		_ = joining.Reply(conn, []byte(`{"group":"thieves"}`), proof) // reflected
	})
	grant, err := joining.Ask(t.Context(), dialled(t, address), owner(t), code, "")
	if err != nil || grant.Ended != joining.Refused {
		t.Errorf("the joiner takes its own proof for the inviter's: %+v, %v", grant, err)
	}
	<-done
	got, theirs, err := joining.Send(client(t, in.address, thief), <-stolen)
	if err != nil || len(got)+len(theirs) != 0 || len(in.joined) != 0 {
		t.Errorf("the stolen proof opens the door: %s, %x, %v", got, theirs, err)
	}
	conn := client(t, in.address, thief) // the right code, but the proof names another key
	proof, err := joining.JoinerProof(conn, owner(t).Leaf, code.Key())
	if err != nil {
		t.Fatal(err)
	}
	got, _, _ = joining.Send(conn, proof) // it may end in silence
	if len(got) != 0 || len(in.joined) != 0 {
		t.Errorf("a proof that names another key opens the door: %s", got)
	}
}

// listens answers one connection as who shows a certificate, and closes done at its end.
func listens(t *testing.T, own tls.Certificate, answer func(*tls.Conn)) (address string, done <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tcp, err := l.Accept()
		if err != nil {
			return
		}
		conn := tls.Server(tcp, &tls.Config{
			NextProtos: []string{joining.Protocol}, ClientAuth: tls.RequireAnyClientCert, Certificates: []tls.Certificate{own},
		})
		defer conn.Close()
		answer(conn)
	}()
	return l.Addr().String(), ended
}

func TestAChangedGrantIsNotTaken(t *testing.T) {
	code := joining.NewCode()
	in := invites(t, code, nil)
	own := owner(t)
	conn := client(t, in.address, own)
	proof, err := joining.JoinerProof(conn, own.Leaf, code.Key())
	if err != nil {
		t.Fatal(err)
	}
	grant, theirs, err := joining.Send(conn, proof)
	if err != nil || len(grant) == 0 || len(theirs) != 32 || bytes.Equal(proof, theirs) {
		t.Fatalf("got %s, %x, %v", grant, theirs, err)
	}
	// What one joiner was granted is of no use for another one.
	address, done := listens(t, in.own, func(conn *tls.Conn) {
		_, _ = joining.ProofOf(conn)
		_ = joining.Reply(conn, grant, theirs)
	})
	taken, err := joining.Ask(t.Context(), dialled(t, address), owner(t), code, "")
	if err != nil || taken.Ended != joining.Refused {
		t.Errorf("a grant of another connection is taken: %+v, %v", taken, err)
	}
	<-done
}

func TestOlderTLSAndOtherProtocolsAreRefused(t *testing.T) {
	code := joining.NewCode()
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.2":          func(c *tls.Config) { c.MinVersion, c.MaxVersion = 0, tls.VersionTLS12 },
		"no protocol":      func(c *tls.Config) { c.NextProtos = nil },
		"another protocol": func(c *tls.Config) { c.NextProtos = []string{"h2"} },
	} {
		in := invites(t, code, change)
		if grant, err := joining.Ask(t.Context(), dialled(t, in.address), owner(t), code, ""); err == nil {
			t.Errorf("%s: got %+v", name, grant)
		}
		if len(in.joined) > 0 {
			t.Errorf("%s: somebody has joined", name)
		}
	}
	in := invites(t, code, nil)
	old := tls.Client(dialled(t, in.address), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}) //nolint:gosec // a test
	if old.Handshake() == nil {
		t.Error("the inviter speaks TLS 1.2")
	}
}

// Ten minutes of rubbish from many addresses are answered ten times a second at most, and once for
// an address; a right proof asks nobody.
func TestRubbishIsAnsweredSeldom(t *testing.T) {
	var limit joining.Limit
	now, answered, of := time.Unix(1e9, 0), 0, make(map[netip.Addr]int)
	for range 600 * 100 { // in ten minutes
		now = now.Add(10 * time.Millisecond)
		for i := range 20 {
			from := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			if limit.Allow(now, from) {
				answered++
				of[from]++
			}
		}
	}
	if answered > 6010 || answered < 5900 {
		t.Errorf("%d answers in ten minutes, want ten a second", answered)
	}
	for from, n := range of {
		if n > 601 {
			t.Errorf("%s has %d answers, want one a second", from, n)
		}
	}
	if limit.Wrong() != 600*100*20 {
		t.Errorf("%d wrong proofs are counted", limit.Wrong())
	}
}

func TestTheRightDeviceJoinsAmongRubbish(t *testing.T) {
	code := joining.NewCode()
	in := invites(t, code, nil)
	in.errs = make(chan error, 10_000)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		rubbish := owner(t)
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				tcp, err := net.Dial("tcp", in.address)
				if err != nil {
					return
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_, _ = joining.Ask(ctx, tcp, rubbish, joining.NewCode(), strings.Repeat("x", 2000))
				cancel()
			}
		})
	}
	for range 5 {
		grant, err := joining.Ask(t.Context(), dialled(t, in.address), owner(t), code, "till 2")
		if err != nil || grant.Ended != "" {
			t.Errorf("got %+v, %v", grant, err)
		}
	}
	close(stop)
	all.Wait()
}

func TestMessagesAreBounded(t *testing.T) {
	huge := binary.BigEndian.AppendUint32(nil, 1<<31)
	if err := joining.ReadRequest(bytes.NewReader(huge)); err == nil {
		t.Error("a request of 2 GiB is read")
	}
	if err := joining.ReadAnswer(bytes.NewReader(huge)); err == nil {
		t.Error("an answer of 2 GiB is read")
	}
	if err := joining.ReadRequest(bytes.NewReader([]byte{0, 0, 0, 9, '{', '}'})); err == nil {
		t.Error("half a request is read")
	}
}

func FuzzMessages(f *testing.F) {
	text, err := json.Marshal(map[string]any{"proof": []byte("x"), "name": "till"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = joining.ReadRequest(bytes.NewReader(data))
		_ = joining.ReadAnswer(bytes.NewReader(data))
	})
}

// Each part of a proof changes it: the connection, both keys, the grant, and who sends it.
func TestAProofIsOverAllItsParts(t *testing.T) {
	key := joining.NewCode().Key()
	ours, theirs := joining.Proofs(key, 1, 2, 3, "grant")
	for name, other := range map[string][4]any{
		"connection": {byte(9), byte(2), byte(3), "grant"}, "joiner": {byte(1), byte(9), byte(3), "grant"},
		"inviter": {byte(1), byte(2), byte(9), "grant"}, "grant": {byte(1), byte(2), byte(3), "grants"},
	} {
		a, b := joining.Proofs(key, other[0].(byte), other[1].(byte), other[2].(byte), other[3].(string))
		if bytes.Equal(theirs, b) || name != "grant" && bytes.Equal(ours, a) {
			t.Errorf("another %s has the same proof", name)
		}
	}
	if bytes.Equal(ours, joining.BareProof(key, 1, 2, 3)) {
		t.Error("the proof of one end is that of the other")
	}
}
