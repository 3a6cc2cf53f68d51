package replication_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
	"github.com/tandemdb/tandem/internal/store"
)

// What a client sends of either generation is taken as it is, or refused with an error and not stored by half. Apps of
// both generations go on with what is there.
func TestOddRevisionsOfEitherGeneration(t *testing.T) {
	t.Parallel()
	phone := revision.SourceFrom([16]byte{9})
	version := revision.NewVersion(0x18ec79a8e2b30000, phone)
	plain := func(generation uint64, digit string) string {
		return fmt.Sprint(generation, "-", strings.Repeat(digit, 40))
	}
	embedded := func(generation uint64, digits string) string { return fmt.Sprint(generation, "-ff", digits) }
	for name, x := range map[string]struct {
		protocol, rev, history string
		refused                string // with this; "" if it is taken
	}{
		"an embedded version of no time":         {replication.CBMobile3, embedded(2, strings.Repeat("0", 48)), plain(1, "a"), ""},
		"an embedded version beyond all time":    {replication.CBMobile3, embedded(2, strings.Repeat("f", 48)), plain(1, "a"), ""},
		"an embedded version of next year":       {replication.CBMobile3, embedded(2, "1a00000000000000"+strings.Repeat("1", 32)), plain(1, "a"), "LiteCore/4"},
		"one in the history":                     {replication.CBMobile3, plain(3, "b"), embedded(2, "1a00000000000000"+strings.Repeat("1", 32)), "LiteCore/4"},
		"an embedded tree ID near the last":      {replication.CBMobile3, string(both.Embed(2, revision.NewVersion(revision.MaxTime, revision.LegacySource))), "", "LiteCore/4"},
		"a generation near the last":             {replication.CBMobile3, plain(1<<23-1, "a"), "", "LiteCore/4"},
		"an encoded generation near the last":    {replication.CBMobile4, string(revision.NewVersion(revision.MaxTime, revision.LegacySource)), "", "LiteCore/4"},
		"a filler as a revision":                 {replication.CBMobile3, "2-fd123456", plain(1, "a"), ""},
		"a history of fillers":                   {replication.CBMobile3, plain(4, "c"), "3-fd123456,2-fd123456,1-fd123456", ""},
		"a history with gaps":                    {replication.CBMobile3, plain(9, "d"), plain(5, "d") + "," + plain(2, "d"), "LiteCore/4"},
		"a history that rises":                   {replication.CBMobile3, plain(2, "d"), plain(5, "d"), "LiteCore/4"},
		"a history of versions":                  {replication.CBMobile3, plain(2, "d"), string(version), "LiteCore/4"},
		"a version over the third protocol":      {replication.CBMobile3, string(version), "", "HTTP/400"},
		"a tail that nobody knows":               {replication.CBMobile4, string(version), plain(7, "e") + "," + plain(3, "e"), ""},
		"a tail that rises":                      {replication.CBMobile4, string(version), plain(3, "e") + "," + plain(7, "e"), "LiteCore/4"},
		"a tail of an embedded version of later": {replication.CBMobile4, string(version), embedded(2, "1a00000000000000"+strings.Repeat("1", 32)), "LiteCore/4"},
		"a tree revision over the fourth":        {replication.CBMobile4, plain(3, "f"), plain(2, "f"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, true)
			for _, app := range []*peer{f.trees, f.vects} {
				app.put("kept", `{"n":1}`)
				f.meet(app)
			}
			s := meetPassive(t, f.ours, func(cfg *replication.Passive) { cfg.Protocol = x.protocol })
			s.mustAsk("[{}]", "getCollections", "", oneCollection)
			props := "collection=0 id=odd rev=" + x.rev
			if x.history != "" {
				props += " history=" + x.history
			}
			s.mustAsk(x.refused, "rev", props, `{"odd":1}`)
			if _, has := f.ours.contents()["odd"]; has != (x.refused == "") {
				t.Errorf("the document is here: %t", has)
			}
			f.meetAll()
			for n, by := range []*peer{f.trees, f.vects, f.ours} {
				for id := range f.ours.contents() {
					by.put(id, fmt.Sprintf(`{"edit":%d}`, n))
				}
				f.meetAll()
			}
		})
	}
}

// An app is upgraded between two sessions. What was in sync stays so, and each side's edits arrive.
func TestAPeerChangesItsGenerationBetweenTwoSessions(t *testing.T) {
	t.Parallel()
	eachLead(t, func(f *fleet) {
		app := f.trees
		for i := range 4 {
			app.put(fmt.Sprintf("d%d", i), `{"n":1}`)
		}
		f.meetAll()
		app.put("d0", `{"n":2}`)
		f.ours.put("d1", `{"n":2}`)
		f.vects.put("d2", `{"n":2}`)
		f.meet(f.vects)
		if err := app.db.UpgradeVersioning(t.Context()); err != nil {
			t.Fatal(err)
		}
		app.put("d0", `{"n":3}`)
		if got := f.meet(app); got.Push.Documents+got.Pull.Documents != 3 || got.Conflicts > 0 {
			t.Errorf("the session after the upgrade moves %+v, want the three edits", got)
		}
		f.meetAll()
		want := map[string]string{"d0": `{"n":3}`, "d1": `{"n":2}`, "d2": `{"n":2}`, "d3": `{"n":1}`}
		for id, text := range f.ours.bodies() {
			if text != want[id] {
				t.Errorf("%s is %s, want %s", id, text, want[id])
			}
		}
	})
}

// Another database of the same name, of the other generation, takes the place of an app's: nothing is lost, and both
// go on.
func TestTwoDatabasesOfOneNameAndDifferentGenerations(t *testing.T) {
	t.Parallel()
	for name, versions := range map[string][2]store.Versioning{
		"the third, then the fourth": {store.RevTrees, store.VersionVectors},
		"the fourth, then the third": {store.VersionVectors, store.RevTrees},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, first, second := newPeer(t, store.Both), newPeer(t, versions[0]), newPeer(t, versions[1])
			meet := func(app *peer) {
				t.Helper()
				sync(t, ours, app, func(a *replication.Active, p *replication.Passive) {
					a.Remote, a.Protocol, p.Protocol = "ws://device/shop", protocolOf(app), protocolOf(app)
				})
			}
			first.put("a", `{"by":"the first"}`)
			meet(first)
			ours.put("a", `{"by":"us"}`)
			meet(first)
			second.put("b", `{"by":"the second"}`)
			for range 2 {
				meet(second)
				meet(first)
			}
			second.put("a", `{"by":"the second"}`)
			first.put("b", `{"by":"the first"}`)
			for range 3 {
				meet(first)
				meet(second)
			}
			want := fmt.Sprint(map[string]string{"a": `{"by":"the second"}`, "b": `{"by":"the first"}`})
			for who, p := range map[string]*peer{"we": ours, "the first": first, "the second": second} {
				if got := fmt.Sprint(p.bodies()); got != want {
					t.Errorf("%s: %s, want %s", who, got, want)
				}
			}
		})
	}
}
