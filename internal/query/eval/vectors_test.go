package eval_test

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestTheEvaluatorAgreesWithTheVectors(t *testing.T) {
	t.Parallel()
	data := querytest.Load(t)
	documents := data.Documents()
	for i, v := range querytest.Vectors(t) {
		if !testsize.All() && (i%2 != 0 || strings.Contains(v.Query, "travel.routes")) {
			continue // of a sample; or the query reads thousands of documents without an index
		}
		t.Run(v.Name, func(t *testing.T) {
			columns, rows, err := run(v, data, eval.Input{Documents: documents, Params: v.Parameters(), Location: v.Location(t)})
			if wrong := v.Check(columns, rows, err); wrong != "" {
				t.Errorf("%s\n%s\nnote: %s%s", v.Query, wrong, v.Note, v.Differs)
			}
		})
	}
}

func run(v querytest.Vector, catalog plan.Catalog, in eval.Input) ([]string, [][]value.Value, error) {
	s, err := syntax.Parse(v.Query)
	if err != nil {
		return nil, nil, err
	}
	q, err := plan.Of(s, catalog)
	if err != nil {
		return nil, nil, err
	}
	if err := q.CheckParams(in.Params); err != nil {
		return nil, nil, err
	}
	rows, err := eval.Run(q, in)
	return q.ColumnNames(), rows, err
}
