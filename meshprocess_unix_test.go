//go:build unix

package tandem_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// processFolder names the folder of a member that is a process of its own.
const processFolder = "TANDEM_TEST_MEMBER"

// A memberProcess is a member in a process of its own: this program once more, which takes commands and
// tells what happens, a line each.
type memberProcess struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser

	mu   sync.Mutex
	news *sync.Cond
	said map[string][]string // the last words after each first word
}

// folderFor returns a folder with the identity of a member.
func folderFor(t *testing.T, a *groupOwner, name string) string {
	t.Helper()
	dir := t.TempDir()
	key, err := a.identity(name, testGroup).ExportPEM("")
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "key.pem"), key, 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "root.pem"), a.issuer.CertificatesPEM(), 0o600))
	return dir
}

// startProcess starts a member that has so many documents of its own more than its folder has, and tells when it has all.
func startProcess(t *testing.T, dir, name string, own, all int) *memberProcess {
	t.Helper()
	p := &memberProcess{name: name, said: make(map[string][]string)}
	p.news = sync.NewCond(&p.mu)
	p.cmd = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMeshOfProcesses$") //nolint:gosec // this program
	p.cmd.Env = append(append(os.Environ(), storetest.Environment(t)...), processFolder+"="+dir, fmt.Sprintf("TANDEM_TEST_DOCUMENTS=%s %d %d", name, own, all))
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	check(t, err)
	p.in = in
	out, err := p.cmd.StdoutPipe()
	check(t, err)
	check(t, p.cmd.Start())
	var reading sync.WaitGroup
	reading.Go(func() { p.read(out) })
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended, unless the test has failed
		reading.Wait()
		_ = p.cmd.Wait()
	})
	return p
}

func (p *memberProcess) read(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		p.mu.Lock()
		p.said[words[0]] = words[1:]
		p.news.Broadcast()
		p.mu.Unlock()
	}
	p.mu.Lock()
	p.said["ended"] = []string{"yes"}
	p.news.Broadcast()
	p.mu.Unlock()
}

// hear waits until the process has said a word for which ok holds, and returns what follows it.
func (p *memberProcess) hear(t *testing.T, word string, ok func(rest []string) bool) []string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if rest := p.said[word]; rest != nil && (ok == nil || ok(rest)) {
			return rest
		}
		if p.said["ended"] != nil {
			t.Fatalf("the process of %s has ended", p.name)
		}
		p.news.Wait()
	}
}

func (p *memberProcess) tell(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		t.Fatalf("tell %s: %v", p.name, err)
	}
}

// ask tells the process something, and returns the numbers that it answers.
func (p *memberProcess) ask(t *testing.T, word string) (numbers []int64) {
	t.Helper()
	p.mu.Lock()
	delete(p.said, word)
	p.mu.Unlock()
	p.tell(t, "%s", word)
	for _, text := range p.hear(t, word, nil) {
		n, err := strconv.ParseInt(text, 10, 64)
		check(t, err)
		numbers = append(numbers, n)
	}
	return numbers
}

// end ends the process, and returns its peak memory in bytes and the time that it has computed.
func (p *memberProcess) end(t *testing.T) (peak int64, worked time.Duration) {
	t.Helper()
	p.tell(t, "end")
	check(t, p.cmd.Wait())
	used, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("the system does not tell what a process has used")
	}
	peak = used.Maxrss
	if runtime.GOOS != "darwin" {
		peak <<= 10 // in kB elsewhere
	}
	return peak, p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// runMember is such a process.
func runMember(t *testing.T, dir string) {
	var name string
	var own, all int
	_, err := fmt.Sscan(os.Getenv("TANDEM_TEST_DOCUMENTS"), &name, &own, &all)
	check(t, err)
	coll := defaultIn(t, openAt(t, filepath.Join(dir, name), tandem.Options{}))
	check(t, coll.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		for j := range own {
			if err := b.Save(coll, newDocument(t, fmt.Sprintf("doc-%s-%d", name, j), body(0, j))); err != nil {
				return err
			}
		}
		return nil
	}))
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	have, err := coll.Count(t.Context())
	check(t, err)
	tellOfDocuments(t, coll, all-int(have), say) //nolint:gosec // few
	m := memberOfFiles(t, dir, name, coll)
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel()
	say("ready yes")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
		case "start":
			cfg := m.Config()
			cfg.Peers = strings.Fields(rest)
			m, err = tandem.NewMultipeerReplicator(cfg)
			check(t, err)
			defer m.AddStatusListener(func(s tandem.MultipeerStatus) { say("online %d", s.Online) }).Remove()
			check(t, m.Start())
			defer m.Close()
			say("at %s", m.Addresses()[0])
			started := m
			waiting.Go(func() {
				if started.Wait(ctx) == nil {
					say("idle yes")
					say("third yes") // there may be nothing left to come
				}
			})
		case "save":
			begun := time.Now().UnixNano()
			save(t, coll, rest, `{"n":1}`)
			say("saved %s %d", rest, begun)
		case "usage":
			say("usage %d %d %d", processorTime(t), m.Status().Progress.BytesSent, m.Status().Progress.Pull.Bytes)
		case "end":
			return
		}
	}
}

// tellOfDocuments says when a third of the missing documents and all of them have come, and each change.
func tellOfDocuments(t *testing.T, coll *tandem.Collection, missing int, say func(string, ...any)) {
	t.Helper()
	arrived := make(map[string]bool)
	_, err := coll.AddChangeListener(t.Context(), func(c tandem.CollectionChange) {
		now := time.Now().UnixNano()
		for _, id := range c.DocumentIDs {
			if strings.HasPrefix(id, "change-") {
				say("%s %d", id, now)
			} else if !arrived[id] {
				arrived[id] = true
				if len(arrived) == (missing+2)/3 {
					say("third %d", now)
				}
				if len(arrived) == missing {
					say("complete %d", now)
				}
			}
		}
	})
	check(t, err)
}

func memberOfFiles(t *testing.T, dir, name string, coll *tandem.Collection) *tandem.MultipeerReplicator {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	check(t, err)
	id, err := tandem.IdentityFromPEM(key, "")
	check(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "root.pem"))
	check(t, err)
	block, _ := pem.Decode(text)
	root, err := x509.ParseCertificate(block.Bytes)
	check(t, err)
	m, err := tandem.NewMultipeerReplicator(tandem.MultipeerReplicatorConfiguration{
		PeerGroupID: testGroup, Identity: id, Authenticator: tandem.MultipeerRoots(root), Name: name,
		Collections:      []tandem.MultipeerCollectionConfiguration{{Collection: coll}},
		NetworkInterface: "127.0.0.1", DisableDiscovery: true,
	})
	check(t, err)
	return m
}
