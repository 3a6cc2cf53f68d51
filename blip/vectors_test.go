package blip_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// recordings returns the recorded conversations: those in testdata, and those beside the
// repository.
func recordings(t testing.TB) []string {
	t.Helper()
	own, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(own) == 0 {
		t.Fatalf("no recordings in testdata (%v)", err)
	}
	if testsize.RaceDetector {
		return own
	}
	all, err := filepath.Glob("../../shared/vectors/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return append(own, all...)
}

func loadFrames(t testing.TB, path string) (events []bliptest.Event, messages []bliptest.Message) {
	t.Helper()
	events, err := bliptest.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	messages, err = bliptest.Messages(events)
	if err != nil {
		t.Fatal(err)
	}
	return events, messages
}

func TestRecordingsDecode(t *testing.T) {
	total := 0
	for _, path := range recordings(t) {
		_, messages := loadFrames(t, path)
		for _, m := range messages {
			if m.Flags.Type() == blip.TypeMSG && m.Properties.Value("Profile") == "" {
				t.Errorf("%s line %d: request without profile: %v", path, m.Line, m.Properties)
			}
		}
		total += len(messages)
	}
	if total < 50 {
		t.Errorf("only %d messages in all recordings", total)
	}
	t.Logf("%d messages", total)
}

// Frames encoded from the recorded pieces decode to the same messages.
func TestRecordingsSurviveEncoding(t *testing.T) {
	for _, path := range recordings(t) {
		events, want := loadFrames(t, path)
		type stream struct {
			conn int
			dir  string
		}
		encoders := map[stream]*blip.Encoder{}
		decoders := map[stream]*blip.Decoder{}
		for i, e := range events {
			if e.Op != "binary" {
				continue
			}
			s := stream{e.Conn, e.Direction}
			if encoders[s] == nil {
				encoders[s], decoders[s] = blip.NewEncoder(1), blip.NewDecoder(1<<30)
				defer decoders[s].Close()
			}
			f, err := decoders[s].Decode(e.Data)
			if err != nil {
				t.Fatal(err)
			}
			if f.Flags.Type() > blip.TypeERR {
				continue
			}
			raw, err := encoders[s].Append(nil, f.Number, f.Flags, f.Body)
			if err != nil {
				t.Fatal(err)
			}
			if f.Flags&blip.Compressed == 0 && !bytes.Equal(raw, e.Data) {
				t.Errorf("%s line %d: frame %x, want %x", path, e.Line, raw, e.Data)
			}
			events[i].Data = raw
		}
		got, err := bliptest.Messages(events)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// A Conn that receives one side of a recording gets the requests with the peer's bytes.
func TestConnReadsRecordings(t *testing.T) {
	for _, path := range recordings(t) {
		events, messages := loadFrames(t, path)
		replayRequests(t, path, events, messages)
	}
}

// replayRequests feeds the frames of the client's first connection to a Conn, up to the first
// reply.
func replayRequests(t *testing.T, path string, events []bliptest.Event, messages []bliptest.Message) {
	t.Helper()
	isReply := func(e bliptest.Event) bool {
		raw := e.Data
		for raw[0]&0x80 != 0 {
			raw = raw[1:]
		}
		return blip.Flags(raw[1]).Type() != blip.TypeMSG
	}
	left, right := blip.NewPipePair()
	var got []bliptest.Message
	conn := run(t, left, blip.Config{Handler: func(r *blip.Request) {
		got = append(got, bliptest.Message{Number: r.Number, Properties: r.Properties, Body: r.Body})
		r.Reply(nil)
	}})
	peer := bliptest.NewPeer(t, right)
	last := 0
	for _, e := range events {
		if e.Op != "binary" || e.Conn != 1 || e.Direction != bliptest.ToServer {
			continue
		}
		if isReply(e) {
			break
		}
		peer.SendRaw(e.Data)
		last = e.Line
	}
	peer.Pipe.Close(1000, "")
	<-conn.ended
	var want []bliptest.Message
	for _, m := range messages {
		if m.Conn == 1 && m.Direction == bliptest.ToServer && m.Line <= last && m.Flags.Type() == blip.TypeMSG {
			want = append(want, bliptest.Message{Number: m.Number, Properties: m.Properties, Body: m.Body})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}
