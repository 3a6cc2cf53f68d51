//go:build unix

package tandem_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestMeshOfProcesses has a process for each member: they come to have the same documents, tell each other of changes, and
// rest. It prints what that takes.
func TestMeshOfProcesses(t *testing.T) {
	if dir := os.Getenv(processFolder); dir != "" {
		runMember(t, dir)
		return
	}
	members, each := testsize.Pick(3, 15), testsize.Pick(20, 1000)
	all := startProcesses(t, members, each)
	began := time.Now() // the start of the last one
	for _, p := range all {
		p.hear(t, "complete", nil)
	}
	figure := func(what string) string { return fmt.Sprintf("%d processes: %s", members, what) }
	testsize.Figure(t, figure(fmt.Sprintf("%d documents of each, until all agree", each)), time.Since(began), 15*time.Second)
	waitOnline(t, all)
	took := spreadChanges(t, all, testsize.Pick(3, 100))
	testsize.Figure(t, figure("a change is on all others, median"), took[len(took)/2], 50*time.Millisecond)
	testsize.Figure(t, figure("… 99th percentile"), took[len(took)*99/100], 250*time.Millisecond)

	rest := testsize.Pick(100*time.Millisecond, time.Minute)
	before := usages(t, all)
	time.Sleep(rest)
	after := usages(t, all)
	var worked, sent, copies float64
	for i := range all {
		worked = max(worked, float64(after[i][0]-before[i][0])/float64(rest.Nanoseconds())*100)
		sent = max(sent, float64(after[i][1]-before[i][1])/rest.Seconds())
		copies += float64(after[i][2]) / float64((members-1)*each*len(body(0, 0))) / float64(members)
	}
	testsize.Figure(t, figure("copies of each document that a member receives"), copies, 1.2)
	if testsize.All() {
		testsize.Figure(t, figure("at rest: bytes that one sends each second, at most"), sent, 1000)
		testsize.Figure(t, figure("at rest: processor time of one, % of a core, at most"), worked, 0.5)
	}
	endProcesses(t, all)
}

// TestMeshOfProcessesFromOneAddress has many of them know one address alone. Then a third is frozen, which falls silent: the
// system keeps the connections and answers nothing.
func TestMeshOfProcessesFromOneAddress(t *testing.T) {
	members := testsize.Pick(4, 50)
	all := startProcesses(t, members, 0)
	began := time.Now()
	waitOnline(t, all)
	testsize.Figure(t, fmt.Sprintf("%d processes that know one address see each other", members), time.Since(began), 15*time.Second)
	frozen, left := all[:members*3/10], all[members*3/10:]
	for _, p := range frozen {
		check(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	}
	took := spreadChanges(t, left, 1)
	testsize.Figure(t, fmt.Sprintf("%d of them fall silent: a change is on all others", len(frozen)), took[0], 10*time.Second)
	for _, p := range frozen {
		check(t, p.cmd.Process.Signal(syscall.SIGCONT))
	}
	waitOnline(t, all)
	endProcesses(t, all)
}

// TestMeshOutlivesKills kills a member in the middle of a sync, again and again, and then has it end: it has all documents,
// deletions and blobs, each sound.
func TestMeshOutlivesKills(t *testing.T) {
	a := newGroupOwner(t)
	from, to := folderFor(t, a, "host"), folderFor(t, a, "guest")
	documents, kills := testsize.Pick(300, 3000), testsize.Pick(2, 6)
	db := openAt(t, filepath.Join(from, "host"), tandem.Options{})
	coll := defaultIn(t, db)
	for j := range documents {
		doc := newDocument(t, fmt.Sprintf("doc-%d", j), body(0, j))
		if j%10 == 0 {
			check(t, doc.SetBlob("blob", tandem.NewBlob("text/plain", bytes.Repeat([]byte(doc.ID()), 2000))))
		}
		check(t, coll.Save(t.Context(), doc))
		if j%10 == 5 {
			check(t, coll.Delete(t.Context(), doc))
		}
	}
	left, err := coll.Count(t.Context())
	check(t, err)
	check(t, db.Close())
	host := startProcess(t, from, "host", 0, documents)
	host.hear(t, "ready", nil)
	host.tell(t, "start")
	at := host.hear(t, "at", nil)[0]
	for i := range kills + 1 {
		guest := startProcess(t, to, "guest", 0, int(left)) //nolint:gosec // few
		guest.hear(t, "ready", nil)
		guest.tell(t, "start %s", at)
		if i == kills {
			guest.hear(t, "idle", nil)
			guest.end(t)
			break
		}
		guest.hear(t, "third", nil)
		check(t, guest.cmd.Process.Kill())
		_ = guest.cmd.Wait()
	}
	host.end(t)
	wantSameContents(t, memberAt(t, from, "host"), memberAt(t, to, "guest"))
}

// memberAt opens the database of a process that has ended, and reads its blobs.
func memberAt(t *testing.T, dir, name string) *member {
	t.Helper()
	m := &member{coll: defaultIn(t, openAt(t, filepath.Join(dir, name), tandem.Options{}))}
	for doc, err := range m.coll.All(t.Context()) {
		check(t, err)
		if blob := doc.Blob("blob"); blob != nil {
			content, err := blob.Content()
			check(t, err)
			if want := bytes.Repeat([]byte(doc.ID()), 2000); !bytes.Equal(content, want) {
				t.Errorf("%s: the blob of %s has %d bytes, want %d", name, doc.ID(), len(content), len(want))
			}
		}
	}
	return m
}

// startProcesses starts members that have so many documents each, and know the address of the first one.
func startProcesses(t *testing.T, members, each int) (all []*memberProcess) {
	t.Helper()
	a := newGroupOwner(t)
	for i := range members {
		all = append(all, startProcess(t, folderFor(t, a, fmt.Sprintf("m%d", i)), fmt.Sprintf("m%d", i), each, members*each))
	}
	for _, p := range all {
		p.hear(t, "ready", nil)
	}
	first := ""
	for _, p := range all {
		p.tell(t, "start %s", first)
		if first == "" {
			first = p.hear(t, "at", nil)[0]
		}
	}
	return all
}

// waitOnline waits until each process sees all others.
func waitOnline(t *testing.T, all []*memberProcess) {
	t.Helper()
	want := strconv.Itoa(len(all) - 1)
	for _, p := range all {
		p.hear(t, "online", func(rest []string) bool { return rest[0] == want })
	}
}

// spreadChanges has the members save documents in turn, and returns how long each took to be on all others, sorted.
func spreadChanges(t *testing.T, all []*memberProcess, changes int) (took []time.Duration) {
	t.Helper()
	for i := range changes {
		id, from := fmt.Sprintf("change-%d", i), all[i%len(all)]
		from.tell(t, "save %s", id)
		text := from.hear(t, "saved", func(rest []string) bool { return rest[0] == id })[1]
		begun, err := strconv.ParseInt(text, 10, 64)
		check(t, err)
		last := begun
		for _, p := range all {
			at, err := strconv.ParseInt(p.hear(t, id, nil)[0], 10, 64)
			check(t, err)
			last = max(last, at)
		}
		took = append(took, time.Duration(last-begun))
	}
	slices.Sort(took)
	return took
}

func usages(t *testing.T, all []*memberProcess) (each [][]int64) {
	t.Helper()
	for _, p := range all {
		each = append(each, p.ask(t, "usage"))
	}
	return each
}

// endProcesses ends the members, and prints what they have used.
func endProcesses(t *testing.T, all []*memberProcess) {
	t.Helper()
	var most, sum int64
	var worked time.Duration
	for _, p := range all {
		peak, took := p.end(t)
		most, sum, worked = max(most, peak), sum+peak, worked+took
	}
	t.Logf("figure: %d processes: peak memory of one at most %d MB, of all together %d MB; processor time of all %.1f s",
		len(all), most>>20, sum>>20, worked.Seconds())
}
