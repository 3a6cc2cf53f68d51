package wire

import (
	"slices"
	"testing"

	"github.com/tandemdb/tandem/internal/fuzzing"
)

func FuzzChanges(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `[[101,"a","1-6f7c"],["98:103","b","2-77",1,2048]]`, `[[1,"a","18e9@AbCdEf0123456789+/abcA; 1@x",true]]`,
		`[[1,"a","x"],[2,"","1-aa"]]`, `[[{},"a","1-aa"]]`, `[[1]]`, `[[1,2,3,4,5,6,7,8,9]]`, `[[1,"a","1-aa",-1,-1]] []`, `[[1,"\ud800","1-a"]]`,
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
		if len(changes)*8 > len(body) {
			t.Fatalf("%d changes out of %d bytes", len(changes), len(body))
		}
		for _, c := range changes {
			if c.Sequence == "" || len(c.Sequence) > MaxSequence || c.Size < 0 || c.Bad == nil && c.Rev.ID == "" {
				t.Fatalf("%q: %+v", body, c)
			}
			if c.Bad != nil {
				continue
			}
			text := append(AppendChange([]byte("["), 7, c.ID, c.Rev.ID, true, c.Size), ']')
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
			if p.Bad != nil {
				continue
			}
			text := append(AppendProposal([]byte("["), p.ID, p.Rev.Vector(), p.Parent, 9), ']')
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
		``, `null`, `[]`, `[0,[],["1-aa","x"],304,409,{"status":409,"rev":"2-bb"},{"status":409,"rev":""}]`, `[1e99]`, `[{"rev":7}]`, `{}`, `[[`,
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
