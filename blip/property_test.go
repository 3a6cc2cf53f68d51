package blip_test

import (
	"bytes"
	"cmp"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// plan is a message of a random exchange.
type plan struct {
	ID       int
	Size     int
	Noise    bool // does not deflate
	Urgent   bool
	NoReply  bool
	Compress bool
	Reader   bool // the body comes from a reader
	Fail     bool // the answer is an error
}

func (p plan) body() []byte {
	body := make([]byte, p.Size)
	if p.Noise {
		_, _ = newNoise(byte(p.ID)).Read(body)
		return body
	}
	for i := range body {
		body[i] = byte(p.ID + i/100)
	}
	return body
}

func (p plan) message() *blip.Message {
	m := &blip.Message{
		Properties: blip.Props("id", fmt.Sprint(p.ID)),
		Urgent:     p.Urgent, NoReply: p.NoReply, Compress: p.Compress,
	}
	if p.Reader {
		m.BodyReader = bytes.NewReader(p.body())
	} else {
		m.Body = p.body()
	}
	return m
}

func drawPlans(t *rapid.T) []plan {
	plans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plan {
		return plan{
			Size:   rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 40_000), rapid.IntRange(0, 400_000)).Draw(t, "size"),
			Noise:  rapid.Bool().Draw(t, "noise"),
			Urgent: rapid.Bool().Draw(t, "urgent"), NoReply: rapid.Bool().Draw(t, "noreply"),
			Compress: rapid.Bool().Draw(t, "compress"), Reader: rapid.Bool().Draw(t, "reader"),
			Fail: rapid.Bool().Draw(t, "fail"),
		}
	}), 1, 30).Draw(t, "plans")
	for i := range plans {
		plans[i].ID = i + 1
	}
	return plans
}

// Any mix of messages arrives intact, and every request is answered once.
func TestAnyExchangeArrivesIntact(t *testing.T) {
	testsize.Check(t, func(rt *rapid.T) {
		plans := drawPlans(rt)
		testsize.Bubble(t, func(t *testing.T) { exchange(t, plans) })
	})
}

func exchange(t *testing.T, plans []plan) {
	var mu sync.Mutex
	arrived, answered := map[int]int{}, map[int]int{}
	handler := func(r *blip.Request) {
		p := plans[r.Properties.Int("id", 0)-1]
		mu.Lock()
		arrived[p.ID]++
		mu.Unlock()
		if !bytes.Equal(r.Body, p.body()) || r.Urgent != p.Urgent || r.NoReply != p.NoReply {
			t.Errorf("request %+v arrived differently", p)
		}
		if p.Fail {
			r.ReplyError("HTTP", p.ID, "as planned")
		} else {
			reply := p.message()
			r.Reply(reply)
		}
	}
	a, b := connect(t, blip.Config{Handler: handler, Compression: blip.Always}, blip.Config{Handler: handler})
	for i, p := range plans {
		sender := []*running{a, b}[i%2]
		err := sender.Send(p.message(), func(r *blip.Reply, err error) {
			mu.Lock()
			answered[p.ID]++
			mu.Unlock()
			if (err != nil) != p.Fail || err == nil && !bytes.Equal(r.Body, p.body()) {
				t.Errorf("answer to %+v: %v", p, err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
	for _, p := range plans {
		want := 1
		if p.NoReply {
			want = 0
		}
		if arrived[p.ID] != 1 || answered[p.ID] != want {
			t.Errorf("%+v arrived %d times and was answered %d times", p, arrived[p.ID], answered[p.ID])
		}
	}
	a.Close(1000, "")
	<-a.ended
	<-b.ended
}

// Requests begin in the order of Send, small ones do not wait for large ones, and urgent ones
// overtake messages that have begun.
func TestFramesTakeTurnsAndRequestsKeepTheirOrder(t *testing.T) {
	testsize.Check(t, func(rt *rapid.T) {
		plans := drawPlans(rt)
		testsize.Bubble(t, func(t *testing.T) { checkOrder(t, plans) })
	})
}

func checkOrder(t *testing.T, plans []plan) {
	left, right := blip.NewPipePair()
	peer := bliptest.NewPeer(t, right)
	conn := blip.NewConn(left, blip.Config{})
	for _, p := range plans {
		p.NoReply = true
		if err := conn.Send(p.message(), nil); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- conn.Run(t.Context()) }()
	var last uint64
	open := 0
	frames := map[uint64]int{}
	for begun, ended := 0, 0; ended < len(plans); {
		f := peer.Receive()
		p := plans[f.Number-1]
		if frames[f.Number]++; frames[f.Number] == 1 {
			if f.Number != last+1 {
				t.Errorf("request %d begins after %d", f.Number, last)
			}
			last = f.Number
			begun++
			open++
		} else if begun < len(plans) && frames[f.Number] > 2*(begun+1) {
			t.Errorf("request %d has sent %d frames before %d began", f.Number, frames[f.Number], begun+1)
		}
		if f.Flags&blip.Urgent != 0 != p.Urgent || f.Flags&blip.NoReply == 0 {
			t.Errorf("frame of %+v has flags %#x", p, f.Flags)
		}
		if f.Flags&blip.MoreComing == 0 {
			ended++
			open--
			continue
		}
		peer.SendRaw(blip.AppendACK(nil, f.Number, blip.TypeACKMSG, 1<<40))
	}
	conn.Abort(nil)
	<-done
}

// An urgent message takes every other frame from normal ones, whose frames are short meanwhile.
func TestUrgentMessagesAlternateWithNormalOnes(t *testing.T) {
	left, right := blip.NewPipePair()
	peer := bliptest.NewPeer(t, right)
	conn := blip.NewConn(left, blip.Config{})
	body := make([]byte, 60_000)
	for _, urgent := range []bool{false, true, true} {
		if err := conn.Send(&blip.Message{Body: body, Urgent: urgent, NoReply: true}, nil); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	done := make(chan error, 1)
	go func() { done <- conn.Run(ctx) }()
	var begun, later []uint64
	for range 9 {
		f := peer.Receive()
		if len(begun) < 3 {
			if !slices.Contains(begun, f.Number) {
				begun = append(begun, f.Number)
			}
			continue
		}
		later = append(later, f.Number)
		if f.Number == 1 && f.Size > 4096 {
			t.Errorf("normal frame of %d bytes while urgent ones wait", f.Size)
		}
	}
	if !slices.Equal(begun, []uint64{1, 2, 3}) {
		t.Errorf("requests began in the order %v", begun)
	}
	if !alternates(later) {
		t.Errorf("order of frames %v: urgent ones follow each other", later)
	}
	conn.Abort(nil)
	<-done
}

// alternates reports whether a frame of request 1 lies between any two others.
func alternates(numbers []uint64) bool {
	for i := 1; i < len(numbers); i++ {
		if numbers[i] != 1 && numbers[i-1] != 1 {
			return false
		}
	}
	return true
}

// Decode undoes Append for all sizes, levels and mixes of plain and compressed frames.
func TestDecodeUndoesAppend(t *testing.T) {
	testsize.Check(t, func(t *rapid.T) {
		encoder := blip.NewEncoder(rapid.IntRange(1, 9).Draw(t, "level"))
		defer encoder.Close() // the next run uses its memory again
		decoder := blip.NewDecoder(1 << 20)
		defer decoder.Close()
		for i := range rapid.IntRange(1, 60).Draw(t, "frames") {
			size := rapid.OneOf(rapid.IntRange(0, 200), rapid.IntRange(0, 16384), rapid.SampledFrom([]int{32768, 65536})).
				Draw(t, "size")
			body := plan{ID: i, Size: size, Noise: rapid.Bool().Draw(t, "noise")}.body()
			flags := rapid.SampledFrom([]blip.Flags{0, blip.Compressed}).Draw(t, "flags")
			raw, err := encoder.Append(nil, uint64(i), flags, body)
			if err != nil {
				t.Fatal(err)
			}
			if size <= 16384 && len(raw) > size+6+16 {
				t.Fatalf("%d bytes became a frame of %d", size, len(raw))
			}
			if f, err := decoder.Decode(raw); err != nil || !bytes.Equal(f.Body, body) {
				t.Fatalf("frame %d of %d bytes: %v", i, size, err)
			}
		}
	})
}

// The frames come from another deflate library, with several flushes in a frame, and output that
// fills the window exactly.
func TestStreamsOfOtherDeflatersAreInflated(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var out bytes.Buffer
	deflate, err := flate.NewWriter(&out, 6)
	if err != nil {
		t.Fatal(err)
	}
	framer := newForeignFramer()
	decoder := blip.NewDecoder(1 << 20)
	defer decoder.Close()
	frames := 3000
	if testsize.RaceDetector {
		frames = 200
	}
	for i := range frames {
		body := make([]byte, cmp.Or(r.IntN(3), 1)*r.IntN(20_000))
		if i%10 == 0 {
			body = make([]byte, 32768)
		}
		for j := range body {
			body[j] = byte(r.IntN(1 + i%7*40))
		}
		for piece := range slices.Chunk(body, 1+r.IntN(32768)) {
			if _, err := deflate.Write(piece); err != nil {
				t.Fatal(err)
			}
			if err := deflate.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if len(body) == 0 {
			_ = deflate.Flush()
		}
		raw := framer.frame(bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff}), body)
		out.Reset()
		if f, err := decoder.Decode(raw); err != nil || !bytes.Equal(f.Body, body) {
			t.Fatalf("frame %d of %d bytes: %v", i, len(body), err)
		}
	}
}
