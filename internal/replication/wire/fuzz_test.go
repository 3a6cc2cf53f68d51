package wire

import (
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/replication/checkpoint"
)

func FuzzChanges(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `[[101,"a","1-6f7c"],["98:103","b","2-77",1,2048]]`, `[[1,"a","18e9@AbCdEf0123456789+/abcA; 1@x",true]]`,
		`[[1,"a","x"],[2,"","1-aa"]]`, `[[{},"a","1-aa"]]`, `[[1]]`, `[[1,2,3,4,5,6,7,8,9]]`, `[[1,"a","1-aa",-1,-1]] []`, `[[1,"a]","1-aa"],[2,"b,","1-aa",0]]`, `[[01,"a","1-aa"]]`, `[[1,"a","1-aa"],]`, `[[1,,"a"]]`, `[[]]`, `[[1,"\ud800","1-a"]]`,
	} {
		f.Add([]byte(seed))
	}
	for _, m := range fuzzing.Recorded(f, "changes") {
		f.Add(m.Body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var changes []Change
		var err error
		fuzzing.Bounded(t, len(body), func() { changes, err = ParseChanges(body, 20<<20) })
		if err != nil {
			return
		}
		var slow []entry
		_ = new(entryReader).each(body, func(e entry) error { slow = append(slow, slices.Clone(e)); return nil })
		if isPlain(body) {
			var fast []entry
			err := new(entryReader).eachPlain(body, func(e entry) error { fast = append(fast, slices.Clone(e)); return nil })
			if err != nil || !slices.EqualFunc(fast, slow, slices.Equal) {
				t.Fatalf("%q is plain, read as %q, want %q: %v", body, fast, slow, err)
			}
		}
		if len(changes)*8 > len(body) {
			t.Fatalf("%d changes out of %d bytes", len(changes), len(body))
		}
		for _, c := range changes {
			if c.Sequence == "" || len(c.Sequence) > MaxSequence || c.Size < 0 || c.Bad == nil && c.Rev.ID == "" {
				t.Fatalf("%q: %+v", body, c)
			}
			if c.Bad != nil || !utf8.ValidString(c.ID) { // no ID of ours, which alone are written
				continue
			}
			text := append(AppendChange([]byte("["), 7, c.ID, c.Rev.ID, true, c.Size, c.Tree), ']')
			again, err := ParseChanges(text, 20<<20)
			if err != nil || len(again) != 1 || again[0].ID != c.ID || again[0].Rev.ID != c.Rev.ID || again[0].Size != c.Size {
				t.Fatalf("%q: written as %s, read as %+v: %v", body, text, again, err)
			}
		}
	})
}

func FuzzProposals(f *testing.F) {
	for _, seed := range []string{
		``, `[]`, `[["a","2-bb","1-aa"],["b","1-cc"],["c","1-dd","",512]]`, `[["a","18e9@AbCdEf0123456789+/abcA","1-aa",null]]`,
		`[["a","2-bb",null,1]]`, `[["a","2-bb","x"]]`, `[["",""]]`, `[[7,8]]`,
	} {
		f.Add([]byte(seed))
	}
	for _, m := range fuzzing.Recorded(f, "proposeChanges") {
		f.Add(m.Body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var proposals []Proposal
		var err error
		fuzzing.Bounded(t, len(body), func() { proposals, err = ParseProposals(body) })
		if err != nil {
			return
		}
		for _, p := range proposals {
			if p.Bad != nil || !utf8.ValidString(p.ID) { // no ID of ours, which alone are written
				continue
			}
			text := append(AppendProposal([]byte("["), p.ID, p.Rev.Vector(), p.Parent, 9, p.Tree), ']')
			again, err := ParseProposals(text)
			if err != nil || len(again) != 1 || again[0].ID != p.ID || again[0].Rev.ID != p.Rev.ID ||
				again[0].Parent != p.Parent || again[0].Bad != nil {
				t.Fatalf("%q: written as %s, read as %+v: %v", body, text, again, err)
			}
		}
	})
}

func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `[0,[],["1-aa","x"],304,409,{"status":409,"rev":"2-bb"},{"status":409,"rev":""}]`, `[1e99]`, `[{"rev":7}]`, `[[],[],[]]`, `[[],[],[],[],[],[],[]]`, `{}`, `[[`,
	} {
		f.Add([]byte(seed), 7)
	}
	for _, m := range fuzzing.Recorded(f, "changes answer", "proposeChanges answer") {
		f.Add(m.Body, 200)
	}
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		n = min(max(n, 0), 200)
		var answers []Answer
		var err error
		fuzzing.Bounded(t, len(body), func() { answers, err = ParseAnswers(body, n) })
		if err != nil {
			return
		}
		if len(answers) != n {
			t.Fatalf("%d answers, want %d", len(answers), n)
		}
		text := AppendAnswers(nil, answers)
		again, err := ParseAnswers(text, n)
		if err != nil {
			t.Fatalf("%q: written as %s: %v", body, text, err)
		}
		for i, a := range answers {
			b := again[i]
			if a.Send != b.Send || a.Status != b.Status || !slices.Equal(a.Known, b.Known) || a.HasRev && a.Status != 0 && a.Rev != b.Rev {
				t.Fatalf("%q: answer %d was %+v, is %+v in %s", body, i, a, b, text)
			}
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"time":1700000000,"local":42,"localCompleted":[0,43,50,2],"remote":117}`, `{"remote":"12:117","rev":"1-cc"}`, `{"remote":"<&>"}`,
		`{"local":18446744073709551615}`, `{"localCompleted":[18446744073709551615,1,5]}`, `{"localCompleted":[9,3,1,2,0,1]}`, `{"remote":{"a":[ ]}}`, `{"remote":null}`,
	} {
		f.Add([]byte(seed), []byte(`{"local":7,"remote":3}`))
	}
	for _, m := range fuzzing.Recorded(f, "setCheckpoint", "getCheckpoint answer") {
		f.Add(m.Body, m.Body)
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		var a checkpoint.Position
		var err error
		fuzzing.Bounded(t, len(one), func() { a, _, err = ParseCheckpoint(one) })
		if err != nil {
			return
		}
		again, _, err := ParseCheckpoint(EncodeCheckpoint(a, time.Unix(1, 0)))
		if err != nil || !a.Equal(again) {
			t.Fatalf("%q is %+v, written and read %+v: %v", one, a, again, err)
		}
		b, _, err := ParseCheckpoint(other)
		if err != nil {
			return
		}
		both := checkpoint.Agree(a, b)
		for i, s := range both.Done {
			if s.First >= s.End || i > 0 && s.First < both.Done[i-1].End {
				t.Fatalf("agreed on %v", both.Done)
			}
			if !covers(a.Done, s) || !covers(b.Done, s) {
				t.Fatalf("agreed on %v of %v and %v", s, a.Done, b.Done)
			}
		}
		if both.Remote != "" && both.Remote != a.Remote && both.Remote != b.Remote {
			t.Fatalf("agreed on %q of %q and %q", both.Remote, a.Remote, b.Remote)
		}
	})
}

func covers(spans []checkpoint.Span, s checkpoint.Span) bool {
	return slices.ContainsFunc(spans, func(all checkpoint.Span) bool { return all.First <= s.First && s.End <= all.End })
}
