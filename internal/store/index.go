package store

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
)

// Index is an index for queries. It sorts the documents of a collection by the values of
// expressions.
type Index struct {
	Name        string   `json:"-"`
	Expressions []string `json:"expressions"`
	Where       string   `json:"where,omitempty"` // the index includes only documents that satisfy it; "" for all
}

// indexSpace is the [Tx.Info] space of the definitions of a collection's indexes.
const indexSpace = "index/#"

// CreateIndex creates an index in c. It replaces an index of the same name, unless the definitions
// are equal. It fails with fault.Invalid for an unusable name, and with fault.InvalidQuery for an
// expression that cannot be indexed.
func (tx *Tx) CreateIndex(c *Collection, i Index) error {
	if i.Name == "" || strings.ContainsAny(i.Name, "\"\x00") {
		return fault.Invalid.In("create index", i.Name).Says("the name of an index has at least one character, and no quote")
	}
	statement, err := i.sql(c)
	if err != nil {
		return err
	}
	return tx.atomic(func() error {
		old, err := tx.Index(c, i.Name)
		if err != nil || old != nil && slices.Equal(old.Expressions, i.Expressions) && old.Where == i.Where {
			return err
		}
		if old != nil {
			if err := tx.DeleteIndex(c, i.Name); err != nil {
				return err
			}
		}
		definition, err := json.Marshal(i)
		if err != nil {
			return err
		}
		if err := tx.setInfo(forCollection(indexSpace, c.id), i.Name, definition, more); err != nil {
			return err
		}
		return sqlFault(tx.c.Exec(statement+raiseFormat), "create index", i.Name)
	})
}

// DeleteIndex removes an index of c, if it exists.
func (tx *Tx) DeleteIndex(c *Collection, name string) error {
	return tx.atomic(func() error {
		if old, err := tx.Index(c, name); err != nil || old == nil {
			return err
		}
		if err := tx.setInfo(forCollection(indexSpace, c.id), name, nil, more); err != nil {
			return err
		}
		return sqlFault(tx.c.Exec(`DROP INDEX `+indexName(c, name)), "delete index", name)
	})
}

// Index returns an index of c by its name, or nil.
func (tx *Tx) Index(c *Collection, name string) (*Index, error) {
	definition, err := tx.Info(forCollection(indexSpace, c.id), name)
	if err != nil || definition == nil {
		return nil, err
	}
	i, err := readIndex(name, definition)
	return &i, err
}

// Indexes returns the indexes of c by name.
func (tx *Tx) Indexes(c *Collection) (all []Index, err error) {
	if _, err := tx.Collection(c.scope, c.name); err != nil {
		return nil, err
	}
	err = tx.Infos(forCollection(indexSpace, c.id), func(name string, definition []byte) error {
		i, err := readIndex(name, definition)
		all = append(all, i)
		return err
	})
	return all, err
}

// forgetIndexes removes the index definitions of a collection that is being deleted.
func (tx *Tx) forgetIndexes(c *Collection) error {
	space := forCollection(indexSpace, c.id)
	return tx.Infos(space, func(name string, _ []byte) error { return tx.setInfo(space, name, nil, more) })
}

func readIndex(name string, definition []byte) (Index, error) {
	i := Index{Name: name}
	if err := json.Unmarshal(definition, &i); err != nil {
		return i, damaged().In("read index", name).Because(err)
	}
	return i, nil
}

// indexName returns SQLite's quoted name of an index.
func indexName(c *Collection, name string) string {
	return `"` + forCollection("query_#_", c.id) + name + `"`
}

// sql returns the statement that creates the index. Its terms are the SQL of the same expressions
// in a query. The index includes deleted documents, since only a condition would leave them out:
// SQLite assumes that an index with a condition is small, and would scan it instead of the table.
func (i Index) sql(c *Collection) (string, error) {
	var terms []string
	for _, text := range i.Expressions {
		list, err := bound(text)
		if err != nil {
			return "", err
		}
		for _, x := range list {
			terms = append(terms, sql.IndexTerm(x))
		}
	}
	if len(terms) == 0 {
		return "", fault.Invalid.In("create index", i.Name).Says("an index needs an expression")
	}
	statement := `CREATE INDEX ` + indexName(c, i.Name) + ` ON ` + forCollection("docs_#", c.id) +
		` (` + strings.Join(terms, ", ") + `)`
	if i.Where != "" {
		conditions, err := bound(i.Where)
		if err != nil {
			return "", err
		}
		if len(conditions) != 1 {
			return "", syntax.Errorf(0, "the condition of an index is one expression")
		}
		statement += ` WHERE ` + sql.IndexCondition(conditions[0])
	}
	return statement + `;`, nil
}

// bound parses and binds the expressions of an index.
func bound(text string) ([]plan.Expr, error) {
	list, err := syntax.ParseExpressions(text)
	if err != nil {
		return nil, err
	}
	return plan.Expressions(list)
}
