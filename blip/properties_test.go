package blip_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestPropertiesAreReadAsTruthsAndNumbers(t *testing.T) {
	cases := map[string]struct {
		yes    bool
		number int64 // with -7 as default
	}{
		"true": {true, -7}, "TRUE": {true, -7}, "Yes": {true, -7},
		"false": {false, -7}, "no": {false, -7}, "NO": {false, -7}, "": {false, -7},
		"1": {true, 1}, "0": {false, 0}, "-3": {true, -3}, "12345678901": {true, 12345678901},
		"1x": {false, -7}, " 1": {false, -7}, "1.0": {false, -7}, "99999999999999999999": {false, -7},
		"maybe": {false, -7},
	}
	for value, want := range cases {
		props := blip.Props("key", value)
		if got := props.Bool("key"); got != want.yes {
			t.Errorf("Bool of %q = %v, want %v", value, got, want.yes)
		}
		if got := props.Int("key", -7); got != want.number {
			t.Errorf("Int of %q = %d, want %d", value, got, want.number)
		}
	}
}

func TestPropertiesOfTwoTheFirstCounts(t *testing.T) {
	props := blip.Props("a", "1", "a", "2", "b")
	if v, ok := props.Get("a"); v != "1" || !ok {
		t.Errorf("a = %q, %v", v, ok)
	}
	if v, ok := props.Get("b"); v != "" || !ok {
		t.Errorf("b = %q, %v, want an empty value", v, ok)
	}
	if v, ok := props.Get("A"); ok {
		t.Errorf("A = %q, want none: case matters", v)
	}
	props.Set("a", "3")
	props.Set("c", "4")
	if diff := cmp.Diff(blip.Props("a", "3", "a", "2", "b", "", "c", "4"), props); diff != "" {
		t.Error(diff)
	}
}

func TestParseMessageUndoesAppend(t *testing.T) {
	text := rapid.StringMatching(`[^\x00]*`)
	testsize.Check(t, func(t *rapid.T) {
		var want blip.Properties
		for range rapid.IntRange(0, 10).Draw(t, "count") {
			want.Add(text.Draw(t, "key"), text.Draw(t, "value"))
		}
		body := rapid.String().Draw(t, "body")
		props, rest, err := blip.ParseMessage(append(want.Append(nil), body...))
		if err != nil || string(rest) != body || !cmp.Equal(props, want) {
			t.Fatalf("%v %q came back as %v %q (%v)", want, body, props, rest, err)
		}
	})
}

func FuzzProperties(f *testing.F) {
	f.Add([]byte("\x04a\x00b\x00body"))
	f.Add([]byte("\x00"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	for _, path := range recordings(f)[:8] {
		_, messages := loadFrames(f, path)
		for _, m := range messages {
			f.Add(append(m.Properties.Append(nil), m.Body...))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var props blip.Properties
		var body []byte
		var err error
		fuzzing.Bounded(t, len(raw), func() { props, body, err = blip.ParseMessage(raw) })
		if err != nil {
			if !isProtocolError(err) {
				t.Fatalf("error %v has no code", err)
			}
			return
		}
		again, rest, err := blip.ParseMessage(append(props.Append(nil), body...))
		if err != nil || !cmp.Equal(again, props) || string(rest) != string(body) {
			t.Fatalf("%v %q came back as %v %q (%v)", props, body, again, rest, err)
		}
	})
}
