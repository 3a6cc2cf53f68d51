package blip_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
)

// withPeer returns a conn, and a peer that plays the other side frame by frame.
func withPeer(t testing.TB, cfg blip.Config) (*running, *bliptest.Peer) {
	t.Helper()
	left, right := blip.NewPipePair()
	return run(t, left, cfg), bliptest.NewPeer(t, right)
}

// endOf reads until the pipe ends, and returns the error.
func endOf(t testing.TB, p *bliptest.Peer) *blip.CloseError {
	t.Helper()
	for {
		_, err := p.Pipe.Read(context.Background())
		var closed *blip.CloseError
		if errors.As(err, &closed) {
			return closed
		}
		if err != nil {
			t.Fatalf("pipe ended with %v, want a CloseError", err)
		}
	}
}

func TestBrokenProtocolEndsTheConnection(t *testing.T) {
	props := blip.Props("Profile", "x").Append(nil)
	const more, compressed = blip.MoreComing, blip.Compressed
	cases := map[string]struct {
		code int
		play func(p *bliptest.Peer)
	}{
		"rubbish":         {1002, func(p *bliptest.Peer) { p.SendRaw([]byte("\x01\x08rubbish that is no frame")) }},
		"empty frame":     {1002, func(p *bliptest.Peer) { p.SendRaw([]byte{}) }},
		"wrong checksum":  {1002, func(p *bliptest.Peer) { p.SendRaw([]byte{1, 0, 0, 1, 2, 3, 4}) }},
		"corrupt deflate": {1002, func(p *bliptest.Peer) { p.SendRaw([]byte{1, 8, 7, 0, 0, 0, 0}) }},
		"number 0":        {1002, func(p *bliptest.Peer) { p.Send(0, 0, props) }},
		"gap in numbers": {1002, func(p *bliptest.Peer) {
			p.Send(1, 0, props)
			p.Send(3, 0, props)
		}},
		"repeated number": {1002, func(p *bliptest.Peer) {
			p.Send(1, 0, props)
			p.Send(1, 0, props)
		}},
		"reply to nothing":        {1002, func(p *bliptest.Peer) { p.Send(1, blip.TypeRPY, []byte{0}) }},
		"error to nothing":        {1002, func(p *bliptest.Peer) { p.Send(7, blip.TypeERR, []byte{0}) }},
		"no properties length":    {1002, func(p *bliptest.Peer) { p.Send(1, 0, nil) }},
		"endless length":          {1002, func(p *bliptest.Peer) { p.Send(1, more, bytes.Repeat([]byte{0xff}, 11)) }},
		"cut properties":          {1002, func(p *bliptest.Peer) { p.Send(1, 0, props[:len(props)-1]) }},
		"properties without NUL":  {1002, func(p *bliptest.Peer) { p.Send(1, 0, []byte{2, 'a', 'b'}) }},
		"key without value":       {1002, func(p *bliptest.Peer) { p.Send(1, 0, []byte{2, 'a', 0}) }},
		"properties of 102401":    {1002, func(p *bliptest.Peer) { p.Send(1, more, []byte{0x81, 0xa0, 0x06}) }},
		"message of 1 MiB":        {1009, func(p *bliptest.Peer) { sendPieces(p, 1, props, 1<<20) }},
		"bomb":                    {1009, func(p *bliptest.Peer) { p.Send(1, compressed, make([]byte, 8<<20)) }},
		"many begun messages":     {1009, func(p *bliptest.Peer) { beginMany(p, props, 2<<20) }},
		"many unanswered":         {1009, func(p *bliptest.Peer) { sendMany(p, 5000) }},
		"second piece too large":  {1009, func(p *bliptest.Peer) { sendBomb(p, props) }},
		"truncated frame":         {1002, func(p *bliptest.Peer) { p.SendRaw([]byte{1, 0, 0}) }},
		"truncated number":        {1002, func(p *bliptest.Peer) { p.SendRaw([]byte{0x81}) }},
		"acknowledgement cut off": {1002, func(p *bliptest.Peer) { p.SendRaw([]byte{1, 0x34}) }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conn, peer := withPeer(t, blip.Config{
				MaxMessage: 1 << 20, MaxBuffered: 2 << 20,
				Handler: func(*blip.Request) {}, // never answers
			})
			c.play(peer)
			if closed := endOf(t, peer); closed.Code != c.code || closed.Reason == "" {
				t.Errorf("peer saw %v, want code %d with a reason", closed, c.code)
			}
			if err := <-conn.ended; !errors.Is(err, fault.New(fault.WebSocket, c.code, "")) {
				t.Errorf("Run = %v, want code %d", err, c.code)
			}
			if err := conn.Send(&blip.Message{}, nil); err == nil {
				t.Error("Send after the end = nil")
			}
		})
	}
}

// sendPieces sends a message with a body of size bytes, in pieces of 16000.
func sendPieces(p *bliptest.Peer, number uint64, props []byte, size int) {
	p.Send(number, blip.MoreComing, props)
	for ; size > 0; size -= 16000 {
		if p.TrySend(number, blip.MoreComing, make([]byte, 16000)) != nil {
			return
		}
	}
}

// beginMany begins messages of 16000 bytes each and ends none of them, until size bytes are sent.
func beginMany(p *bliptest.Peer, props []byte, size int) {
	body := append(bytes.Clone(props), make([]byte, 16000)...)
	for n := uint64(1); size > 0; n++ {
		if p.TrySend(n, blip.MoreComing, body) != nil {
			return
		}
		size -= len(body)
	}
}

// sendMany sends n complete requests.
func sendMany(p *bliptest.Peer, n int) {
	for i := range n {
		if p.TrySend(uint64(i+1), 0, []byte{0}) != nil {
			return
		}
	}
}

// sendBomb sends a message that inflates beyond the limit from a small frame.
func sendBomb(p *bliptest.Peer, props []byte) {
	p.Send(1, blip.MoreComing, append(bytes.Clone(props), make([]byte, 600_000)...))
	p.Send(1, blip.MoreComing|blip.Compressed, make([]byte, 600_000))
}

// Both peers tolerate these frames, and so does a Conn.
func TestOddButLegalFramesPass(t *testing.T) {
	conn, peer := withPeer(t, blip.Config{Handler: echo})
	peer.SendRaw([]byte{9, 0x34, 5})                             // acknowledges a message that was never sent
	peer.SendRaw([]byte{1, 3, 1, 2, 3})                          // undefined type
	peer.SendMessage(1, 0, blip.Props("a", "1", "a", "2"), "b")  // a key twice
	peer.Send(2, blip.MoreComing, nil)                           // an empty piece
	peer.Send(2, blip.MoreComing, []byte{3})                     // the properties cross frames
	peer.Send(2, blip.MoreComing|blip.Compressed, []byte{0})     // one frame compressed, one not
	peer.Send(2, blip.MoreComing, []byte{'x', 0, '!'})           // an empty key
	peer.Send(2, blip.NoReply, nil)                              // flags that change
	peer.SendMessage(3, blip.NoReply|blip.Urgent, nil, "silent") // wants no reply
	peer.SendMessage(4, 0, nil, "last")
	_ = conn
	for {
		f := peer.Receive()
		if f.Number == 4 {
			return
		}
		if f.Number == 3 {
			t.Errorf("NoReply request was answered: %+v", f)
		}
	}
}

// TestRequestsInOrderWaitForEarlierOnes has messages take turns, so that a short one is complete before a long one
// that began earlier. Profiles that keep their order wait; others do not.
func TestRequestsInOrderWaitForEarlierOnes(t *testing.T) {
	handled := make(chan string, 10)
	_, peer := withPeer(t, blip.Config{
		InOrder: func(profile string) bool { return profile == "ordered" },
		Handler: func(r *blip.Request) { handled <- fmt.Sprint(r.Number) },
	})
	ordered, other := blip.Props("Profile", "ordered"), blip.Props("Profile", "other")
	mustHandle := func(want string) {
		t.Helper()
		if got := <-handled; got != want {
			t.Fatalf("request %s was handled, want %s", got, want)
		}
	}
	peer.Send(1, blip.MoreComing, ordered.Append(nil))
	peer.Send(2, blip.MoreComing, other.Append(nil))
	peer.SendMessage(3, blip.NoReply, ordered, "")
	peer.Send(4, blip.MoreComing, nil) // its profile is still unknown
	peer.SendMessage(5, 0, ordered, "")
	peer.SendMessage(6, 0, other, "")
	mustHandle("6")
	peer.Send(1, 0, nil)
	mustHandle("1")
	mustHandle("3") // before 2, which has another profile
	peer.Send(2, 0, nil)
	mustHandle("2")
	peer.Send(4, blip.MoreComing, other.Append(nil))
	mustHandle("5")
	peer.Send(4, 0, nil)
	mustHandle("4")
}

func TestLateReplyIsIgnored(t *testing.T) {
	conn, peer := withPeer(t, blip.Config{})
	results := make(chan error, 4)
	done := func(_ *blip.Reply, err error) { results <- err }
	for range 2 {
		if err := conn.Send(&blip.Message{}, done); err != nil {
			t.Fatal(err)
		}
	}
	peer.Receive()
	peer.Receive()
	for _, number := range []uint64{1, 1, 2} {
		peer.Send(number, blip.TypeRPY, []byte{0})
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("reply = %v", err)
		}
	}
	peer.Pipe.Close(1000, "")
	<-conn.ended
	if len(results) > 0 {
		t.Errorf("done was called once more with %v", <-results)
	}
}

func TestErrorReplyBecomesError(t *testing.T) {
	cases := map[string]struct {
		props blip.Properties
		body  string
		want  blip.Error
	}{
		"whole":        {blip.Props("Error-Domain", "HTTP", "Error-Code", "409"), "no", blip.Error{"HTTP", 409, "no"}},
		"no domain":    {blip.Props("Error-Code", "404"), "", blip.Error{"BLIP", 404, ""}},
		"nothing":      {nil, "", blip.Error{"BLIP", 599, ""}},
		"rubbish code": {blip.Props("Error-Code", "x"), "", blip.Error{"BLIP", 599, ""}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conn, peer := withPeer(t, blip.Config{})
			results := make(chan error, 1)
			if err := conn.Send(&blip.Message{}, func(_ *blip.Reply, err error) { results <- err }); err != nil {
				t.Fatal(err)
			}
			peer.Receive()
			peer.SendMessage(1, blip.TypeERR, c.props, c.body)
			var got *blip.Error
			if err := <-results; !errors.As(err, &got) || *got != c.want {
				t.Errorf("got %v, want %v", err, &c.want)
			}
			if f := fault.Of(got); f == nil || f.Code != c.want.Code || string(f.Domain) != c.want.Domain {
				t.Errorf("as a fault it is %#v", f)
			}
		})
	}
}

func TestUnknownProfileIsRefused(t *testing.T) {
	a, _ := connect(t, blip.Config{}, blip.Config{})
	_, err := call(t, a, &blip.Message{Properties: blip.Props("Profile", "dance")})
	var e *blip.Error
	if !errors.As(err, &e) || e.Domain != "BLIP" || e.Code != 404 || !strings.Contains(e.Text, "dance") {
		t.Errorf("got %v, want BLIP 404 that names the profile", err)
	}
}

func TestOnlyTheFirstAnswerCounts(t *testing.T) {
	a, b := connect(t, blip.Config{}, blip.Config{Handler: func(r *blip.Request) {
		r.ReplyError("HTTP", 403, "go away")
		r.Reply(nil)
		r.ReplyError("HTTP", 500, "")
	}})
	for range 3 {
		_, err := call(t, a, &blip.Message{})
		if !errors.Is(err, fault.New("HTTP", 403, "")) {
			t.Errorf("got %v, want HTTP 403", err)
		}
	}
	a.Close(1000, "")
	<-b.ended
	if sent := b.Stats().Sent.Messages; sent != 3 {
		t.Errorf("%d answers were sent to 3 requests", sent)
	}
}

func TestReplyIsAsUrgentAsItsRequest(t *testing.T) {
	_, peer := withPeer(t, blip.Config{Handler: echo})
	peer.SendMessage(1, blip.Urgent, nil, "")
	peer.SendMessage(2, 0, nil, "")
	for range 2 {
		f := peer.Receive()
		if urgent := f.Flags&blip.Urgent != 0; urgent != (f.Number == 1) {
			t.Errorf("reply %d: urgent is %v", f.Number, urgent)
		}
	}
}

// The receiver acknowledges after each 50000 bytes, as the wire counts them.
func TestReceiverAcknowledges(t *testing.T) {
	_, peer := withPeer(t, blip.Config{Handler: func(*blip.Request) {}})
	peer.Send(1, blip.MoreComing, append([]byte{0}, make([]byte, 9995)...))
	for range 12 {
		peer.Send(1, blip.MoreComing, make([]byte, 9996))
	}
	for _, want := range []uint64{50_000, 100_000} {
		f := peer.Receive()
		if f.Flags != blip.TypeACKMSG|blip.Urgent|blip.NoReply || f.Number != 1 || f.Total != want {
			t.Errorf("got %+v, want an acknowledgement of %d bytes of request 1", f, want)
		}
	}
}

// A sender stops at 128000 unacknowledged bytes, lets other messages pass, and resumes after an
// acknowledgement.
func TestSenderStopsAtTheWindow(t *testing.T) {
	for _, compression := range []blip.Compression{blip.Never, blip.Always} {
		t.Run(fmt.Sprint(compression), func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) { testWindow(t, compression) })
		})
	}
}

func testWindow(t *testing.T, compression blip.Compression) {
	conn, peer := withPeer(t, blip.Config{Compression: compression})
	var body []byte // does not deflate well
	for _, doc := range documents(600) {
		body = append(body, doc...)
	}
	send := func(m *blip.Message) {
		if err := conn.Send(m, nil); err != nil {
			t.Fatal(err)
		}
	}
	send(&blip.Message{Body: body, NoReply: true, Compress: true})
	send(&blip.Message{Body: []byte("small"), NoReply: true})
	frames := make(chan blip.Frame, 1000)
	go func() {
		defer close(frames)
		for {
			f, err := peer.TryReceive(t.Context())
			if err != nil {
				return
			}
			frames <- f
		}
	}()
	received, sawSmall := 1, false // the properties length is not part of the body
	size := 0
	take := func() {
		synctest.Wait()
		for len(frames) > 0 {
			f := <-frames
			if f.Number == 2 {
				sawSmall = true
				continue
			}
			size += f.Size
			received += len(f.Body)
		}
	}
	take()
	if size < 128_000 || size > 128_000+blip.MaxFrame {
		t.Errorf("sender stopped at %d bytes, want about 128000", size)
	}
	if !sawSmall {
		t.Error("small message did not pass")
	}
	for acked := 0; acked < size; {
		acked = size
		peer.SendRaw(blip.AppendACK(nil, 1, blip.TypeACKMSG, uint64(acked)))
		take()
		if size-acked > 128_000+blip.MaxFrame {
			t.Errorf("sender went %d bytes beyond the acknowledgement", size-acked)
		}
	}
	if want := len(body) + 2; received != want {
		t.Errorf("received %d bytes, want %d", received, want)
	}
}

func TestFramesStaySmall(t *testing.T) {
	for _, mode := range []blip.Compression{blip.Never, blip.Always} {
		conn, peer := withPeer(t, blip.Config{Compression: mode})
		noise := make([]byte, 120_000)
		_, _ = newNoise(7).Read(noise)
		if err := conn.Send(&blip.Message{Body: noise, NoReply: true, Compress: true}, nil); err != nil {
			t.Fatal(err)
		}
		largest := 0
		for f := peer.Receive(); ; f = peer.Receive() {
			largest = max(largest, f.Size+2)
			if f.Flags&blip.MoreComing == 0 {
				break
			}
		}
		if largest > blip.MaxFrame || largest < blip.MaxFrame-64 {
			t.Errorf("mode %v: largest frame has %d bytes, want just under %d", mode, largest, blip.MaxFrame)
		}
	}
}

// drain reads until the pipe ends.
func drain(p *bliptest.Peer) {
	for {
		if _, err := p.Pipe.Read(context.Background()); err != nil {
			return
		}
	}
}
