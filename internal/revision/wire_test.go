package revision_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

const (
	a1 revision.ID = "18a3f2c1d5e10000@AbCdEf0123456789+/abcA"
	a2 revision.ID = "18a3f2c1d5e20000@AbCdEf0123456789+/abcA"
	b1 revision.ID = "18a3f2c1d5e10000@5iVVo23bSb68FeKIZ3/gVQ"
	b2 revision.ID = "18a3f2c1d5e20000@5iVVo23bSb68FeKIZ3/gVQ"
	c1 revision.ID = "18a3f2c1d5e10000@vues3Jw1QbeTnRn8XBGbzw"
	d1 revision.ID = "18a3f2c1d5e10000@ppP//d4YAHz1P3kzJOmw1g"
)

type ids = []revision.ID

// chain returns the text of tree IDs with falling generations.
func chain(from, to int) string {
	var list []string
	for g := from; g >= to; g-- {
		list = append(list, fmt.Sprintf("%d-ab%04d", g, g))
	}
	return strings.Join(list, ",")
}

func text(list ...revision.ID) string {
	out := make([]string, len(list))
	for i, id := range list {
		out[i] = string(id)
	}
	return strings.Join(out, ",")
}

func TestParseRevReadsEveryFormOfHistory(t *testing.T) {
	for name, x := range map[string]struct {
		id, history string
		want        revision.History
	}{
		"none":                      {string(a1), "", revision.History{}},
		"none of a tree":            {"7-ab", "", revision.History{}},
		"tree":                      {"3-c", "2-b,1-a", revision.History{Ancestors: ids{"2-b", "1-a"}}},
		"tree with spaces":          {"3-c", "2-b, 1-a", revision.History{Ancestors: ids{"2-b", "1-a"}}},
		"previous":                  {string(a2), text(b1, c1), revision.History{Previous: ids{b1, c1}}},
		"merge":                     {string(a2), string(b1) + ", " + string(c1) + ";", revision.History{Merges: ids{b1, c1}}},
		"merge of one":              {string(a2), string(b1) + ";", revision.History{Merges: ids{b1}}},
		"merge with own past":       {string(a2), text(a1, b1) + ";", revision.History{Merges: ids{a1, b1}}},
		"merge and previous":        {string(a2), text(a1, b1) + "; " + string(c1), revision.History{Merges: ids{a1, b1}, Previous: ids{c1}}},
		"legacy past":               {string(a2), "3-ab,1-cd", revision.History{Ancestors: ids{"3-ab", "1-cd"}}},
		"previous and legacy past":  {string(a2), string(b1) + ", 3-ab,2-ef", revision.History{Previous: ids{b1}, Ancestors: ids{"3-ab", "2-ef"}}},
		"everything":                {string(a2), string(b1) + ";" + string(c1) + ",1-ab", revision.History{Merges: ids{b1}, Previous: ids{c1}, Ancestors: ids{"1-ab"}}},
		"whole vector as ID":        {string(a2) + "; " + string(b1), "", revision.History{Previous: ids{b1}}},
		"own past among previous":   {string(a2), text(a1, b1), revision.History{Previous: ids{b1}}},
		"nothing but own past":      {string(a2), string(a1), revision.History{}},
		"encoded legacy past":       {string(a2), "1e71dbc9a27@Revision+Tree+Encoding", revision.History{Previous: ids{"1e71dbc9a27@Revision+Tree+Encoding"}}},
		"history longer than usual": {"500-ab", chain(499, 1), revision.History{Ancestors: split(chain(499, 1))}},
		"gap after 49":              {"100-ab", chain(99, 52) + ",7-ab,3-ab", revision.History{Ancestors: split(chain(99, 52) + ",7-ab,3-ab")}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := revision.ParseRev(x.id, x.history)
			if err != nil {
				t.Fatalf("ParseRev(%q, %q): %v", x.id, x.history, err)
			}
			if diff := cmp.Diff(x.want, got.History); diff != "" {
				t.Errorf("ParseRev(%q, %q): (-want +got)\n%s", x.id, x.history, diff)
			}
			if want, _, _ := strings.Cut(x.id, ";"); string(got.ID) != want {
				t.Errorf("ID %q, want %q", got.ID, want)
			}
		})
	}
}

func split(list string) ids {
	var out ids
	for item := range strings.SplitSeq(list, ",") {
		out = append(out, revision.ID(item))
	}
	return out
}

func TestParseRevRefusesImpossibleHistories(t *testing.T) {
	for name, x := range map[string]struct{ id, history string }{
		"no ID":                         {"", "1-ab"},
		"generation repeated":           {"3-c", "3-b"},
		"generation rising":             {"3-c", "1-a,2-b"},
		"gap at the parent":             {"4-c", "2-b"},
		"rising after 49":               {"100-ab", chain(99, 52) + ",60-ab"},
		"gap after 20":                  {"100-ab", chain(99, 81) + ",7-ab"},
		"empty item":                    {"3-c", "2-b,,1-a"},
		"trailing comma":                {"3-c", "2-b,"},
		"version in a tree's history":   {"3-c", string(a1)},
		"merge in a tree's history":     {"3-c", string(a1) + ";2-b"},
		"only a semicolon":              {string(a2), ";"},
		"begins with a semicolon":       {string(a2), ";" + string(b1)},
		"two semicolons":                {string(a2), string(b1) + ";" + string(c1) + ";"},
		"source twice in previous":      {string(a2), text(b2, b1)},
		"source twice in merges":        {string(a2), text(b2, b1) + ";"},
		"source in both":                {string(a2), string(b2) + ";" + string(b1)},
		"own source later in merges":    {string(a1), string(a2) + ";"},
		"own version in merges":         {string(a1), string(a1) + ";"},
		"own source later in previous":  {string(a1), string(a2)},
		"local source":                  {string(a2), "18a3f2c1d5e10000@*"},
		"legacy before previous":        {string(a2), "3-ab," + string(b1)},
		"legacy among merges":           {string(a2), "3-ab;"},
		"legacy rising":                 {string(a2), "1-ab,2-cd"},
		"garbage":                       {string(a2), "hello"},
		"vector as ID, and history":     {string(a2) + ";" + string(b1), string(c1)},
		"vector with two semicolons":    {string(a2) + ";" + string(b1) + ";" + string(c1), ""},
		"vector that ends too early":    {string(a2) + ",", ""},
		"vector with merges and 2 semi": {string(a2) + "," + string(b1) + ";;", ""},
		"vector of a tree":              {"3-c,2-b", ""},
		"more sources than can be":      {string(a2), manySources(1025)},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := revision.ParseRev(x.id, x.history); !errors.Is(err, fault.BadRevisionID) {
				t.Errorf("ParseRev(%q, %q) = %v, %v, want a malformed revision ID", x.id, x.history, got, err)
			}
		})
	}
}

func manySources(n int) string {
	list := make(ids, n)
	for i := range list {
		list[i] = revision.NewVersion(a1.Time(), revision.Source(fmt.Sprint("source", i)))
	}
	return text(list...)
}

func TestVectorsAreReadAndWritten(t *testing.T) {
	for name, x := range map[string]struct {
		text, strict string
		want         revision.Rev
	}{
		"version":            {"18A3f2c1d5e20000@AbCdEf0123456789+/abcA", string(a2), revision.Rev{ID: a2}},
		"tree":               {"3-ab", "3-ab", revision.Rev{ID: "3-ab"}},
		"previous":           {string(a2) + "; " + string(b1) + ", " + string(c1), string(a2) + ";" + text(b1, c1), revision.Rev{ID: a2, History: revision.History{Previous: ids{b1, c1}}}},
		"merge":              {string(a2) + ", " + string(b1) + ", " + string(c1) + ";", text(a2, b1, c1) + ";", revision.Rev{ID: a2, History: revision.History{Merges: ids{b1, c1}}}},
		"merge, no semi":     {text(a2, b1, c1), text(a2, b1, c1) + ";", revision.Rev{ID: a2, History: revision.History{Merges: ids{b1, c1}}}},
		"merge and previous": {text(a2, b1, c1) + "; " + string(d1), text(a2, b1, c1) + ";" + string(d1), revision.Rev{ID: a2, History: revision.History{Merges: ids{b1, c1}, Previous: ids{d1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := revision.ParseVector(x.text)
			if err != nil {
				t.Fatalf("ParseVector(%q): %v", x.text, err)
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("ParseVector(%q): (-want +got)\n%s", x.text, diff)
			}
			if got := got.Vector(); got != x.strict {
				t.Errorf("Vector() = %q, want %q", got, x.strict)
			}
		})
	}
}

func TestWireHistoryEndsWhereThePeerKnows(t *testing.T) {
	tree := revision.Rev{ID: "60-ab", History: revision.History{Ancestors: split(chain(59, 1))}}
	mixed := revision.Rev{ID: a2, History: revision.History{Merges: ids{b1}, Previous: ids{c1}, Ancestors: ids{"3-c", "2-b", "1-a"}}}
	has := func(known revision.ID) func(revision.ID) bool {
		return func(id revision.ID) bool { return id == known }
	}
	for name, x := range map[string]struct {
		rev   revision.Rev
		limit int
		known func(revision.ID) bool
		want  string
	}{
		"first revision":         {revision.Rev{ID: "1-a"}, 50, nil, ""},
		"first version":          {revision.Rev{ID: a1}, 50, nil, ""},
		"the peer's limit":       {tree, 20, nil, chain(59, 41)},
		"the default limit":      {tree, 0, nil, chain(59, 11)},
		"limit of one":           {tree, 1, nil, ""},
		"known is included":      {tree, 20, has("57-ab0057"), chain(59, 57)},
		"known beyond the limit": {tree, 4, has("50-ab0050"), chain(59, 58) + ",50-ab0050"},
		"known beyond a limit 1": {tree, 1, has("50-ab0050"), ""},
		"known at the limit":     {tree, 4, has("57-ab0057"), chain(59, 57)},
		"vectors are not cut":    {mixed, 1, nil, string(b1) + ";" + string(c1)},
		"legacy past, unknown":   {mixed, 50, has("9-z"), string(b1) + ";" + string(c1) + ",3-c,2-b,1-a"},
		"legacy past, known":     {mixed, 50, has("3-c"), string(b1) + ";" + string(c1) + ",3-c"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := x.rev.WireHistory(x.limit, x.known); got != x.want {
				t.Errorf("WireHistory(%d) = %q, want %q", x.limit, got, x.want)
			}
		})
	}
}

func TestPrunedCountsTheRevisionItself(t *testing.T) {
	tree := revision.Rev{ID: "5-e", History: revision.History{Ancestors: ids{"4-d", "3-c"}}}
	for depth, want := range map[int]int{0: 0, 1: 0, 2: 1, 3: 2, 4: 2} {
		if got := len(tree.Pruned(depth, nil).History.Ancestors); got != want {
			t.Errorf("Pruned(%d) keeps %d ancestors, want %d", depth, got, want)
		}
	}
}

func TestPrunedKeepsWhatAPeerHas(t *testing.T) {
	tree := revision.Rev{ID: "60-ab", History: revision.History{Ancestors: split(chain(59, 1))}}
	known := func(id revision.ID) bool { return id == "3-ab0003" || id == "58-ab0058" || id == "7-ab0007" }
	for depth, want := range map[int]string{
		4: chain(59, 57) + ",7-ab0007,3-ab0003", 1: "58-ab0058,7-ab0007,3-ab0003", 99: chain(59, 1),
	} {
		got := tree.Pruned(depth, known).History.Ancestors
		if !slices.Equal(got, split(want)) {
			t.Errorf("Pruned(%d) keeps %v, want %s", depth, got, want)
		}
	}
}

func TestStoredHistoryOfAnyShapeIsRefusedIfCorrupt(t *testing.T) {
	for _, text := range []string{"x", ",", ";", "1-a;", "1-a," + string(b1), string(b1) + ";;"} {
		if got, err := revision.ParseHistory(text); !errors.Is(err, fault.CorruptRevision) {
			t.Errorf("ParseHistory(%q) = %v, %v, want corrupt", text, got, err)
		}
	}
}

func TestCheckTimesRefusesWhatClocksCannotSay(t *testing.T) {
	now := time.Unix(1_780_000_000, 0)
	at := func(d time.Duration) revision.ID {
		return revision.NewVersion(revision.Time(now.Add(d).UnixNano()), alice)
	}
	for name, x := range map[string]struct {
		rev revision.Rev
		ok  bool
	}{
		"tree":               {revision.Rev{ID: "3-ab"}, true},
		"now":                {revision.Rev{ID: at(0)}, true},
		"110 s ahead":        {revision.Rev{ID: at(110 * time.Second)}, true},
		"2 minutes ahead":    {revision.Rev{ID: at(2 * time.Minute)}, true},
		"3 minutes ahead":    {revision.Rev{ID: at(3 * time.Minute)}, false},
		"ahead in merges":    {revision.Rev{ID: b1, History: revision.History{Merges: ids{at(3 * time.Minute)}}}, false},
		"ahead in previous":  {revision.Rev{ID: b1, History: revision.History{Previous: ids{at(3 * time.Minute)}}}, false},
		"least":              {revision.Rev{ID: "10000000000@src"}, true},
		"too little":         {revision.Rev{ID: "ffffffffff@src"}, false},
		"64 bits":            {revision.Rev{ID: "8000000000000000@src"}, false},
		"encoded, far ahead": {revision.Rev{ID: "7fffffffffffffff@Revision+Tree+Encoding"}, true},
		"encoded, 64 bits":   {revision.Rev{ID: "8000000000000000@Revision+Tree+Encoding"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := revision.CheckTimes(x.rev, now); (err == nil) != x.ok || err != nil && !errors.Is(err, fault.BadRevisionID) {
				t.Errorf("CheckTimes(%v) = %v", x.rev, err)
			}
		})
	}
}

func TestClockNeverStandsStill(t *testing.T) {
	wall := time.Unix(1_780_000_000, 123_456_789)
	first := revision.Next(0, wall)
	if first&0xffff != 0 || time.Duration(wall.UnixNano()-int64(first)) > 66*time.Microsecond {
		t.Errorf("Next(0, %v) = %x: want the wall clock without its low 16 bits", wall, first)
	}
	if got := revision.Next(first, wall); got != first+1 {
		t.Errorf("Next in the same instant = %x, want %x", got, first+1)
	}
	if got := revision.Next(first+1<<40, wall); got != first+1<<40+1 {
		t.Errorf("Next after a later time seen = %x", got)
	}
	if got := revision.Next(0, time.Time{}); got < revision.MinTime {
		t.Errorf("Next with a dead clock = %x: peers refuse it", got)
	}
	rev := revision.Rev{ID: a1, History: revision.History{Merges: ids{b2}, Previous: ids{"7fffffffffffffff@Revision+Tree+Encoding", c1}}}
	if got := revision.Greatest(rev); got != b2.Time() {
		t.Errorf("Greatest = %x, want %x", got, b2.Time())
	}
	if got := revision.Greatest(revision.Rev{ID: "3-ab"}); got != 0 {
		t.Errorf("Greatest of a tree = %x", got)
	}
}
