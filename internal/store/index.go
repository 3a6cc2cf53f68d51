package store

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// Index is an index for queries. It sorts the documents of a collection by the values of expressions, of the documents
// or of the items of their arrays, or has the words of their texts, or vectors.
type Index struct {
	Name        string   `json:"-"`
	Array       string   `json:"array,omitempty"` // the path of the arrays; "" for the documents themselves
	Expressions []string `json:"expressions"`     // with Array, none stands for the items themselves
	Where       string   `json:"where,omitempty"` // the index includes only documents that satisfy it; "" for all

	Text   *fulltext.Options `json:"fulltext,omitempty"` // of a full-text index; nil for others
	Vector *VectorOptions    `json:"vector,omitempty"`   // of a vector index; nil for others
}

func (i Index) equal(other Index) bool {
	return i.Array == other.Array && slices.Equal(i.Expressions, other.Expressions) && i.Where == other.Where &&
		reflect.DeepEqual(i.Text, other.Text) && reflect.DeepEqual(i.Vector, other.Vector)
}

// rebuilt reports whether the index has to be built anew to become another one. The numbers for searches and training are only
// noted.
func (i Index) rebuilt(other Index) bool {
	if i.Vector == nil || other.Vector == nil {
		return !i.equal(other)
	}
	was, is := *i.Vector, *other.Vector
	was.Probes, was.MinTraining, was.MaxTraining = is.Probes, is.MinTraining, is.MaxTraining
	i.Vector = &was
	return !i.equal(other)
}

// keeps reports whether another definition of a lazy index can keep the vectors that the program has set.
func (i Index) keeps(other Index) bool {
	return i.Vector != nil && other.Vector != nil && i.Vector.Lazy && other.Vector.Lazy && i.Vector.Dimensions == other.Vector.Dimensions
}

// inSteps reports whether the index is built in steps, between which others write.
func (i Index) inSteps() bool { return i.Array != "" || i.forSearches() }

// forSearches reports whether queries search words or vectors in the index.
func (i Index) forSearches() bool { return i.Text != nil || i.Vector != nil }

// versions names the versions of what the index is built with.
func (i Index) versions() string {
	switch {
	case i.Text != nil:
		return queries.TextVersions()
	case i.Vector != nil:
		return queries.VectorVersions()
	}
	return queries.Versions()
}

// format returns the number of the format that a database with the index has at least.
func (i Index) format() int64 {
	switch {
	case i.Text != nil:
		return textFormat
	case i.Vector != nil:
		return vectorFormat
	}
	return indexedFormat
}

// indexSpace is where the definitions of a collection's indexes are kept.
const indexSpace = "index/#"

// indexRecord is what is kept about an index.
type indexRecord struct {
	Index
	Built    string    `json:"built"`              // with these versions of functions and collations
	Position *Sequence `json:"position,omitempty"` // up to which documents are in it; nil: all are
}

// Index returns an index of c by its name, or nil.
func (tx *Tx) Index(c *Collection, name string) (*Index, error) {
	r, err := tx.indexRecord(c, name)
	if err != nil || r == nil {
		return nil, err
	}
	return &r.Index, nil
}

// Indexes returns the indexes of c by name.
func (tx *Tx) Indexes(c *Collection) (all []Index, err error) {
	if _, err := tx.Collection(c.scope, c.name); err != nil {
		return nil, err
	}
	err = tx.eachIndex(c, func(r indexRecord) error {
		all = append(all, r.Index)
		return nil
	})
	return all, err
}

func (tx *Tx) indexRecord(c *Collection, name string) (*indexRecord, error) {
	text, err := tx.Info(forCollection(indexSpace, c.id), name)
	if err != nil || text == nil {
		return nil, err
	}
	r, err := readIndex(name, text)
	return &r, err
}

func (tx *Tx) eachIndex(c *Collection, yield func(indexRecord) error) error {
	return tx.Infos(forCollection(indexSpace, c.id), func(name string, text []byte) error {
		r, err := readIndex(name, text)
		if err != nil {
			return err
		}
		return yield(r)
	})
}

func readIndex(name string, text []byte) (indexRecord, error) {
	r := indexRecord{Index: Index{Name: name}}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, damaged().In("read index", name).Because(err)
	}
	return r, nil
}

func (tx *Tx) saveIndex(c *Collection, r indexRecord) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if r.Position == nil || *r.Position == 0 {
		tx.tellIndex(c, r.Index)
	}
	return tx.setInfo(forCollection(indexSpace, c.id), r.Name, text, more)
}

// DeleteIndex removes an index of c. That there is none is no error.
func (tx *Tx) DeleteIndex(c *Collection, name string) error {
	return tx.atomic(func() error {
		r, err := tx.indexRecord(c, name)
		if err != nil || r == nil {
			return err
		}
		if err := tx.setInfo(forCollection(indexSpace, c.id), name, nil, more); err != nil {
			return err
		}
		tx.tellIndex(c, r.Index)
		return tx.changeIndex(r.Index, r.drop(c), "delete index")
	})
}

// forgetIndexes removes the indexes of a collection that is deleted, except those that go with its table.
func (tx *Tx) forgetIndexes(c *Collection) error {
	return tx.eachIndex(c, func(r indexRecord) error { return tx.DeleteIndex(c, r.Name) })
}

// arrayIndexes returns the indexes of c that serve queries of the items of arrays.
func (tx *Tx) arrayIndexes(c *Collection) (all []sql.ArrayIndex, err error) {
	err = tx.eachIndex(c, func(r indexRecord) error {
		if r.Array == "" || !r.usable() {
			return nil
		}
		x, err := r.arrays(c)
		all = append(all, x)
		return err
	})
	return all, err
}

// leadingTerms returns the expressions that the indexes of documents begin with.
func (tx *Tx) leadingTerms(c *Collection) (all []plan.Expr, err error) {
	err = tx.eachIndex(c, func(r indexRecord) error {
		if r.inSteps() || r.Where != "" {
			return nil
		}
		terms, _, err := r.bound(plan.Expressions)
		if len(terms) > 0 {
			all = append(all, terms[0])
		}
		return err
	})
	return all, err
}

// indexName returns SQLite's name of an index.
func indexName(c *Collection, name string) string { return forCollection("query_#_", c.id) + name }

// quotedName quotes the name of an index, which has no quotes.
func quotedName(name string) string { return `"` + name + `"` }

// create returns the SQL that creates the index; one that is built in steps is empty then.
func (i Index) create(c *Collection) (string, error) {
	switch {
	case i.Text != nil:
		x, err := i.texts(c)
		return x.Create(), err
	case i.Vector != nil:
		x, err := i.vectors(c)
		return x.Create(), err
	case i.Array == "":
		return i.createValue(c)
	}
	x, err := i.arrays(c)
	if err != nil {
		return "", err
	}
	return x.Create(), nil
}

func (i Index) drop(c *Collection) string {
	switch {
	case i.Text != nil:
		return sql.TextIndex{Name: textName(c, i.Name)}.Drop()
	case i.Vector != nil:
		return sql.VectorIndex{Name: vectorName(c, i.Name)}.Drop()
	case i.Array == "":
		return `DROP INDEX IF EXISTS ` + quotedName(indexName(c, i.Name)) + `;`
	}
	return sql.ArrayIndex{Table: arrayTable(c, i.Name)}.Drop()
}

// createValue returns the statement that creates an index of documents. Its terms are the SQL of the same
// expressions in a query. The index includes deleted documents, since only a condition would leave them out:
// SQLite assumes that an index with a condition is small, and would scan it instead of the table.
func (i Index) createValue(c *Collection) (string, error) {
	bound, where, err := i.bound(plan.Expressions)
	if err != nil {
		return "", err
	}
	if len(bound) == 0 {
		return "", fault.Invalid.In("create index", i.Name).Says("an index needs an expression")
	}
	terms := make([]string, len(bound))
	for at, x := range bound {
		terms[at] = sql.IndexTerm(x)
	}
	statement := `CREATE INDEX ` + quotedName(indexName(c, i.Name)) + ` ON ` + forCollection("docs_#", c.id) +
		` (` + strings.Join(terms, ", ") + `)`
	if where != nil {
		statement += ` WHERE ` + sql.IndexCondition(where)
	}
	return statement + `;`, nil
}

func arrayTable(c *Collection, name string) string { return forCollection("items_#_", c.id) + name }

// arrays returns an index of arrays.
func (i Index) arrays(c *Collection) (x sql.ArrayIndex, err error) {
	x = sql.ArrayIndex{Table: arrayTable(c, i.Name), Docs: forCollection("docs_#", c.id)}
	if x.Path, err = syntax.ParseArrayPath(i.Array); err != nil {
		return x, err
	}
	if x.Terms, x.Where, err = i.bound(plan.ItemExpressions); err != nil {
		return x, err
	}
	if len(i.Expressions) == 0 {
		x.Terms = []plan.Expr{&plan.Property{Path: value.Path{}}}
	}
	return x, nil
}

// bound reads the expressions of an index, and its condition, nil if it has none.
func (i Index) bound(resolve func([]syntax.Expr) ([]plan.Expr, error)) (terms []plan.Expr, where plan.Expr, err error) {
	for _, text := range i.Expressions {
		list, err := parsed(text, resolve)
		if err != nil {
			return nil, nil, err
		}
		terms = append(terms, list...)
	}
	if i.Where == "" {
		return terms, nil, nil
	}
	conditions, err := parsed(i.Where, plan.Expressions)
	if err != nil {
		return nil, nil, err
	}
	if len(conditions) != 1 {
		return nil, nil, syntax.Errorf(0, "the condition of an index is one expression")
	}
	return terms, conditions[0], nil
}

func parsed(text string, resolve func([]syntax.Expr) ([]plan.Expr, error)) ([]plan.Expr, error) {
	list, err := syntax.ParseExpressions(text)
	if err != nil {
		return nil, err
	}
	return resolve(list)
}
