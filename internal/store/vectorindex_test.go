package store_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/vector"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

func vectorIndex(name string, o store.VectorOptions) store.Index {
	return store.Index{Name: name, Expressions: []string{"v"}, Vector: &o}
}

var flat = vectorIndex("flat", store.VectorOptions{Dimensions: 2, Metric: "euclidean"})

// nearest returns the query for the documents nearest to a target.
func nearest(target []float32, condition string, limit int) string {
	text, _ := json.Marshal(target)
	if condition != "" {
		condition = " WHERE " + condition
	}
	return fmt.Sprintf("SELECT META().id FROM _%s ORDER BY APPROX_VECTOR_DISTANCE(v, %s) LIMIT %d", condition, text, limit)
}

// ranks checks the first column of a query, in its order.
func ranks(t testing.TB, db *store.DB, text string, want ...string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := search(tx, text)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
		return err
	})
}

func TestAVectorIndexHasTheVectorsOfItsDocuments(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	packed := base64.StdEncoding.EncodeToString(vector.AppendBytes(nil, []float32{5, 0}))
	save(t, db, c, "a", `{"v":[1,0],"kind":"x"}`)
	save(t, db, c, "b", `{"v":"`+packed+`","kind":"y"}`)
	for id, body := range map[string]string{"short": `{"v":[1]}`, "text": `{"v":"no base64"}`, "word": `{"v":[1,"2"]}`, "none": `{}`} {
		save(t, db, c, id, body)
	}
	createIndex(t, db, flat)
	ranks(t, db, nearest([]float32{0, 0}, "", 10), "a", "b")
	save(t, db, c, "c", `{"v":[2.5,0],"kind":"y"}`)
	save(t, db, c, "a", `{"v":[9,0],"kind":"x"}`)
	save(t, db, c, "short", `{"v":[100,1]}`)
	ranks(t, db, nearest([]float32{0, 0}, "", 10), "c", "b", "a", "short")
	ranks(t, db, nearest([]float32{0, 0}, "kind = 'y'", 10), "c", "b")
	ranks(t, db, "SELECT META().id FROM _ WHERE APPROX_VECTOR_DISTANCE(v, [0, 0]) < 6 ORDER BY APPROX_VECTOR_DISTANCE(v, [0, 0]) LIMIT 10", "c", "b")
	ranks(t, db, "SELECT META().id FROM _ WHERE kind IS VALUED ORDER BY APPROX_VECTOR_DISTANCE(v, [0, 0]) DESC", "a", "b", "c")
	ranks(t, db, "SELECT APPROX_VECTOR_DISTANCE(v, [0, 4]) FROM _ WHERE META().id = 'b'", "6.4031242374328485")
	ranks(t, db, "SELECT count(*) FROM _ AS d JOIN _ AS e ON d.kind = e.kind WHERE APPROX_VECTOR_DISTANCE(d.v, [0, 0]) < 6", "4")
	update(t, db, func(tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: "b", Deleted: true}); err != nil {
			return err
		}
		return tx.Purge(c, "a")
	})
	ranks(t, db, nearest([]float32{0, 0}, "", 10), "c", "short")
	sound(t, db)
}

func TestAVectorIndexMayHaveACondition(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	i := flat
	i.Where = "n > 1"
	createIndex(t, db, i)
	save(t, db, c, "a", `{"v":[1,0],"n":1,"m":1}`)
	save(t, db, c, "b", `{"v":[2,0],"n":2}`)
	ranks(t, db, nearest([]float32{0, 0}, "n > 1", 10), "b")
	save(t, db, c, "a", `{"v":[1,0],"n":3,"m":1}`)
	save(t, db, c, "b", `{"v":[2,0],"n":0}`)
	ranks(t, db, nearest([]float32{0, 0}, "n > 1 AND m = 1", 10), "a")
	refuses(t, db, nearest([]float32{0, 0}, "n > 0", 10), "satisfy its condition")
	sound(t, db)
	whole := flat
	whole.Name = "whole"
	createIndex(t, db, whole)
	ranks(t, db, nearest([]float32{0, 0}, "", 10), "a", "b")
}

// refuses checks that a query fails, and what the error says.
func refuses(t testing.TB, db *store.DB, text, complaint string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		if _, err := search(tx, text); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: got %v, want an error with %q", text, err, complaint)
		}
		return nil
	})
}

// A transaction measures what it has written, and others never see what it has undone.
func TestATransactionMeasuresWhatItHasWritten(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	createIndex(t, db, flat)
	save(t, db, c, "a", `{"v":[1,0]}`)
	ranks(t, db, nearest([]float32{0, 0}, "", 10), "a")
	within := func(x int) func(tx *store.Tx) error {
		return func(tx *store.Tx) error {
			if _, err := tx.Save(c, store.Edit{ID: "new", Body: fmt.Appendf(nil, `{"v":[%d,0]}`, x)}); err != nil {
				return err
			}
			found, err := search(tx, nearest([]float32{0, 0}, "", 10))
			if err == nil && len(found) != 2 {
				t.Errorf("got %q within the transaction, want two", found)
			}
			return err
		}
	}
	given := errors.New("given up")
	if err := db.Update(background, func(tx *store.Tx) error { return errors.Join(within(0)(tx), given) }); !errors.Is(err, given) {
		t.Errorf("got %v, want the error of the function", err)
	}
	ranks(t, db, nearest([]float32{0, 0}, "", 10), "a")
	update(t, db, within(2))
	ranks(t, db, nearest([]float32{0, 0}, "", 10), "a", "new")
	sound(t, db)
}

// An old snapshot has what was deleted after it, whatever later ones have put into the cache.
func TestAnOldSnapshotHasItsVectors(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	createIndex(t, db, flat)
	for i := range 5 {
		save(t, db, c, fmt.Sprint(i), fmt.Sprintf(`{"v":[%d,0]}`, i))
	}
	query := nearest([]float32{0, 0}, "", 10)
	view(t, db, func(old *store.Tx) error {
		if _, err := search(old, "SELECT 1 FROM _ LIMIT 1"); err != nil { // the snapshot begins
			return err
		}
		save(t, db, c, "new", `{"v":[0,1]}`)
		save(t, db, c, "1", `{"v":[7,7]}`)
		update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "3") })
		ranks(t, db, query, "0", "new", "2", "4", "1")
		found, err := search(old, query)
		if want := []string{"0", "1", "2", "3", "4"}; !slices.Equal(found, want) {
			t.Errorf("in the old snapshot: got %q, want %q", found, want)
		}
		return err
	})
	sound(t, db)
}

// TestSearchesOfVectorsFindWhatAModelFinds after all kinds of changes, with and without memory, within transactions and
// outside.
func TestSearchesOfVectorsFindWhatAModelFinds(t *testing.T) {
	inFolders(t)
	t.Parallel()
	testsize.Check(t, func(rt *rapid.T) {
		o := store.Options{VectorCache: rapid.SampledFrom([]int64{0, -1, 2000}).Draw(rt, "cache")}
		db := open(t, o)
		c := defaults(t, db)
		metric := rapid.SampledFrom(vector.Metrics()).Draw(rt, "metric")
		lists := rapid.SampledFrom([]int{0, 3}).Draw(rt, "lists")
		options := store.VectorOptions{Dimensions: 2, Metric: metric, Centroids: lists}
		if lists > 0 {
			options.MinTraining, options.Probes = 6, rapid.IntRange(1, lists).Draw(rt, "probes") // all lists: exact
		}
		createIndex(t, db, vectorIndex("v", options))
		m := &vectorModel{metric: metric, docs: map[string][]float32{}, approximate: options.Probes < lists}
		step := func(tx *store.Tx) (undo func(), err error) {
			id := fmt.Sprint(rapid.IntRange(0, 30).Draw(rt, "id"))
			was, there := m.docs[id]
			undo = func() {
				delete(m.docs, id)
				if there {
					m.docs[id] = was
				}
			}
			switch rapid.IntRange(0, 9).Draw(rt, "change") {
			case 0:
				delete(m.docs, id)
				return undo, ignoreAbsent(tx.Purge(c, id))
			case 1:
				delete(m.docs, id)
				_, err := tx.Save(c, store.Edit{ID: id, Deleted: true})
				return undo, ignoreAbsent(err)
			case 2:
				delete(m.docs, id)
				_, err := tx.Save(c, store.Edit{ID: id, Body: []byte(`{"v":[1,2,3]}`)})
				return undo, err
			}
			v := []float32{float32(rapid.IntRange(-9, 9).Draw(rt, "x")), float32(rapid.IntRange(-9, 9).Draw(rt, "y"))}
			m.docs[id] = v
			body, _ := json.Marshal(map[string]any{"v": v, "even": int(v[0])%2 == 0})
			_, err = tx.Save(c, store.Edit{ID: id, Body: body})
			return undo, err
		}
		for range rapid.IntRange(1, 25).Draw(rt, "transactions") {
			var undo []func()
			fails := rapid.IntRange(0, 4).Draw(rt, "fails") == 0
			err := db.Update(background, func(tx *store.Tx) error {
				for range rapid.IntRange(1, 4).Draw(rt, "changes") {
					back, err := step(tx)
					if undo = append(undo, back); err != nil {
						return err
					}
				}
				m.compare(rt, tx)
				if fails {
					return errGivenUp
				}
				return nil
			})
			if errors.Is(err, errGivenUp) {
				slices.Reverse(undo)
				for _, back := range undo {
					back()
				}
			} else if err != nil {
				rt.Fatal(err)
			}
			view(t, db, func(tx *store.Tx) error { m.compare(rt, tx); return nil })
		}
		sound(t, db)
	})
}

var errGivenUp = errors.New("given up")

func ignoreAbsent(err error) error {
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// vectorModel is what searches should find.
type vectorModel struct {
	metric      string
	docs        map[string][]float32
	approximate bool // searches may miss some, and find others instead
}

func (m *vectorModel) compare(t *rapid.T, tx *store.Tx) {
	target := []float32{float32(rapid.IntRange(-9, 9).Draw(t, "tx")), 1}
	limit := rapid.IntRange(1, 40).Draw(t, "limit")
	metric, _ := vector.ParseMetric(m.metric)
	for condition, fits := range map[string]func([]float32) bool{
		"": func([]float32) bool { return true }, "even": func(v []float32) bool { return int(v[0])%2 == 0 },
	} {
		var want []float64
		for _, v := range m.docs {
			if fits(v) {
				want = append(want, metric.Distance(target, v))
			}
		}
		slices.Sort(want)
		want = want[:min(limit, len(want))]
		found, err := search(tx, nearest(target, condition, limit))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float64, len(found))
		for i, id := range found {
			got[i] = metric.Distance(target, m.docs[id])
		}
		if m.approximate {
			for i, id := range found {
				if v, there := m.docs[id]; !there || !fits(v) || got[i] < want[i] {
					t.Fatalf("%s with %q: got %q, which it cannot find there", m.metric, condition, id)
				}
			}
			if len(got) != len(want) || !slices.IsSorted(got) {
				t.Fatalf("%s with %q: got %q at %v, want %d in order", m.metric, condition, found, got, len(want))
			}
			continue
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s with %q: got %q at %v, want %v", m.metric, condition, found, got, want)
		}
	}
}

// inLists is an approximate index of vectors with 32 dimensions.
var inLists = vectorIndex("lists", store.VectorOptions{Dimensions: 32, Metric: "cosine", Centroids: 16, Probes: 4})

// TestAnApproximateIndexFindsNearlyAll prints its recall.
func TestAnApproximateIndexFindsNearlyAll(t *testing.T) {
	inFolders(t)
	t.Parallel()
	for _, cache := range []int64{0, -1} {
		db := open(t, store.Options{VectorCache: cache})
		c := defaults(t, db)
		m := newMeanings(32)
		half := testsize.Pick(600, 3000)
		body := m.document
		saveDrawn(t, db, c, 0, half, body)
		createIndex(t, db, inLists)
		saveDrawn(t, db, c, half, 2*half, body) // into the lists that are there
		createIndex(t, db, vectorIndex("flat", store.VectorOptions{Dimensions: 32, Metric: "euclideanSquared"}))
		found, all := 0, 0
		for range 20 {
			target, _ := json.Marshal(m.vector())
			near, _ := find(t, db, fmt.Sprintf("SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, %s, 'COSINE') LIMIT 10", target))
			exact, _ := find(t, db, fmt.Sprintf("SELECT META().id FROM _ ORDER BY COSINE_DISTANCE(v, %s) LIMIT 10", target))
			if len(near) != 10 {
				t.Fatalf("got %d documents, want 10", len(near))
			}
			for _, id := range exact {
				all++
				if slices.Contains(near, id) {
					found++
				}
			}
		}
		recall := float64(found) / float64(all)
		t.Logf("recall %.3f of %d documents, with a cache of %d bytes", recall, 2*half, cache)
		if recall < 0.9 {
			t.Errorf("got a recall of %.3f, want 0.9", recall)
		}
		sound(t, db)
	}
}

// saveDrawn saves documents with numbers from one on and below another.
func saveDrawn(t testing.TB, db *store.DB, c *store.Collection, from, to int, body func() []byte) {
	t.Helper()
	for ; from < to; from += 500 {
		update(t, db, func(tx *store.Tx) error {
			for i := from; i < min(to, from+500); i++ {
				if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(i), Body: body()}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// meanings makes vectors as models of languages do: of far fewer true dimensions than they have.
type meanings struct {
	random     *rand.Rand
	directions [][]float64
	dimensions int
}

func newMeanings(dimensions int) *meanings {
	m := &meanings{random: rand.New(rand.NewPCG(5, 6)), dimensions: dimensions}
	for range max(4, dimensions/24) {
		var d []float64
		for range dimensions {
			d = append(d, m.random.NormFloat64())
		}
		m.directions = append(m.directions, d)
	}
	return m
}

func (m *meanings) vector() []float32 {
	v := make([]float32, m.dimensions)
	for _, d := range m.directions {
		weight := m.random.NormFloat64()
		for i := range v {
			v[i] += float32(weight * d[i])
		}
	}
	for i := range v {
		v[i] += float32(0.1 * m.random.NormFloat64())
	}
	return v
}

func (m *meanings) document() []byte {
	packed := base64.StdEncoding.EncodeToString(vector.AppendBytes(nil, m.vector()))
	return fmt.Appendf(nil, `{"v":"%s","n":%d}`, packed, m.random.IntN(100))
}

// An index that gets its vectors later is trained by a search.
func TestASearchHasAnIndexTrained(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	createIndex(t, db, inLists)
	m := newMeanings(32)
	saveDrawn(t, db, c, 0, 500, m.document)
	query := nearest(m.vector(), "", 5)
	exact, _ := find(t, db, query)
	if len(exact) != 5 {
		t.Fatalf("got %q, want five", exact)
	}
	db.AwaitTraining()
	if trained(t, db, c, "lists") == "" {
		t.Error("the index has no lists")
	}
	if found, _ := find(t, db, query); len(found) != 5 {
		t.Errorf("got %q of the lists, want five", found)
	}
	sound(t, db)
}

func TestCheckFindsADamagedVectorIndex(t *testing.T) {
	inFolders(t)
	t.Parallel()
	for what, damage := range map[string]string{
		"a vector is gone":   `DELETE FROM "vector_1_lists vectors" WHERE n = 3`,
		"a vector is other":  `UPDATE "vector_1_lists vectors" SET vector = zeroblob(128) WHERE n = 3`,
		"a vector too many":  `INSERT INTO "vector_1_lists vectors" (id, vector) VALUES ('ghost', zeroblob(128))`,
		"a wrong number":     `UPDATE "vector_1_lists state" SET live = 7`,
		"a wrong emptiness":  `UPDATE "vector_1_lists state" SET empty = 7`,
		"a division anew":    `INSERT INTO "vector_1_lists lists" VALUES (1, 'next', x'00', 0, 0)`,
		"a wrong list":       `UPDATE "vector_1_lists members 0" SET list = (list + 1) % 16 WHERE n = 3`,
		"no list":            `DELETE FROM "vector_1_lists members 0" WHERE n = 3`,
		"a missing trigger":  `DROP TRIGGER "vector_1_lists update"`,
		"a missing table":    `DROP TABLE "vector_1_lists members 0"`,
		"damaged centroids":  `UPDATE "vector_1_lists lists" SET centroids = x'00'`,
		"a missing document": `DELETE FROM docs_1 WHERE seq = 3; INSERT INTO "vector_1_lists vectors" (id, vector) VALUES ('ghost', zeroblob(128))`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db, _, m := divided(t, store.Options{}, 450)
			sound(t, db)
			damageText(t, db, damage)
			if found := problems(t, db); len(found) == 0 {
				t.Fatal("check found nothing")
			}
			if err := db.Compact(background); err != nil {
				t.Fatal(err)
			}
			for _, p := range problems(t, db) {
				if strings.Contains(fmt.Sprint(p), "index") {
					t.Errorf("after Compact: %v", p)
				}
			}
			if found, _ := find(t, db, nearest(m.vector(), "", 5)); len(found) != 5 {
				t.Errorf("got %q, want five", found)
			}
		})
	}
}

func TestVectorIndexesThatCannotBeAreRefused(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	for _, o := range []store.VectorOptions{
		{Dimensions: 1, Metric: "dot"},
		{Dimensions: 4097, Metric: "dot"},
		{Dimensions: 2, Metric: "manhattan"},
		{Dimensions: 2, Metric: "dot", Centroids: -1},
		{Dimensions: 2, Metric: "dot", Centroids: 64_001},
		{Dimensions: 2, Metric: "dot", Probes: 3},
		{Dimensions: 2, Metric: "dot", Centroids: 10, MinTraining: 20, MaxTraining: 19},
	} {
		if err := db.CreateIndex(background, c, vectorIndex("bad", o), nil); !errors.Is(err, fault.Invalid) {
			t.Errorf("%+v: got %v, want %v", o, err, fault.Invalid)
		}
	}
	for _, expressions := range [][]string{nil, {"a, b"}, {"a", "b"}, {"a +"}, {"$p"}, {"count(a)"}} {
		i := store.Index{Name: "bad", Expressions: expressions, Vector: &store.VectorOptions{Dimensions: 2, Metric: "dot"}}
		if err := db.CreateIndex(background, c, i, nil); !errors.Is(err, fault.InvalidQuery) {
			t.Errorf("%q: got %v, want %v", expressions, err, fault.InvalidQuery)
		}
	}
}

func TestQueriesThatCannotMeasureAreRefused(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	createIndex(t, db, flat)
	for _, tt := range []struct{ query, complaint string }{
		{"SELECT APPROX_VECTOR_DISTANCE(v, [1,2]) FROM _", "need ORDER BY and LIMIT"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2])", "need ORDER BY and LIMIT"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2]) LIMIT 10001", "10000"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2]) LIMIT 10000 + 1", "10000"},
		{"SELECT 1 FROM _ WHERE a OR APPROX_VECTOR_DISTANCE(v, [1,2]) < 1 ORDER BY n LIMIT 1", "OR"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(w, [1,2]) LIMIT 1", "no vector index"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, v) LIMIT 1", "target"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2], 'COSINE') LIMIT 1", "another metric"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2], 'MANHATTAN') LIMIT 1", "no metric"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2], n) LIMIT 1", "metric"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2], 'L2', 0) LIMIT 1", "positive"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2], 'L2', n) LIMIT 1", "depend on a document"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2], 'L2', 1 - 2) LIMIT 1", "positive"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2], 'L2', 3, TRUE) LIMIT 1", "FALSE"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v) LIMIT 1", "2 to 5 arguments"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [1,2,3]) LIMIT 1", "more than 2"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, 'no base64') LIMIT 1", "no base64"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, 'AADAfwAAAAA=') LIMIT 1", "not finite"},
		{"SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, NULL) LIMIT 1", "neither"},
		{"SELECT 1 FROM _ AS a LEFT JOIN _ AS b ON a.n = b.n WHERE APPROX_VECTOR_DISTANCE(b.v, [1,2]) < 1", "LEFT JOIN"},
		{"SELECT 1 FROM _ AS a UNNEST a.v AS i WHERE APPROX_VECTOR_DISTANCE(i, [1,2]) < 1", "one document"},
	} {
		view(t, db, func(tx *store.Tx) error {
			_, err := search(tx, tt.query)
			if wrong := (*syntax.Error)(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.complaint) {
				t.Errorf("%s: got %v, want %q", tt.query, err, tt.complaint)
			}
			return nil
		})
	}
	if err := db.CreateIndex(background, defaults(t, db), store.Index{Name: "n", Expressions: []string{"APPROX_VECTOR_DISTANCE(v, [1,2])"}}, nil); !errors.Is(err, fault.InvalidQuery) {
		t.Errorf("got %v, want %v", err, fault.InvalidQuery)
	}
}

func TestAVectorIndexSurvivesAnExpiry(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	createIndex(t, db, flat)
	save(t, db, c, "a", `{"v":[1,0]}`)
	save(t, db, c, "b", `{"v":[2,0]}`)
	update(t, db, func(tx *store.Tx) error { return tx.SetExpiry(c, "a", tx.Now().Add(-time.Hour)) })
	ranks(t, db, nearest([]float32{0, 0}, "", 1), "b")
	sound(t, db)
}
