package tandem_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

// uniqueName is a name that no other test run on this network has.
func uniqueName(what string) string {
	return fmt.Sprintf("tandem test %s %d-%d", what, os.Getpid(), time.Now().UnixNano()%1_000_000)
}

func advertised(name string) func(*tandem.URLEndpointListenerConfiguration) {
	return func(c *tandem.URLEndpointListenerConfiguration) { c.Advertise = name }
}

// withMulticast skips a test where the loopback interface does not carry multicasts.
func withMulticast(t *testing.T) context.Context {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is sure to carry multicasts on its loopback interface")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	browser, err := tandem.BrowsePeers(ctx)
	if err != nil {
		t.Skip("no multicast here: ", err)
	}
	check(t, browser.Close())
	return ctx
}

// N-15: by host name, by IPv4 and by IPv6 address, without discovery.
func TestKnownPeersAreReachedDirectly(t *testing.T) {
	inFolders(t, "the name of the folder")
	coll := newCollection(t)
	put(t, coll, "theirs", `{"of":"the listener"}`)
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{coll}, IdentityStore: tandem.MemoryIdentityStore(),
	})
	check(t, err)
	check(t, l.Start())
	t.Cleanup(l.Stop)
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		if host == "[::1]" && !hasIPv6() {
			continue
		}
		url := fmt.Sprintf("wss://%s:%d/test", host, l.Port())
		_, err := attempt(t, url, pinned(l.TLSIdentity().Leaf().Raw))
		wantSynced(t, url, coll, err)
	}
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

// N-18
func TestThePortIsTheTrueOne(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	port := uint16(probe.Addr().(*net.TCPAddr).Port)
	check(t, probe.Close())
	for _, configured := range []uint16{0, port} {
		l, _ := share(t, func(c *tandem.URLEndpointListenerConfiguration) { c.Port = configured })
		if got := l.Port(); got == 0 || configured != 0 && got != configured {
			t.Errorf("configured %d: the port is %d", configured, got)
		}
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", l.Port()))
		check(t, err)
		_ = conn.Close()
	}
}

// N-16, R-02: found by name, pinned by fingerprint, and in sync; gone when it stops.
func TestAnAdvertisedListenerIsFound(t *testing.T) {
	inFolders(t, "the name of the folder")
	ctx := withMulticast(t)
	name := uniqueName("found")
	l, theirs := share(t, advertised(name))
	peer, err := tandem.FindPeer(ctx, name, nil)
	check(t, err)
	if peer.Fingerprint != l.TLSIdentity().Fingerprint() || peer.Database != "test" || peer.Port != l.Port() ||
		peer.Insecure || len(peer.Protocols) == 0 || l.AdvertisedName() != name {
		t.Errorf("found %+v", peer)
	}
	if urls := peer.URLs(); len(urls) != 1 || !strings.HasPrefix(urls[0], "wss://127.0.0.1:") {
		t.Errorf("found at %q, want the address that the listener is bound to", urls)
	}
	syncWithPeer(t, ctx, peer)
	wantSynced(t, "with the peer", theirs, nil)

	browser, err := tandem.BrowsePeers(ctx)
	check(t, err)
	defer browser.Close()
	wantPeer(t, browser, name, func(e tandem.DiscoveryEvent) bool { return e.Change == tandem.PeerAppeared })
	next := newIdentity(t, "next")
	check(t, l.SetTLSIdentity(next))
	wantPeer(t, browser, name, func(e tandem.DiscoveryEvent) bool {
		return e.Change != tandem.PeerVanished && e.Peer.Fingerprint == next.Fingerprint()
	})
	l.Stop()
	wantPeer(t, browser, name, func(e tandem.DiscoveryEvent) bool { return e.Change == tandem.PeerVanished })
	if l.AdvertisedName() != "" {
		t.Error("a stopped listener is advertised")
	}
}

func syncWithPeer(t *testing.T, ctx context.Context, peer tandem.DiscoveredPeer) {
	t.Helper()
	ours := newCollection(t)
	put(t, ours, "ours", `{"of":"the replicator"}`)
	cfg, err := tandem.ReplicatorConfigurationForPeer(ctx, peer, ours)
	check(t, err)
	r, err := tandem.NewReplicator(cfg)
	check(t, err)
	t.Cleanup(r.Close)
	check(t, r.Start())
	check(t, r.Wait(ctx))
	wantBody(t, ours, "theirs", `{"of":"the listener"}`)
}

// wantPeer reads events until one of the peer's is what is wanted.
func wantPeer(t *testing.T, b *tandem.PeerBrowser, name string, wanted func(tandem.DiscoveryEvent) bool) {
	t.Helper()
	for event := range b.Events() {
		if event.Peer.Name == name && wanted(event) {
			return
		}
	}
	t.Fatal("the event does not come")
}

// N-16: of two listeners of one name, the second gets a number; both are found.
func TestTwoListenersOfOneName(t *testing.T) {
	ctx := withMulticast(t)
	name := uniqueName("twice")
	one, _ := share(t, advertised(name))
	_, err := tandem.FindPeer(ctx, name, nil)
	check(t, err)
	two, _ := share(t, advertised(name))
	eventually(t, func() bool { return two.AdvertisedName() == name+" (2)" })
	peer, err := tandem.FindPeer(ctx, name+" (2)", nil)
	check(t, err)
	if peer.Port != two.Port() || one.AdvertisedName() != name {
		t.Errorf("found port %d, want %d; the first is %q", peer.Port, two.Port(), one.AdvertisedName())
	}
}

// A listener that cannot be advertised does not start.
func TestNamesThatCannotBeAdvertised(t *testing.T) {
	for _, name := range []string{strings.Repeat("x", 64), "a\nb", "\xff"} {
		l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
			Collections: []*tandem.Collection{newCollection(t)}, NetworkInterface: "127.0.0.1",
			IdentityStore: tandem.MemoryIdentityStore(), Advertise: name,
		})
		if err == nil {
			err = l.Start()
		}
		wantError(t, fmt.Sprintf("%q", name), err, tandem.ErrInvalid)
		if l != nil && (l.Port() != 0 || l.URLs() != nil || l.TLSIdentity() != nil) {
			t.Errorf("%q: something is left of the start", name)
		}
	}
}

// What a peer tells is a claim: a wrong fingerprint, or clear text, leads to no connection.
func TestClaimsOfPeersAreChecked(t *testing.T) {
	l, theirs := share(t)
	peer := tandem.DiscoveredPeer{
		Name: "till", Database: "test", Port: l.Port(), Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		Fingerprint: newIdentity(t, "another").Fingerprint(),
	}
	cfg, err := tandem.ReplicatorConfigurationForPeer(t.Context(), peer, newCollection(t))
	check(t, err)
	r, err := tandem.NewReplicator(cfg)
	check(t, err)
	t.Cleanup(r.Close)
	check(t, r.Start())
	wantRefused(t, "another fingerprint", theirs, r.Wait(t.Context()), tandem.ErrCertUnknownRoot)

	insecure, lost, list := peer, peer, peer
	insecure.Insecure, lost.Addrs, list.Fingerprint = true, nil, ""
	_, err = tandem.ReplicatorConfigurationForPeer(t.Context(), insecure, newCollection(t))
	wantError(t, "clear text", err, tandem.ErrInvalid)
	_, err = tandem.ReplicatorConfigurationForPeer(t.Context(), lost, newCollection(t))
	wantError(t, "no address", err, tandem.ErrUnknownHost)
	cfg, err = tandem.ReplicatorConfigurationForPeer(t.Context(), list, newCollection(t))
	check(t, err)
	if cfg.PinnedServerFingerprint != "" || cfg.AcceptOnlySelfSignedServerCertificate {
		t.Error("without a fingerprint the trust is not the usual one")
	}
}

// The first address that answers is taken, the best one if none does.
func TestTheAddressThatAnswersIsTaken(t *testing.T) {
	l, _ := share(t)
	dead, alive := netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("127.0.0.1")
	peer := tandem.DiscoveredPeer{Name: "till", Database: "test", Port: l.Port(), Addrs: []netip.Addr{dead, alive}}
	cfg, err := tandem.ReplicatorConfigurationForPeer(t.Context(), peer)
	check(t, err)
	if got, want := cfg.Endpoint.String(), peer.URLs()[1]; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	l.Stop()
	cfg, err = tandem.ReplicatorConfigurationForPeer(t.Context(), peer)
	check(t, err)
	if got, want := cfg.Endpoint.String(), peer.URLs()[0]; got != want {
		t.Errorf("with nobody there: got %s, want %s", got, want)
	}
}

// N-16: a list of known peers does without a network.
func TestPeersOutOfAList(t *testing.T) {
	l, theirs := share(t)
	text := fmt.Sprintf("# the tills\n\ntill-7 %s %s\n", l.URLs()[0], l.TLSIdentity().Fingerprint())
	known, err := tandem.ParsePeers(strings.NewReader(text))
	check(t, err)
	peer, err := tandem.FindPeer(t.Context(), "till-7", known)
	check(t, err)
	syncWithPeer(t, t.Context(), peer)
	wantSynced(t, "with the peer", theirs, nil)
	_, err = tandem.ParsePeers(strings.NewReader("till-7\n"))
	wantError(t, "no URL", err, tandem.ErrInvalid)
}

func TestAPeerThatIsNotThereIsNotFound(t *testing.T) {
	withMulticast(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := tandem.FindPeer(ctx, uniqueName("nobody"), nil)
	wantError(t, "nobody", err, tandem.ErrUnknownHost)
}

// N-16, N-17: two processes with no address given, started in either order, on one machine and
// in two networks with a cable between them.
func TestTwoProcessesFindEachOtherAndSync(t *testing.T) {
	inFolders(t, "networks of their own")
	if role := os.Getenv(roleVariable); role != "" {
		play(t, role)
		return
	}
	withMulticast(t)
	t.Run("one machine", func(t *testing.T) { meet(t, []string{}, []string{}) })
	t.Run("two networks", func(t *testing.T) {
		one, two := cable(t)
		meet(t, []string{"ip", "netns", "exec", one}, []string{"ip", "netns", "exec", two})
	})
}

// play is the part of a child: "listen NAME" or "find NAME".
func play(t *testing.T, role string) {
	part, name, _ := strings.Cut(role, " ")
	if part == "find" {
		fmt.Print("looking\n")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		peer, err := tandem.FindPeer(ctx, name, nil)
		check(t, err)
		syncWithPeer(t, ctx, peer)
		fmt.Print("result: in sync\n")
		return
	}
	coll := defaultIn(t, openAt(t, filepath.Join(t.TempDir(), "test"), tandem.Options{}))
	put(t, coll, "theirs", `{"of":"the listener"}`)
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{coll}, Advertise: name, IdentityStore: tandem.MemoryIdentityStore(),
	})
	check(t, err)
	check(t, l.Start())
	fmt.Print("listening\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent closes it
	l.Stop()
	wantSynced(t, "the listener's side", coll, nil)
}

// meet runs both children in both orders; the second starts when the first is at work.
func meet(t *testing.T, listenIn, findIn []string) {
	for _, findFirst := range []bool{false, true} {
		name := uniqueName("process")
		listen, find := child(t, listenIn, "listen "+name), child(t, findIn, "find "+name)
		stdin, err := listen.StdinPipe()
		check(t, err)
		if findFirst {
			lines := begin(t, find)
			begin(t, listen)
			finish(t, find, lines)
		} else {
			begin(t, listen)
			finish(t, find, begin(t, find))
		}
		check(t, stdin.Close())
		if err := listen.Wait(); err != nil {
			t.Errorf("the listener: %v", err)
		}
	}
}

func child(t *testing.T, prefix []string, role string) *exec.Cmd {
	args := append(prefix, os.Args[0], "-test.run=^TestTwoProcessesFindEachOtherAndSync$")
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...) //nolint:gosec // ourselves
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// begin starts a child, and waits for its first line.
func begin(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("the process does not begin")
	}
	return lines
}

func finish(t *testing.T, cmd *exec.Cmd, lines *bufio.Scanner) {
	t.Helper()
	var text strings.Builder
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(text.String(), "result: in sync") {
		t.Errorf("%v: %v\n%s", cmd.Args, err, text.String())
	}
}

// cable makes two network namespaces with a cable between them, or skips the test.
func cable(t *testing.T) (one, two string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	ip, err := exec.LookPath("ip")
	if err != nil {
		t.Skip("iproute2 is not installed")
	}
	run := func(args string) {
		if out, err := exec.CommandContext(t.Context(), ip, strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("ip %s: %v %s", args, err, out)
		}
	}
	suffix := fmt.Sprint(os.Getpid() % 100_000)
	one, two = "tdma"+suffix, "tdmb"+suffix
	for _, namespace := range []string{one, two} {
		run("netns add " + namespace)
		t.Cleanup(func() { _ = exec.Command(ip, "netns", "del", namespace).Run() })
		run("-n " + namespace + " link set lo up")
	}
	run("link add v" + one + " netns " + one + " type veth peer name v" + two + " netns " + two)
	for namespace, addr := range map[string]string{one: "10.78.0.1/24", two: "10.78.0.2/24"} {
		run("-n " + namespace + " addr add " + addr + " dev v" + namespace)
		run("-n " + namespace + " link set v" + namespace + " up")
	}
	return one, two
}
