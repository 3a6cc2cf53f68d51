package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

//nolint:gochecknoglobals // flags of the test binary
var (
	killRounds = flag.Int("kill.rounds", 0, "how often to kill peers in mid-sync; 0 for as often as the size of the tests says")
	killSeed   = flag.Uint64("kill.seed", 1, "what happens in the rounds")
)

// TestKilledPeersLoseNothing kills a serving process, a replicating one and one that imports, at
// random and in mid-work, and starts them again. In the end both databases are sound and the
// same, and have every edit that was acknowledged, in both versionings. Hundreds of kills:
//
//	go test ./cmd/tandem -run TestKilledPeers -kill.rounds 300 -kill.seed 7
func TestKilledPeersLoseNothing(t *testing.T) {
	for _, versioning := range []tandem.Versioning{tandem.VersionVectors, tandem.RevTrees} {
		t.Run(string(versioning), func(t *testing.T) { killPeers(t, versioning) })
	}
}

func killPeers(t *testing.T, versioning tandem.Versioning) {
	k := newKilling(t, versioning, *killSeed)
	rounds := cmp.Or(*killRounds, testsize.Pick(2, 10))
	for k.round = range rounds {
		k.runRound()
	}
	kills := k.kills
	k.finish()
	t.Logf("seed %d: %d rounds, %d processes killed, %d edits acknowledged", *killSeed, rounds, kills, k.edits)
	if kills < rounds {
		t.Errorf("only %d processes were killed in %d rounds", kills, rounds)
	}
}

// killing is the two peers and what is known about them.
type killing struct {
	t          *testing.T
	versioning tandem.Versioning
	random     *rand.Rand

	dir    string
	url    string
	served *killedPeer
	client *killedPeer
	round  int
	kills  int
	edits  int
}

// killedPeer is a database that this process writes to while others serve or replicate it.
type killedPeer struct {
	name    string
	path    string
	command []string
	ready   *regexp.Regexp // what the command writes when it works; nil if it does not say
	process *proc
	db      *tandem.Database
	coll    *tandem.Collection
	acked   map[string]string // by document, the body that was saved last; only of its own documents
}

func newKilling(t *testing.T, versioning tandem.Versioning, seed uint64) *killing {
	k := &killing{
		t: t, versioning: versioning, random: rand.New(rand.NewPCG(seed, 5)), //nolint:gosec // reproducible on purpose
		dir: t.TempDir(),
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address) // it is one: the listener said so
	k.url = "ws://" + address + "/served"
	k.served = k.newPeer("served", "serve", "DB", "--no-tls", "--interface", "127.0.0.1", "--port", port, "--delta")
	k.served.ready = regexp.MustCompile("(?m)^listening ")
	k.client = k.newPeer("client", "sync", "DB", k.url, "--continuous")
	return k
}

// freeAddress returns an address that nobody listens at, and that so soon nobody else is given.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (k *killing) newPeer(name string, command ...string) *killedPeer {
	p := &killedPeer{
		name: name, path: filepath.Join(k.dir, name+".tandem"), command: command,
		acked: make(map[string]string),
	}
	p.command[1] = p.path
	db, err := tandem.Open(k.t.Context(), p.path, tandem.Options{Versioning: k.versioning})
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			k.t.Error(err)
		}
	})
	p.db = db
	if p.coll, err = db.DefaultCollection(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	return p
}

// runRound lets the peers work and kills some of the processes at a random edit.
func (k *killing) runRound() {
	k.start(k.served)
	k.start(k.client)
	if k.random.IntN(4) > 0 { // sometimes kill one that is still starting
		k.awaitReady(k.served)
	}
	importing := k.startImport()
	k.work(1 + k.random.IntN(30))
	if k.random.IntN(2) == 0 {
		k.awaitSync()
		k.work(1 + k.random.IntN(10))
	}
	k.kill(importing)
	switch k.random.IntN(3) {
	case 0:
		k.kill(k.served.process)
	case 1:
		k.kill(k.client.process)
	case 2:
		k.kill(k.served.process)
		k.kill(k.client.process)
	}
	for _, p := range []*killedPeer{k.served, k.client} {
		if problems, err := p.db.Check(k.t.Context()); err != nil || len(problems) > 0 {
			k.t.Errorf("round %d: %s is not sound: %v, %v", k.round, p.name, problems, err)
		}
	}
}

// start starts p's process unless it runs.
func (k *killing) start(p *killedPeer) {
	if p.process != nil {
		select {
		case <-p.process.ended:
		default:
			return
		}
	}
	p.process = k.launch(p.command...)
}

func (k *killing) launch(args ...string) *proc {
	c := exec.CommandContext(context.WithoutCancel(k.t.Context()), "tandem", args...) //nolint:gosec // ours
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "TANDEM_IDENTITIES="+filepath.Join(k.dir, "identities"))
	return k.run(c)
}

// run starts a command, which ends with the test at the latest.
func (k *killing) run(c *exec.Cmd) *proc {
	p := &proc{cmd: c, ended: make(chan struct{})}
	c.Stdout, c.Stderr = &p.output, &p.output
	if err := c.Start(); err != nil {
		k.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.err = c.Wait()
	}()
	k.t.Cleanup(func() {
		_ = c.Process.Kill()
		<-p.ended
	})
	return p
}

func (k *killing) awaitReady(p *killedPeer) {
	if _, ok := p.process.output.wait(p.ready, p.process.ended); !ok {
		k.t.Fatalf("round %d: %s does not get ready; it wrote:\n%s", k.round, p.name, p.process.output.String())
	}
}

// kill ends a process as the kernel does, and counts it if it was still alive.
func (k *killing) kill(p *proc) {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.ExitCode() < 0 {
		k.kills++
	} else if p.err != nil {
		k.t.Errorf("round %d: %v ended by itself with %v; it wrote:\n%s", k.round, p.cmd.Args, p.err, p.output.String())
	}
}

// startImport has another process write to one of the databases.
func (k *killing) startImport() *proc {
	var lines bytes.Buffer
	for i := range 500 {
		fmt.Fprintf(&lines, `{"_id":"import%d","round":%d,"text":%q}`+"\n", i, k.round, strings.Repeat("word ", i%40))
	}
	file := filepath.Join(k.dir, "import.jsonl")
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return k.launch("import", k.oneOf().path, file)
}

func (k *killing) oneOf() *killedPeer {
	if k.random.IntN(2) == 0 {
		return k.served
	}
	return k.client
}

// work makes edits on either side: of documents of its own, and of some that both edit.
func (k *killing) work(edits int) {
	for range edits {
		p := k.oneOf()
		id := fmt.Sprintf("%s%d", p.name, k.random.IntN(40))
		switch shared := fmt.Sprintf("both%d", k.random.IntN(10)); k.random.IntN(15) {
		case 0:
			k.delete(p, shared)
			continue
		case 1, 2:
			k.put(p, shared)
			continue
		}
		p.acked[id] = k.put(p, id)
	}
}

// put saves a new body and returns it; now and then it has a blob.
func (k *killing) put(p *killedPeer, id string) string {
	k.edits++
	doc := tandem.NewDocument(id)
	body := fmt.Sprintf(`{"edit":%d,"text":%q}`, k.edits, strings.Repeat("text ", k.random.IntN(200)))
	if err := doc.SetBody([]byte(body)); err != nil {
		k.t.Fatal(err)
	}
	if k.random.IntN(8) == 0 {
		content := bytes.Repeat(fmt.Appendf(nil, "content %d,", k.edits), 1+k.random.IntN(50_000))
		if err := doc.SetBlob("blob", tandem.NewBlob("text/plain", content)); err != nil {
			k.t.Fatal(err)
		}
	}
	if err := p.coll.Save(k.t.Context(), doc); err != nil {
		k.t.Fatal(err)
	}
	return string(doc.Body())
}

func (k *killing) delete(p *killedPeer, id string) {
	err := p.coll.Delete(k.t.Context(), tandem.NewDocument(id))
	if err != nil && !errors.Is(err, tandem.ErrNotFound) {
		k.t.Fatal(err)
	}
}

// awaitSync waits until an edit on one side has reached the other.
func (k *killing) awaitSync() {
	from, to := k.served, k.client
	if k.random.IntN(2) == 0 {
		from, to = to, from
	}
	k.awaitReady(k.served)
	id := from.name + "-marker"
	body := k.put(from, id)
	from.acked[id] = body
	ctx, cancel := context.WithTimeoutCause(k.t.Context(), timeout, errors.New("the edit does not arrive"))
	defer cancel()
	for change, err := range to.coll.FollowChanges(ctx, 0) {
		if err != nil {
			k.t.Fatalf("round %d: %s to %s: %v; the client wrote:\n%s", k.round, from.name, to.name, err,
				k.client.process.output.String())
		}
		if change.ID != id {
			continue
		}
		if doc, err := to.coll.Document(ctx, id); err == nil && string(doc.Body()) == body {
			return
		}
	}
	k.t.Fatalf("round %d: the marker from %s does not reach %s (%v); the client wrote:\n%s", k.round, from.name, to.name,
		context.Cause(ctx), k.client.process.output.String())
}

// finish syncs to the end and compares.
func (k *killing) finish() {
	k.kill(k.client.process)
	k.start(k.served)
	k.awaitReady(k.served)
	k.tandem("sync", k.client.path, k.url, "--timeout", "60s")
	k.served.process.interrupt()
	select {
	case <-k.served.process.ended:
	case <-time.After(timeout):
		k.t.Fatalf("serve does not end; it wrote:\n%s", k.served.process.output.String())
	}
	for _, p := range []*killedPeer{k.served, k.client} {
		k.tandem("check", p.path)
	}
	served, client := k.export(k.served), k.export(k.client)
	if !maps.Equal(served, client) {
		k.t.Errorf("the databases differ: %s", difference(served, client))
	}
	for _, p := range []*killedPeer{k.served, k.client} {
		k.checkAcknowledged(p, served)
	}
}

func (k *killing) checkAcknowledged(p *killedPeer, got map[string]string) {
	for id, body := range p.acked {
		if want := "," + body[1:]; !strings.HasSuffix(got[id], want) {
			k.t.Errorf("%s: got %.200s, want %.200s", id, got[id], want)
		}
	}
}

// tandem runs a command that has to succeed.
func (k *killing) tandem(args ...string) []byte {
	k.t.Helper()
	p := k.launch(args...)
	<-p.ended
	if p.err != nil {
		k.t.Fatalf("tandem %v: %v\n%s", args, p.err, p.output.String())
	}
	return []byte(p.output.String())
}

// export maps the IDs of p's documents to what they are, but for the sequence, which is p's own.
func (k *killing) export(p *killedPeer) map[string]string {
	sequence := regexp.MustCompile(`,"_seq":\d+`)
	all := make(map[string]string)
	lines := bufio.NewScanner(bytes.NewReader(k.tandem("export", p.path, "--meta")))
	for lines.Scan() {
		var meta struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &meta); err != nil {
			k.t.Fatal(err)
		}
		if _, twice := all[meta.ID]; twice {
			k.t.Errorf("%s has %s twice", p.name, meta.ID)
		}
		all[meta.ID] = sequence.ReplaceAllString(lines.Text(), "")
	}
	return all
}

// difference tells of one document that is not the same in both.
func difference(a, b map[string]string) string {
	for id := range a {
		if a[id] != b[id] {
			return fmt.Sprintf("%s is\n%.300s\nand\n%.300s", id, a[id], b[id])
		}
	}
	for id := range b {
		if a[id] == "" {
			return fmt.Sprintf("%s is only in the second", id)
		}
	}
	return "nowhere"
}
