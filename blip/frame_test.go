package blip_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// workedFrame is a frame worked out by hand.
type workedFrame struct {
	name   string
	raw    string
	number uint64
	flags  blip.Flags
	props  blip.Properties // of the first frame of a message
	body   string
}

var clientFrames = []workedFrame{
	{
		name: "A", number: 1, props: blip.Props("Profile", "getCheckpoint", "client", "cp-abc"),
		raw: `01 00 24
			50 72 6f 66 69 6c 65 00 67 65 74 43 68 65 63 6b 70 6f 69 6e 74 00
			63 6c 69 65 6e 74 00 63 70 2d 61 62 63 00
			55 75 19 7f`,
	},
	{
		name: "C", number: 2, flags: blip.Compressed | blip.Urgent,
		props: blip.Props("Profile", "proposeChanges", "conflictIncludesRev", "true"),
		body:  `[["doc1","1-aaaa"],["doc2","1-bbbb"],["doc3","2-cccc","1-aaaa"]]`,
		raw: `02 18
			32 08 28 ca 4f cb cc 49 65 28 28 ca 2f c8 2f 4e 75 ce 48 cc 4b 4f 2d 66 48 ce cf 4b cb c9 4c 2e
			f1 cc 4b ce 29 4d 49 2d 0e 4a 2d 63 28 29 2a 4d 65 88 8e 56 4a c9 4f 36 54 d2 51 32 d4 4d 04 02
			a5 58 1d b0 88 11 58 24 09 08 60 22 c6 40 11 23 dd 64 20 40 52 1c 0b 00
			19 85 57 69`,
	},
	{
		name: "D", number: 3, flags: blip.Compressed,
		props: blip.Props("Profile", "rev", "id", "doc1", "rev", "1-aaaa", "sequence", "1", "noconflicts", "true"),
		body:  `{"a":1}`,
		raw: `03 08
			b2 86 59 58 04 34 31 33 85 01 64 18 98 0d 51 c1 50 9c 5a 58 9a 9a 97 9c ca 60 c8 90 97 0f 73 45
			31 c4 ee 6a a5 44 25 2b c3 5a 00 00
			99 4e 7b c8`,
	},
}

var serverFrames = []workedFrame{
	{
		name: "B", number: 1, flags: blip.TypeERR,
		props: blip.Props("Error-Domain", "HTTP", "Error-Code", "404"), body: "not found",
		raw: `01 02 21
			45 72 72 6f 72 2d 44 6f 6d 61 69 6e 00 48 54 54 50 00
			45 72 72 6f 72 2d 43 6f 64 65 00 34 30 34 00
			6e 6f 74 20 66 6f 75 6e 64
			4c 72 8b df`,
	},
	{name: "E", number: 2, flags: blip.TypeRPY | blip.Urgent, body: "[]", raw: "02 11 00 5b 5d 53 7d 53 15"},
	{
		name: "F1", number: 1, flags: blip.MoreComing, props: blip.Props("Profile", "x"), body: "0",
		raw: "01 40 0a 50 72 6f 66 69 6c 65 00 78 00 30 ff c0 24 fa",
	},
	{name: "F2", number: 1, body: "123456789", raw: "01 00 31 32 33 34 35 36 37 38 39 9d c9 28 c9"},
}

// plain returns the frame's plain body.
func (w workedFrame) plain() []byte {
	if w.name == "F2" {
		return []byte(w.body)
	}
	return append(w.props.Append(nil), w.body...)
}

func TestDecoderReadsWorkedExamples(t *testing.T) {
	for _, conversation := range [][]workedFrame{clientFrames, serverFrames} {
		decoder := blip.NewDecoder(1 << 20)
		defer decoder.Close()
		for _, want := range conversation {
			got, err := decoder.Decode(unhex(t, want.raw))
			if err != nil {
				t.Fatalf("%s: %v", want.name, err)
			}
			if got.Number != want.number || got.Flags != want.flags {
				t.Errorf("%s: number %d, flags %#x, want %d, %#x",
					want.name, got.Number, got.Flags, want.number, want.flags)
			}
			if !bytes.Equal(got.Body, want.plain()) {
				t.Errorf("%s: body %q, want %q", want.name, got.Body, want.plain())
			}
		}
	}
}

func TestEncoderWritesWorkedExamples(t *testing.T) {
	for _, conversation := range [][]workedFrame{clientFrames, serverFrames} {
		encoder, decoder := blip.NewEncoder(1), blip.NewDecoder(1<<20)
		defer decoder.Close()
		for _, want := range conversation {
			raw, err := encoder.Append(nil, want.number, want.flags, want.plain())
			if err != nil {
				t.Fatal(err)
			}
			expected := unhex(t, want.raw)
			if want.flags&blip.Compressed == 0 && !bytes.Equal(raw, expected) {
				t.Errorf("%s: frame %x, want %x", want.name, raw, expected)
			}
			if sum := raw[len(raw)-4:]; !bytes.Equal(sum, expected[len(expected)-4:]) {
				t.Errorf("%s: checksum %x, want %x", want.name, sum, expected[len(expected)-4:])
			}
			if got, err := decoder.Decode(raw); err != nil || !bytes.Equal(got.Body, want.plain()) {
				t.Errorf("%s: decodes to %q, %v, want %q", want.name, got.Body, err, want.plain())
			}
		}
	}
}

// An encoder that has the memory of a closed one refers to nothing that the closed one has sent.
func TestAnEncoderBeginsAnew(t *testing.T) {
	secret := bytes.Repeat([]byte("what another peer was told"), 1000)
	for level := 1; level <= 9; level++ {
		var first []byte
		for i := range 10 {
			encoder, decoder := blip.NewEncoder(level), blip.NewDecoder(1<<20)
			raw, err := encoder.Append(nil, 1, blip.Compressed, secret)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = raw
			}
			if f, err := decoder.Decode(raw); err != nil || !bytes.Equal(f.Body, secret) || !bytes.Equal(raw, first) {
				t.Errorf("level %d: frame %d differs from the first, or does not decode: %v", level, i, err)
			}
			encoder.Close()
			decoder.Close()
		}
	}
}

func TestChecksumOfTheFirstFrame(t *testing.T) {
	raw, err := blip.NewEncoder(1).Append(nil, 1, blip.TypeRPY, []byte{0x00, '[', ']'})
	if err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "01 01 00 5b 5d b3 d4 70 c4"); !bytes.Equal(raw, want) {
		t.Errorf("frame %x, want %x", raw, want)
	}
}

func TestDecoderReadsAcknowledgement(t *testing.T) {
	got, err := blip.NewDecoder(1 << 20).Decode(unhex(t, "07 34 e5 86 03"))
	if err != nil || got.Number != 7 || got.Total != 50021 || got.Flags.Type() != blip.TypeACKMSG {
		t.Errorf("got %+v, %v, want an acknowledgement of 50021 bytes of request 7", got, err)
	}
}

// Undefined types do not count for the checksum, as in LiteCore.
func TestDecoderSkipsUndefinedTypes(t *testing.T) {
	decoder := blip.NewDecoder(1 << 20)
	defer decoder.Close()
	for _, raw := range []string{"01 03 aa bb", "01 06", "01 07 00 00 00 00 00", clientFrames[0].raw} {
		if _, err := decoder.Decode(unhex(t, raw)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestUndefinedFlagBitsAreIgnored(t *testing.T) {
	decoder := blip.NewDecoder(1 << 20)
	defer decoder.Close()
	got, err := decoder.Decode(unhex(t, "01 81 0f 00 5b 5d b3 d4 70 c4"))
	if err != nil || got.Flags.Type() != blip.TypeRPY {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDecoderRefusesMalformedFrames(t *testing.T) {
	cases := map[string]string{
		"nothing":                "",
		"endless number":         "ff ff ff ff ff ff ff ff ff ff 01",
		"no flags":               "01",
		"endless flags":          "01 ff ff ff ff ff ff ff ff ff ff 01",
		"no checksum":            "01 00 00",
		"wrong checksum":         "01 01 00 5b 5d b3 d4 70 c5",
		"empty acknowledgement":  "01 34",
		"cut acknowledgement":    "01 34 e5 86",
		"reserved deflate block": "01 08 07 00 00 00 00",
		"distance before start":  "01 08 03 fe ff 00 00 00 00",
	}
	for name, raw := range cases {
		t.Run(name, func(t *testing.T) {
			decoder := blip.NewDecoder(1 << 20)
			defer decoder.Close()
			if f, err := decoder.Decode(unhex(t, raw)); !isProtocolError(err) {
				t.Errorf("got %+v, %v, want a protocol error", f, err)
			}
		})
	}
}

// A small frame cannot make a decoder hold much.
func TestDecoderCapsInflation(t *testing.T) {
	const limit = 100_000
	raw, err := blip.NewEncoder(9).Append(nil, 1, blip.Compressed, make([]byte, 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	decoder := blip.NewDecoder(limit)
	defer decoder.Close()
	f, err := decoder.Decode(raw)
	if !errors.Is(err, fault.New(fault.WebSocket, 1009, "")) || len(f.Body) > 2*limit {
		t.Errorf("frame of %d bytes became %d (%v), want error 1009", len(raw), len(f.Body), err)
	}
	if _, err := decoder.Decode(raw); err == nil {
		t.Error("the decoder goes on after an error")
	}
}
