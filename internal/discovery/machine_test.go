package discovery_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/discovery"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
)

func loopback(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Skip("no network interfaces: ", err)
	}
	at := slices.IndexFunc(all, func(i net.Interface) bool {
		return i.Flags&(net.FlagLoopback|net.FlagUp) == net.FlagLoopback|net.FlagUp
	})
	if at < 0 {
		t.Skip("no loopback interface is up")
	}
	return all[at].Name
}

// N-16: over true sockets on the loopback interface.
func TestPeersOfOneMachineFindEachOther(t *testing.T) {
	opts := discovery.Options{Interfaces: []string{loopback(t)}}
	ctx, cancel := context.WithTimeout(t.Context(), testsize.Patience)
	defer cancel()
	b, err := discovery.Browse(ctx, opts)
	if err != nil {
		t.Skip("no multicast here: ", err)
	}
	defer b.Close()
	p := till("loopback test " + time.Now().String()[20:29])
	began := time.Now()
	a, err := discovery.Advertise(ctx, p, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	closed := false
	for e := range b.Events() {
		if e.Peer.Name != p.Name {
			continue
		}
		if e.Change == discovery.Vanished {
			if !closed {
				t.Error("vanished by itself")
			}
			return
		}
		t.Logf("%v after %v: %v", e.Change, time.Since(began), e.Peer.URLs())
		if !slices.Contains(e.Peer.Addrs, netip.MustParseAddr("127.0.0.1")) {
			t.Errorf("addresses are %v", e.Peer.Addrs)
		}
		if !closed {
			closed = true
			_ = a.Close()
		}
	}
	if runtime.GOOS != "linux" {
		t.Skip("this machine does not carry multicasts on its loopback interface")
	}
	t.Error("the peer did not come and go in time")
}

func TestUnknownInterfaceIsRefused(t *testing.T) {
	_, err := discovery.Browse(t.Context(), discovery.Options{Interfaces: []string{"no such thing"}})
	if f := fault.Of(err); f == nil || f.Code != fault.UnknownInterface.Code {
		t.Errorf("got %v", err)
	}
}

// N-16: two processes, each in a network of its own, with a cable between them; one has
// IPv6 only.
func TestProcessesInTwoNetworksFindEachOther(t *testing.T) {
	const role = "TANDEM_TEST_DISCOVERY"
	switch os.Getenv(role) {
	case "advertise":
		a, err := discovery.Advertise(t.Context(), till("over the cable"), discovery.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the parent closes it
		_ = a.Close()
		return
	case "find":
		ctx, cancel := context.WithTimeout(t.Context(), testsize.Patience)
		defer cancel()
		p, err := discovery.Find(ctx, "over the cable", nil, discovery.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("found " + strings.Join(p.URLs(), " ") + "\n")
		return
	}
	for name, addrs := range map[string][2][]string{
		"IPv4 and IPv6": {{"10.77.0.1/24", "fd77::1/64"}, {"10.77.0.2/24", "fd77::2/64"}},
		"IPv6 alone":    {{"fd77::1/64"}, {"fd77::2/64"}},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := cable(t, addrs)
			adv := inNetwork(t, one, role+"=advertise")
			stdin, err := adv.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := adv.Start(); err != nil {
				t.Fatal(err)
			}
			out, err := inNetwork(t, two, role+"=find").CombinedOutput()
			_ = stdin.Close()
			_ = adv.Wait()
			if err != nil || !strings.Contains(string(out), "found wss://") {
				t.Fatalf("%v\n%s", err, out)
			}
			want, _, _ := strings.Cut(addrs[0][0], "/")
			if !strings.Contains(string(out), want) {
				t.Errorf("%s is not among the URLs: %s", want, out)
			}
			t.Log(strings.SplitN(string(out), "\n", 2)[0])
		})
	}
}

// cable makes two network namespaces with a cable between them, or skips the test.
func cable(t *testing.T, addrs [2][]string) (one, two string) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("network namespaces need root on Linux")
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
	suffix := time.Now().Format("150405.000000")
	suffix = suffix[len(suffix)-6:]
	ns := [2]string{"tdm-a" + suffix, "tdm-b" + suffix}
	for _, n := range ns {
		run("netns add " + n)
		t.Cleanup(func() { _ = exec.Command(ip, "netns", "del", n).Run() })
		run("-n " + n + " link set lo up")
	}
	run("link add va" + suffix + " netns " + ns[0] + " type veth peer name vb" + suffix + " netns " + ns[1])
	for i, dev := range []string{"va" + suffix, "vb" + suffix} {
		for _, addr := range addrs[i] {
			args := "-n " + ns[i] + " addr add " + addr + " dev " + dev
			if strings.Contains(addr, ":") {
				args += " nodad"
			}
			run(args)
		}
		run("-n " + ns[i] + " link set " + dev + " up")
	}
	return ns[0], ns[1]
}

func inNetwork(t *testing.T, namespace, env string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "ip", "netns", "exec", namespace,
		os.Args[0], "-test.run=^TestProcessesInTwoNetworksFindEachOther$")
	cmd.Env = append(os.Environ(), env)
	return cmd
}
