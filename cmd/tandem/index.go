package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newIndex(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "index",
		Short: "Create, list and delete indexes for queries",
	})
	c.AddCommand(newIndexCreate(a), newIndexList(a), newIndexDelete(a))
	return c
}

func newIndexCreate(a *app) *cobra.Command {
	var coll collectionFlag
	var flags indexFlags
	c := &cobra.Command{
		Use:   "create DB NAME",
		Short: "Create an index, replacing one of the same name",
		Example: "  tandem index create travel byCity --collection travel.hotels --value 'city, name'\n" +
			"  tandem index create travel byName --collection travel.hotels --value 'name COLLATE NOCASE' --where \"country = 'France'\"\n" +
			"  tandem index create travel byAuthor --collection travel.hotels --array reviews --expressions author\n" +
			"  tandem index create travel text --collection travel.hotels --fulltext 'name, description' --language en\n" +
			"  tandem index create travel near --collection travel.hotels --vector embedding --dimensions 384 --metric cosine",
		Args: cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				err := a.withBar("index", ofDocuments, func(show func(done, total uint64)) error {
					return coll.CreateIndex(ctx, args[1], flags.index(show))
				})
				return marked(flags.only(), invalidSetting(err))
			})
		}),
	}
	coll.add(c)
	c.Flags().StringArrayVar(&flags.value, "value", nil, "`EXPR,…` to index documents by; may be repeated")
	c.Flags().StringVar(&flags.array, "array", "", "`PATH` of arrays whose items are indexed, with [] between an array and the path on from its items")
	c.Flags().StringArrayVar(&flags.expressions, "expressions", nil, "`EXPR,…` of an item to index documents by (default: the item itself); may be repeated")
	c.Flags().StringArrayVar(&flags.fullText, "fulltext", nil, "`PATH,…` to the texts whose words MATCH searches; may be repeated")
	c.Flags().StringVar(&flags.language, "language", "", "of the texts: da, de, en, es, fi, fr, hu, it, nl, no, pt, ro, ru, sv or tr (with --fulltext); finds other forms of a word")
	c.Flags().BoolVar(&flags.ignoreAccents, "ignore-accents", false, "letters with and without accents are the same (with --fulltext)")
	c.Flags().StringVar(&flags.vector.Expression, "vector", "", "`EXPR` of a vector that APPROX_VECTOR_DISTANCE measures: an array of numbers, or base64 of float32 numbers")
	c.Flags().IntVar(&flags.vector.Dimensions, "dimensions", 0, "how many numbers a vector has, 2 to 4096 (with --vector)")
	c.Flags().StringVar(&flags.metric, "metric", "", "euclideanSquared (the default), euclidean, cosine or dot (with --vector)")
	c.Flags().IntVar(&flags.vector.Centroids, "centroids", 0, "how many lists the vectors are divided into, for quicker and approximate searches; 0 for exact ones (with --vector)")
	c.Flags().IntVar(&flags.vector.Probes, "probes", 0, "how many of the lists a search looks into (with --centroids; default: an eighth, and 8 at least)")
	c.Flags().IntVar(&flags.vector.MinTraining, "min-training", 0, "how many vectors there are before they are divided into lists (with --centroids; default: 25 for each)")
	c.Flags().IntVar(&flags.vector.MaxTraining, "max-training", 0, "how many of the vectors the lists are derived from, at most (with --centroids; default: 32 for each)")
	c.Flags().BoolVar(&flags.vector.Lazy, "lazy", false, "a program sets the vectors (with --vector)")
	c.Flags().StringVar(&flags.where, "where", "", "`EXPR`: only documents for which it is true")
	oneOf(c, "value", "array", "fulltext", "vector")
	exclusive(c, "value", "expressions")
	exclusive(c, "fulltext", "expressions")
	exclusive(c, "vector", "expressions")
	for _, flag := range []string{"language", "ignore-accents"} {
		exclusive(c, "value", flag)
		exclusive(c, "array", flag)
		exclusive(c, "vector", flag)
	}
	for _, flag := range []string{"dimensions", "metric", "centroids", "probes", "min-training", "max-training", "lazy"} {
		exclusive(c, "value", flag)
		exclusive(c, "array", flag)
		exclusive(c, "fulltext", flag)
	}
	before(c, func() error {
		if flags.vector.Expression != "" && flags.vector.Dimensions == 0 {
			return usage("--vector needs --dimensions")
		}
		return nil
	})
	return c
}

// indexFlags describe the index to create.
type indexFlags struct {
	value, expressions, fullText []string
	array, where, language       string
	ignoreAccents                bool
	vector                       tandem.VectorIndex
	metric                       string
}

// index returns the definition. The building of the index calls show.
func (f indexFlags) index(show func(done, total uint64)) tandem.Index {
	progress := func(done, total int64) { show(uint64(done), uint64(total)) }
	switch {
	case f.vector.Expression != "":
		i := f.vector
		i.Metric, i.Where, i.Progress = tandem.VectorMetric(f.metric), f.where, progress
		return i
	case len(f.fullText) > 0:
		return tandem.FullTextIndex{
			Expressions: f.fullText, Language: f.language, IgnoreAccents: f.ignoreAccents, Where: f.where, Progress: progress,
		}
	case f.array != "":
		return tandem.ArrayIndex{Path: f.array, Expressions: f.expressions, Where: f.where, Progress: progress}
	}
	return tandem.ValueIndex{Expressions: f.value, Where: f.where, Progress: progress}
}

// only returns the only text of the index, in which errors are marked. It returns "" if there are
// several texts.
func (f indexFlags) only() string {
	texts := slices.Concat(f.value, f.expressions, f.fullText)
	for _, text := range []string{f.array, f.vector.Expression, f.where} {
		if text != "" {
			texts = append(texts, text)
		}
	}
	if len(texts) > 1 {
		return ""
	}
	return strings.Join(texts, "")
}

func newIndexList(a *app) *cobra.Command {
	var coll collectionFlag
	c := &cobra.Command{
		Use:   "list DB",
		Short: "List the indexes of a collection as JSON, one per line",
		Args:  cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error { return a.listIndexes(ctx, coll) })
		}),
	}
	coll.add(c)
	return c
}

// listedIndex is one line of index list.
type listedIndex struct {
	Name          string   `json:"name"`
	Value         []string `json:"value,omitempty"`
	Array         string   `json:"array,omitempty"`
	FullText      []string `json:"fulltext,omitempty"`
	Expressions   []string `json:"expressions,omitempty"`
	Language      string   `json:"language,omitempty"`
	IgnoreAccents bool     `json:"ignoreAccents,omitempty"`
	Vector        string   `json:"vector,omitempty"`
	Dimensions    int      `json:"dimensions,omitempty"`
	Metric        string   `json:"metric,omitempty"`
	Centroids     int      `json:"centroids,omitempty"`
	Probes        int      `json:"probes,omitempty"`
	Lazy          bool     `json:"lazy,omitempty"`
	LeftOut       int64    `json:"leftOut,omitempty"`
	Where         string   `json:"where,omitempty"`
}

func (a *app) listIndexes(ctx context.Context, coll *tandem.Collection) error {
	all, err := coll.Indexes(ctx)
	if err != nil {
		return err
	}
	encoder := a.jsonLines()
	for _, i := range all {
		line := listedIndex{Name: i.Name, Value: i.Expressions, Where: i.Where, Language: i.Language, IgnoreAccents: i.IgnoreAccents}
		switch {
		case i.Vector != nil:
			v := i.Vector
			line.Value, line.Vector, line.Dimensions, line.Metric = nil, v.Expression, v.Dimensions, string(v.Metric)
			line.Centroids, line.Probes, line.Lazy, line.LeftOut = v.Centroids, v.Probes, v.Lazy, i.LeftOut
		case i.FullText:
			line.Value, line.FullText = nil, i.Expressions
		case i.Path != "":
			line.Value, line.Array, line.Expressions = nil, i.Path, i.Expressions
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func newIndexDelete(a *app) *cobra.Command {
	var coll collectionFlag
	c := &cobra.Command{
		Use:   "delete DB NAME",
		Short: "Delete an index, if it exists",
		Args:  cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error { return a.deleteIndex(ctx, coll, args[1]) })
		}),
	}
	coll.add(c)
	return c
}

func (a *app) deleteIndex(ctx context.Context, coll *tandem.Collection, name string) error {
	all, err := coll.Indexes(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(all))
	for i, index := range all {
		names[i] = index.Name
	}
	if slices.Contains(names, name) {
		return coll.DeleteIndex(ctx, name)
	}
	a.note("collection %s has no index %s", coll.FullName(), name)
	if near := nearest(name, names); near != "" {
		a.note("hint: did you mean %s?", near)
	}
	return nil
}
