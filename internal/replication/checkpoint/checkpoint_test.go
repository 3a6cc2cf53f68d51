package checkpoint_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/replication/checkpoint"
)

// TestRemoteStopsBeforeTheEarliestThatIsOpen plays random pulls against a plain list.
func TestRemoteStopsBeforeTheEarliestThatIsOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			seq  *checkpoint.Sequence
			text string
			done bool
			left bool
		}
		remote := checkpoint.NewRemote("7")
		var all []*entry
		forgotten := false
		open := func(e *entry) bool { return !e.done && !e.left }
		pick := func(label string) *entry {
			if !slices.ContainsFunc(all, open) {
				t.Skip("nothing is open")
			}
			return rapid.SampledFrom(slices.DeleteFunc(slices.Clone(all), func(e *entry) bool { return !open(e) })).Draw(t, label)
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				text := strconv.Itoa(100 + len(all))
				all = append(all, &entry{seq: remote.Add(text), text: text})
			},
			"complete": func(*rapid.T) { e := pick("done"); e.done = true; remote.Complete(e.seq) },
			"leave":    func(*rapid.T) { e := pick("left"); e.left = true; remote.Leave(e.seq) },
			"forget": func(t *rapid.T) {
				if rapid.IntRange(0, 20).Draw(t, "chance") == 0 {
					forgotten = true
					remote.Forget()
				}
			},
			"": func(t *rapid.T) {
				want, pending, stuck := "7", 0, false
				for _, e := range all {
					if e.done && pending == 0 {
						want = e.text
						continue
					}
					if !stuck {
						pending++
					}
					stuck = stuck || e.left
				}
				if got := remote.Pending(); got != pending {
					t.Fatalf("of %+v are %d pending, want %d", all, got, pending)
				}
				if forgotten {
					want = ""
				}
				if got := remote.Last(); got != want {
					t.Fatalf("of %+v the last is %q, want %q", all, got, want)
				}
			},
		})
	})
}

// TestLocalVouchesForWhatIsDoneAlone plays random pushes against a plain set.
func TestLocalVouchesForWhatIsDoneAlone(t *testing.T) {
	const most = 40
	rapid.Check(t, func(t *rapid.T) {
		earlier := map[uint64]bool{0: true}
		for seq := range uint64(most) {
			earlier[seq] = seq == 0 || rapid.Bool().Draw(t, "done before")
		}
		local := checkpoint.NewLocal(spansOf(earlier, most))
		pending, seen := map[uint64]bool{}, local.Seen()
		sequence := rapid.Uint64Range(1, most-1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				seq := sequence.Draw(t, "seq") // also one that was done: the peer may have lost it
				pending[seq] = true
				local.Add(seq)
			},
			"complete": func(t *rapid.T) {
				seq := sequence.Draw(t, "seq")
				if got := local.Complete(seq); got != pending[seq] {
					t.Fatalf("completing %d tells %t, want %t", seq, got, pending[seq])
				}
				delete(pending, seq)
			},
			"look": func(t *rapid.T) {
				seq := sequence.Draw(t, "seq")
				seen = max(seen, seq)
				local.Look(seq)
			},
			"": func(t *rapid.T) {
				for seq := range uint64(most) {
					want := (seq <= seen || earlier[seq]) && !pending[seq]
					if got := covers(local.Done(), seq); got != want {
						t.Fatalf("%d is done %t by %v, want %t (seen %d)", seq, got, local.Done(), want, seen)
					}
					if got := local.Finished(seq); got != earlier[seq] {
						t.Fatalf("%d is finished %t, want %t", seq, got, earlier[seq])
					}
				}
			},
		})
	})
}

// TestAgreeOnNoMoreThanBothSay merges random copies.
func TestAgreeOnNoMoreThanBothSay(t *testing.T) {
	const most = 30
	rapid.Check(t, func(t *rapid.T) {
		copies := make([]checkpoint.Position, 2)
		sets := make([]map[uint64]bool, 2)
		for i := range copies {
			sets[i] = map[uint64]bool{}
			for seq := range uint64(most) {
				sets[i][seq] = rapid.Bool().Draw(t, "done")
			}
			copies[i] = checkpoint.Position{
				Done: spansOf(sets[i], most), Remote: rapid.SampledFrom([]string{"", "5", "7", `"8:5"`, `"x"`}).Draw(t, "remote"),
			}
		}
		agreed := checkpoint.Agree(copies[0], copies[1])
		for seq := range uint64(most) {
			if got, want := covers(agreed.Done, seq), sets[0][seq] && sets[1][seq]; got != want {
				t.Fatalf("%v and %v agree on %v: %d is %t, want %t", copies[0].Done, copies[1].Done, agreed.Done, seq, got, want)
			}
		}
	})
}

// TestTheEarlierRemoteSequenceCounts lists which position two copies agree on.
func TestTheEarlierRemoteSequenceCounts(t *testing.T) {
	for _, c := range []struct{ local, remote, want string }{
		{"117", "117", "117"},
		{"117", "116", "116"},
		{"116", "117", "116"},
		{"", "117", ""},
		{"117", "", ""},
		{`"12:117"`, "117", `"12:117"`},
		{"117", `"12:117"`, `"12:117"`},
		{"117", `"117:5"`, `"117:5"`}, // triggered at 117 comes before 117
		{`"117:5"`, "117", `"117:5"`},
		{`"12:117"`, `"12:116"`, `"12:116"`},
		{`"5::117"`, "6", `"5::117"`},
		{"5", `"5::117"`, "5"},
		{`"5:7:117"`, `"5::117"`, `"5:7:117"`},
		{`"5::118"`, `"5::117"`, `"5::117"`},
		{"117", `"x"`, ""},
		{`"1:2:3:4"`, "117", ""},
		{"117", `"1::"`, ""},
	} {
		t.Run(fmt.Sprintf("%s and %s", c.local, c.remote), func(t *testing.T) {
			got := checkpoint.Agree(checkpoint.Position{Remote: c.local}, checkpoint.Position{Remote: c.remote}).Remote
			if got != c.want {
				t.Errorf("agreed on %s, want %s", got, c.want)
			}
		})
	}
}

func spansOf(set map[uint64]bool, most uint64) []checkpoint.Span {
	var spans []checkpoint.Span
	for seq := range most {
		if set[seq] {
			spans = append(spans, checkpoint.Span{First: seq, End: seq + 1})
		}
	}
	return checkpoint.Merge(spans)
}

func covers(spans []checkpoint.Span, seq uint64) bool {
	return slices.ContainsFunc(spans, func(s checkpoint.Span) bool { return s.First <= seq && seq < s.End })
}
