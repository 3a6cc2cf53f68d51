//go:build unix

package rest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

const (
	figureListeners = 1000
	stuckListeners  = 10
)

// TestFeedFigures prints what a thousand listeners cost, which another process has, and how soon they hear of
// changes.
func TestFeedFigures(t *testing.T) {
	if *figures == 0 {
		t.Skip("measures only with -figures DURATION")
	}
	f := newFeedFigures(t)
	rates, alone := []int{10, 100}, map[int]feedFigure{}
	for _, rate := range rates {
		alone[rate] = f.write(rate, nil)
		fmt.Printf("%-55s %9v\n", fmt.Sprintf("a save at %d/s without listeners, p50", rate), alone[rate].save)
	}
	before := memory()
	crowd := f.crowd()
	fmt.Printf("%-55s %9.1f kB\n", "memory of a listener", float64(memory()-before)/figureListeners/1000)
	for _, rate := range rates {
		f.write(rate, crowd).print(fmt.Sprintf("%d SSE listeners, %d changes/s", figureListeners, rate), alone[rate])
	}
	settled := crowd.storm(func() { f.write(10, nil) })
	fmt.Printf("%-55s %9v\n", "all cut, all back with Last-Event-ID, settled after", settled)
}

// feedFiguring is a server with a database to write to.
type feedFiguring struct {
	t      *testing.T
	coll   *tandem.Collection
	server string // host:port
	n      int    // documents
}

func newFeedFigures(t *testing.T) *feedFiguring {
	db := open(t, "shop", tandem.Options{})
	cfg := rest.Configuration{Databases: []rest.Database{{Database: db}}, Users: testUsers(t)}
	unlimited(&cfg)
	handler, err := rest.NewHandler(cfg)
	check(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	var serving sync.WaitGroup
	serving.Go(func() { check(t, handler.Serve(l, nil)) })
	t.Cleanup(func() {
		check(t, handler.Close(context.Background()))
		serving.Wait()
	})
	coll, err := db.DefaultCollection(t.Context())
	check(t, err)
	return &feedFiguring{t: t, coll: coll, server: l.Addr().String()}
}

// feedFigure is what writes have cost, and what listeners have seen of them.
type feedFigure struct {
	save     time.Duration // the median
	cpu      time.Duration // of this process, for one change
	listened listened
}

// write changes documents at a rate for as long as figures says, and asks a crowd what it has seen.
func (f *feedFiguring) write(rate int, crowd *crowd) (got feedFigure) {
	began, cpu, n := time.Now(), processorTime(), 0
	var saves []time.Duration
	for tick := time.NewTicker(time.Second / time.Duration(rate)); time.Since(began) < 2**figures; n++ {
		<-tick.C
		at := time.Now()
		check(f.t, f.coll.Put(f.t.Context(), fmt.Sprintf("%d-%d", f.n, at.UnixNano()), struct{}{})) // which tells when
		saves = append(saves, time.Since(at))
		f.n++
	}
	if crowd != nil {
		got.listened = crowd.ask(fmt.Sprint("report ", f.n))
	}
	slices.Sort(saves)
	got.save = saves[len(saves)/2].Round(10 * time.Microsecond)
	got.cpu = (processorTime() - cpu) / time.Duration(n)
	return got
}

func (g feedFigure) print(what string, alone feedFigure) {
	l := g.listened
	fmt.Printf("%-55s p50 %v, p99 %v, server %v an event, save p50 %v; %d of %d in order, missing or twice: %d\n", what,
		l.P50, l.P99, (g.cpu-alone.cpu)/figureListeners, g.save, l.Events, l.Events+l.Wrong, l.Wrong)
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// crowd is the process with the listeners. It answers each line by a line.
type crowd struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// listened is what the listeners have seen since the last report.
type listened struct {
	Events, Wrong int
	P50, P99      time.Duration
}

func (f *feedFiguring) crowd() *crowd {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), os.Args[0], "-test.run=^TestFeedCrowd$", "-test.count=1")
	cmd.Env = append(os.Environ(), "TANDEM_FEED_CROWD="+f.server)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	check(f.t, err)
	out, err := cmd.StdoutPipe()
	check(f.t, err)
	check(f.t, cmd.Start())
	f.t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	c := &crowd{f.t, in, bufio.NewScanner(out)}
	c.ask(fmt.Sprint("listen ", f.n))
	return c
}

func (c *crowd) ask(line string) (got listened) {
	c.t.Helper()
	_, err := fmt.Fprintln(c.in, line)
	check(c.t, err)
	if !c.out.Scan() {
		c.t.Fatal("the listeners are gone")
	}
	check(c.t, json.Unmarshal(c.out.Bytes(), &got))
	return got
}

// storm cuts all listeners while work goes on, and returns how long it took until all heard of new changes again.
func (c *crowd) storm(work func()) time.Duration {
	var working sync.WaitGroup
	working.Go(work)
	settled := c.ask("storm")
	working.Wait()
	if settled.Wrong > 0 {
		c.t.Errorf("%d changes were lost or came twice", settled.Wrong)
	}
	return settled.P99.Round(time.Millisecond)
}

// TestFeedCrowd is the other process of TestFeedFigures.
func TestFeedCrowd(t *testing.T) {
	server := os.Getenv("TANDEM_FEED_CROWD")
	if server == "" {
		t.Skip("runs as a part of TestFeedFigures")
	}
	c := &listeners{server: server}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		word, number, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.Atoi(number)
		var got listened
		switch word {
		case "listen":
			c.open(n)
		case "report":
			got = c.report(n)
		case "storm":
			got = c.storm()
		}
		text, _ := json.Marshal(got)
		fmt.Println(string(text))
	}
	os.Exit(0) // the listeners go on until then
}

// listeners are many listeners, and some that never read.
type listeners struct {
	server string
	all    []*listener
}

// listener reads events with as little work as it can.
type listener struct {
	server string

	mu    sync.Mutex // guards the following
	moved *sync.Cond
	conn  net.Conn
	next  int // number of the next document
	wrong int
	newer time.Time // when the last document was made
	times []time.Duration
}

func (c *listeners) open(next int) {
	for i := range figureListeners + stuckListeners {
		l := &listener{server: c.server, next: next}
		l.moved = sync.NewCond(&l.mu)
		in := l.dial(next)
		if i < figureListeners {
			c.all = append(c.all, l)
			go l.listen(in)
		}
	}
}

// dial connects, and returns what comes after the header of the answer.
func (l *listener) dial(last int) *bufio.Reader {
	conn, err := net.Dial("tcp", l.server)
	if err != nil {
		panic(err)
	}
	r, _ := http.NewRequest(http.MethodGet, "http://localhost/shop/_changes?feed=sse", nil)
	r.Header.Set("Last-Event-ID", strconv.Itoa(last)) // one change for each document
	r.SetBasicAuth("bob", "bob")
	if err := r.Write(conn); err != nil {
		panic(err)
	}
	in := bufio.NewReaderSize(conn, 1024)
	for {
		if line, err := in.ReadString('\n'); err != nil || strings.HasPrefix(line, "retry") {
			break
		}
	}
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	return in
}

func (l *listener) listen(in *bufio.Reader) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil { // cut
			l.mu.Lock()
			last := l.next
			l.mu.Unlock()
			in = l.dial(last)
			continue
		}
		_, id, _ := bytes.Cut(line, []byte(`"id":"`))
		number, rest, _ := bytes.Cut(id, []byte("-"))
		made, _, isChange := bytes.Cut(rest, []byte(`"`))
		if isChange {
			n, _ := strconv.Atoi(string(number))
			at, _ := strconv.ParseInt(string(made), 10, 64)
			l.heard(n, time.Unix(0, at))
		}
	}
}

func (l *listener) heard(n int, made time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n != l.next {
		l.wrong++
	}
	l.next, l.newer = n+1, made
	l.times = append(l.times, time.Since(made))
	l.moved.Broadcast()
}

// await waits until the listener has come so far, and takes what it has noted.
func (l *listener) await(so func() bool) (times []time.Duration, wrong int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !so() {
		l.moved.Wait()
	}
	times, wrong = l.times, l.wrong
	l.times, l.wrong = nil, 0
	return times, wrong
}

func (c *listeners) report(next int) (got listened) {
	var all []time.Duration
	for _, l := range c.all {
		times, wrong := l.await(func() bool { return l.next >= next })
		got.Wrong += wrong
		all = append(all, times...)
	}
	slices.Sort(all)
	got.Events = len(all) - got.Wrong
	got.P50 = all[len(all)/2].Round(10 * time.Microsecond)
	got.P99 = all[len(all)*99/100].Round(10 * time.Microsecond)
	return got
}

func (c *listeners) storm() (got listened) {
	cut := time.Now()
	for _, l := range c.all {
		l.mu.Lock()
		_ = l.conn.Close()
		l.mu.Unlock()
	}
	for _, l := range c.all {
		_, wrong := l.await(func() bool { return l.newer.After(cut) })
		got.Wrong += wrong
	}
	got.P99 = time.Since(cut)
	return got
}
