package blip_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestCloseSendsTheQueueFirst(t *testing.T) {
	var got atomic.Int64
	a, b := connect(t, blip.Config{}, blip.Config{Handler: func(r *blip.Request) { got.Add(int64(len(r.Body))) }})
	body := make([]byte, 500_000)
	for range 10 {
		if err := a.Send(&blip.Message{Body: body, NoReply: true}, nil); err != nil {
			t.Fatal(err)
		}
	}
	a.Close(4001, strings.Repeat("later", 30))
	a.Close(1000, "the second code does not count")
	if err := a.Send(&blip.Message{}, nil); !errors.Is(err, fault.NotConnected) {
		t.Errorf("Send after Close = %v, want NotConnected", err)
	}
	if err := <-a.ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	var closed *blip.CloseError
	if err := <-b.ended; !errors.As(err, &closed) || closed.Code != 4001 || len(closed.Reason) != 123 {
		t.Errorf("the other side's Run = %v, want 4001", err)
	}
	if got.Load() != 5_000_000 {
		t.Errorf("the other side got %d bytes", got.Load())
	}
}

func TestBothMayCloseAtOnce(t *testing.T) {
	for range 50 {
		a, b := connect(t, blip.Config{}, blip.Config{})
		go a.Close(1000, "")
		b.Close(1000, "")
		var closed *blip.CloseError
		for _, c := range []*running{a, b} {
			if err := <-c.ended; err != nil && (!errors.As(err, &closed) || closed.Code != 1000) {
				t.Fatalf("Run = %v, want nil or 1000", err)
			}
		}
	}
}

func TestEveryRequestIsCompletedAtTheEnd(t *testing.T) {
	errBoom := errors.New("boom")
	cases := map[string]struct {
		end  func(a *running, peer *bliptest.Peer)
		want error
	}{
		"Close":             {func(a *running, _ *bliptest.Peer) { a.Close(1000, "") }, fault.NotConnected},
		"Abort":             {func(a *running, _ *bliptest.Peer) { a.Abort(errBoom) }, errBoom},
		"Abort without why": {func(a *running, _ *bliptest.Peer) { a.Abort(nil) }, fault.ConnectionAborted},
		"peer closes": {
			func(_ *running, p *bliptest.Peer) { p.Pipe.Close(1001, "bye") },
			fault.PeerClosed,
		},
		"link drops":    {func(_ *running, p *bliptest.Peer) { _ = p.Pipe.Abort() }, fault.ConnectionLost},
		"peer is wrong": {func(_ *running, p *bliptest.Peer) { p.SendRaw(nil) }, fault.ProtocolError},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				conn, peer := withPeer(t, blip.Config{})
				var completed atomic.Int64
				results := make(chan error, 100)
				for i := range 100 {
					body := make([]byte, i*1000) // the last bodies do not fit into the pipe
					err := conn.Send(&blip.Message{Body: body, Urgent: i%3 == 0}, func(_ *blip.Reply, err error) {
						completed.Add(1)
						results <- err
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				c.end(conn, peer)
				for range 100 {
					if err := <-results; !errors.Is(err, c.want) {
						t.Fatalf("done got %v, want %v", err, c.want)
					}
				}
				<-conn.ended
				if n := completed.Load(); n != 100 {
					t.Errorf("%d of 100 requests were completed", n)
				}
			})
		})
	}
}

// A peer that reads nothing and echoes nothing cannot block Close forever.
func TestCloseIsBounded(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		conn, _ := withPeer(t, blip.Config{CloseTimeout: 3 * time.Second})
		if err := conn.Send(&blip.Message{Body: make([]byte, 1<<20), NoReply: true}, nil); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		conn.Close(1000, "")
		if err := <-conn.ended; err == nil {
			t.Error("Run = nil without an echo")
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestCanceledContextEndsRun(t *testing.T) {
	pipe, _ := blip.NewPipePair()
	conn := blip.NewConn(pipe, blip.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- conn.Run(ctx) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want context.Canceled", err)
	}
	if err := conn.Run(context.Background()); err == nil {
		t.Error("a second Run = nil")
	}
}

func TestRunRefusesBadSettings(t *testing.T) {
	pipe, _ := blip.NewPipePair()
	conn := blip.NewConn(pipe, blip.Config{Level: 10, MaxMessage: -1, MaxBuffered: -1, CloseTimeout: -1, Compression: 9})
	results := make(chan error, 1)
	if err := conn.Send(&blip.Message{}, func(_ *blip.Reply, err error) { results <- err }); err != nil {
		t.Fatal(err)
	}
	err := conn.Run(context.Background())
	for _, field := range []string{"Level", "MaxMessage", "MaxBuffered", "CloseTimeout", "Compression"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("Run = %v, want an error about %s", err, field)
		}
	}
	if err := <-results; err == nil {
		t.Error("the request was not completed")
	}
}

func TestLostReplyTimesOut(t *testing.T) {
	const timeout = time.Minute
	cases := map[string]struct {
		play     func(p *bliptest.Peer, stop <-chan struct{})
		min, max time.Duration
	}{
		"silent peer": {func(*bliptest.Peer, <-chan struct{}) {}, timeout, timeout * 5 / 4},
		"reply that stops": {func(p *bliptest.Peer, _ <-chan struct{}) {
			p.Receive()
			time.Sleep(timeout / 2)
			p.Send(1, blip.MoreComing|blip.TypeRPY, []byte{0})
		}, timeout * 3 / 2, timeout * 7 / 4},
		"busy peer": {func(p *bliptest.Peer, stop <-chan struct{}) {
			for n := uint64(1); ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(timeout / 3):
				}
				if p.TrySend(n, blip.NoReply, []byte{0}) != nil {
					return
				}
			}
		}, timeout * 10, timeout * 11},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				conn, peer := withPeer(t, blip.Config{ReplyTimeout: timeout, Handler: func(*blip.Request) {}})
				results := make(chan error, 1)
				err := conn.Send(&blip.Message{}, func(_ *blip.Reply, err error) { results <- err })
				if err != nil {
					t.Fatal(err)
				}
				stop := make(chan struct{})
				defer close(stop)
				go c.play(peer, stop)
				start := time.Now()
				if err := <-conn.ended; !errors.Is(err, fault.Timeout) {
					t.Errorf("Run = %v, want a timeout", err)
				}
				if took := time.Since(start); took < c.min || took > c.max {
					t.Errorf("timed out after %v, want %v to %v", took, c.min, c.max)
				}
				if err := <-results; !errors.Is(err, fault.Timeout) {
					t.Errorf("done got %v, want a timeout", err)
				}
			})
		})
	}
}

// TestPeerThatIsSentAStreamMayAnswerLate sends a reply for half an hour, and the peer answers a
// request only afterwards. A client that fetches a document's blob over a slow link does the same.
func TestPeerThatIsSentAStreamMayAnswerLate(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		conn, peer := withPeer(t, blip.Config{ReplyTimeout: time.Minute, Handler: func(r *blip.Request) {
			r.Reply(&blip.Message{BodyReader: bytes.NewReader(make([]byte, 6_000_000))})
		}})
		results := make(chan error, 1)
		if err := conn.Send(&blip.Message{}, func(_ *blip.Reply, err error) { results <- err }); err != nil {
			t.Fatal(err)
		}
		peer.Receive()
		peer.Send(1, blip.TypeMSG, []byte{0})
		start, taken := time.Now(), 0
		for more := true; more; {
			f := peer.Receive()
			more = f.Flags&blip.MoreComing != 0
			if taken += len(f.Body); taken > 100_000 {
				taken = 0
				time.Sleep(40 * time.Second)
				peer.SendRaw(blip.AppendACK(nil, 1, blip.TypeACKRPY, 1<<30))
			}
		}
		if took := time.Since(start); took < 30*time.Minute {
			t.Fatalf("the stream took no more than %v", took)
		}
		peer.Send(1, blip.TypeRPY, []byte{0})
		if err := <-results; err != nil {
			t.Errorf("the answer is %v", err)
		}
		conn.Close(1000, "")
		go drain(peer)
		<-conn.ended
	})
}

func TestPeerThatTakesNothingTimesOut(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		conn, _ := withPeer(t, blip.Config{ReplyTimeout: time.Minute})
		for range 10 {
			if err := conn.Send(&blip.Message{Body: make([]byte, 100_000), NoReply: true}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-conn.ended; !errors.Is(err, fault.Timeout) {
			t.Errorf("Run = %v, want a timeout", err)
		}
	})
}

func TestMissingAcknowledgementTimesOut(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		conn, peer := withPeer(t, blip.Config{ReplyTimeout: time.Minute})
		err := conn.Send(&blip.Message{Body: make([]byte, 200_000), NoReply: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		go drain(peer)
		if err := <-conn.ended; !errors.Is(err, fault.Timeout) {
			t.Errorf("Run = %v, want a timeout", err)
		}
	})
}

func TestNegativeTimeoutWaitsForEver(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		conn, peer := withPeer(t, blip.Config{ReplyTimeout: -1})
		results := make(chan error, 1)
		if err := conn.Send(&blip.Message{}, func(_ *blip.Reply, err error) { results <- err }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1000 * time.Hour)
		peer.Send(1, blip.TypeRPY, []byte{0})
		if err := <-results; err != nil {
			t.Errorf("reply = %v", err)
		}
	})
}

// brokenPipe fails to write, while its reader can still find the peer's CLOSE.
type brokenPipe struct{ blip.Pipe }

func (brokenPipe) Flush(context.Context) error { return io.ErrClosedPipe }

func TestGoodbyeExplainsAFailedWrite(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		left, right := blip.NewPipePair()
		conn := run(t, brokenPipe{left}, blip.Config{})
		if err := conn.Send(&blip.Message{NoReply: true}, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		right.Close(4002, "never again")
		var closed *blip.CloseError
		if err := <-conn.ended; !errors.As(err, &closed) || closed.Code != 4002 {
			t.Errorf("Run = %v, want 4002", err)
		}
	})
}

func TestFailedWriteEndsRun(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		left, _ := blip.NewPipePair()
		conn := run(t, brokenPipe{left}, blip.Config{})
		if err := conn.Send(&blip.Message{NoReply: true}, nil); err != nil {
			t.Fatal(err)
		}
		if err := <-conn.ended; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Run = %v, want the write's error", err)
		}
	})
}

// cutPipe breaks when something is sent; until then the peer reads nothing.
type cutPipe struct {
	blip.Pipe
	sending chan struct{}
}

func (p cutPipe) Flush(ctx context.Context) error {
	close(p.sending)
	<-ctx.Done()
	return ctx.Err()
}

func (p cutPipe) Read(context.Context) ([]byte, error) {
	<-p.sending
	return nil, &blip.CloseError{Code: 1006}
}

func TestACutIsTheReasonEvenInTheMiddleOfAWrite(t *testing.T) {
	left, _ := blip.NewPipePair()
	conn := run(t, cutPipe{left, make(chan struct{})}, blip.Config{})
	replied := make(chan error, 1)
	if err := conn.Send(&blip.Message{}, func(_ *blip.Reply, err error) { replied <- err }); err != nil {
		t.Fatal(err)
	}
	for what, ended := range map[string]chan error{"Run": conn.ended, "the reply": replied} {
		if err := <-ended; !errors.Is(err, fault.ConnectionLost) {
			t.Errorf("%s = %v, want connection lost", what, err)
		}
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	conn, peer := withPeer(t, blip.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	var sink bytes.Buffer
	go func() {
		peer.Receive()
		cancel()
	}()
	if _, err := conn.Call(ctx, &blip.Message{Sink: &sink}); !errors.Is(err, context.Canceled) {
		t.Errorf("Call = %v, want context.Canceled", err)
	}
	peer.Send(1, blip.TypeRPY, []byte("\x00too late"))
	conn.Close(1000, "")
	go drain(peer)
	<-conn.ended
	if sink.Len() > 0 {
		t.Errorf("%q was written after Call had returned", sink.String())
	}
	if _, err := conn.Call(context.Background(), &blip.Message{NoReply: true}); !errors.Is(err, fault.Invalid) {
		t.Errorf("Call without reply = %v, want Invalid", err)
	}
}

func TestWaitQueuedWaitsForTheQueueToShrink(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		conn, peer := withPeer(t, blip.Config{})
		for range 20 {
			if err := conn.Send(&blip.Message{Body: make([]byte, 100_000), NoReply: true}, nil); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if q := conn.Queued(); q < 1_000_000 || q > 2_000_000 {
			t.Errorf("Queued = %d with a peer that takes nothing", q)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := conn.WaitQueued(ctx, 100_000); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitQueued = %v, want DeadlineExceeded", err)
		}
		go func() {
			for {
				if _, err := peer.TryReceive(t.Context()); err != nil {
					return
				}
			}
		}()
		if err := conn.WaitQueued(t.Context(), 0); err != nil || conn.Queued() != 0 {
			t.Errorf("WaitQueued = %v with %d left", err, conn.Queued())
		}
		conn.Abort(nil)
		<-conn.ended
		if err := conn.WaitQueued(t.Context(), 0); !errors.Is(err, fault.ConnectionAborted) {
			t.Errorf("WaitQueued after the end = %v", err)
		}
	})
}

// lingering is a pipe that does not go down before it is let.
type lingering struct {
	blip.Pipe
	once     *sync.Once
	going    chan struct{} // closed by Close or Abort
	released chan struct{}
}

func newLingering(pipe blip.Pipe) lingering {
	return lingering{pipe, &sync.Once{}, make(chan struct{}), make(chan struct{})}
}

func (p lingering) linger() {
	p.once.Do(func() { close(p.going) })
	<-p.released
}

func (p lingering) Close(code int, reason string) error {
	p.linger()
	return p.Pipe.Close(code, reason)
}
func (p lingering) Abort() error { p.linger(); return p.Pipe.Abort() }

// TestASendKnowsWhyTheConnectionHasEnded also while Run is still at its end.
func TestASendKnowsWhyTheConnectionHasEnded(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(peer *bliptest.Peer)
		want error
	}{
		"peer closes":   {func(p *bliptest.Peer) { go p.Pipe.Close(1001, "bye") }, fault.PeerClosed},
		"link drops":    {func(p *bliptest.Peer) { _ = p.Pipe.Abort() }, fault.ConnectionLost},
		"peer is wrong": {func(p *bliptest.Peer) { p.SendRaw(nil) }, fault.ProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				left, right := blip.NewPipePair()
				pipe := newLingering(left)
				conn := run(t, pipe, blip.Config{})
				c.end(bliptest.NewPeer(t, right))
				<-pipe.going
				for _, when := range []string{"at the end", "after the end"} {
					if err := conn.Send(&blip.Message{}, nil); !errors.Is(err, c.want) {
						t.Errorf("%s: Send = %v, want %v", when, err, c.want)
					}
					if when == "at the end" {
						close(pipe.released)
						if err := <-conn.ended; !errors.Is(err, c.want) {
							t.Errorf("Run = %v, want %v", err, c.want)
						}
					}
				}
			})
		})
	}
}
