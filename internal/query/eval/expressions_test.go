package eval_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

func TestExpressionsHaveTheValuesOfTheDescription(t *testing.T) {
	t.Parallel()
	data := querytest.One()
	for _, x := range querytest.Expressions(t) {
		rows, err := evaluated(data, x)
		if wrong := x.Check(rows, err); wrong != "" {
			t.Error(wrong)
		}
	}
}

func evaluated(data querytest.Data, x querytest.Expression) ([][]value.Value, error) {
	s, err := syntax.Parse(x.Query())
	if err != nil {
		return nil, err
	}
	q, err := plan.Of(s, data)
	if err != nil {
		return nil, err
	}
	return eval.Run(q, eval.Input{Documents: data.Documents(), Params: x.Parameters(q.Params)})
}

func TestQueriesHaveTheRowsOfTheDescription(t *testing.T) {
	t.Parallel()
	data := querytest.People()
	for _, v := range querytest.Statements(t) {
		columns, rows, err := run(v, data, eval.Input{Documents: data.Documents(), Params: v.Parameters()})
		if wrong := v.CheckRows(columns, rows, err); wrong != "" {
			t.Errorf("%s\n%s", v.Query, wrong)
		}
	}
}
