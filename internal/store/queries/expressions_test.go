package queries_test

import (
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

func TestTranslatedExpressionsHaveTheValuesOfTheDescription(t *testing.T) {
	t.Parallel()
	db := open(t, querytest.One())
	for _, x := range querytest.Expressions(t) {
		rows, err := translated(db, x)
		if wrong := x.Check(rows, err); wrong != "" {
			t.Error(wrong)
		}
	}
}

func translated(db *database, x querytest.Expression) ([][]value.Value, error) {
	s, err := syntax.Parse(x.Query())
	if err != nil {
		return nil, err
	}
	q, err := plan.Of(s, db.data)
	if err != nil {
		return nil, err
	}
	return db.rows(q, x.Parameters(q.Params), time.UTC)
}

func TestTranslatedQueriesHaveTheRowsOfTheDescription(t *testing.T) {
	t.Parallel()
	db := open(t, querytest.People())
	for _, v := range querytest.Statements(t) {
		for _, db.sorting = range []bool{false, true} {
			columns, rows, err := db.run(v.Query, v.Parameters(), time.UTC)
			if wrong := v.CheckRows(columns, rows, err); wrong != "" {
				t.Errorf("%s\n%s", v.Query, wrong)
			}
		}
	}
}
