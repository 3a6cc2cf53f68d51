package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

var catalog = querytest.Data{"_default.one": nil, "_default.odd": nil, "travel.airlines": nil, "other.airlines": nil}

func of(query string) (*plan.Query, error) {
	s, err := syntax.Parse(query)
	if err != nil {
		return nil, err
	}
	return plan.Of(s, catalog)
}

func TestWhatANameCannotMeanIsSaid(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]struct {
		pos     int
		message string // part of the message
		hint    string // part of the hint
	}{
		"SELECT x FROM airlines":                                              {14, `no collection "airlines"`, "airlines?"},
		"SELECT x FROM travel.airlins":                                        {14, `no collection "travel.airlins"`, "travel.airlines?"},
		"SELECT x FROM nowhere.quitefar":                                      {14, `no collection "nowhere.quitefar"`, "tandem collection list"},
		"SELECT substr(x) FROM one":                                           {7, `no function "substr"`, "lists the functions"},
		"SELECT lengt(x) FROM one":                                            {7, `no function "lengt"`, "length()?"},
		"SELECT upper(x, x) FROM one":                                         {7, "takes 1 argument, and is given 2", ""},
		"SELECT x FROM one a JOIN one b ON a.x = b.x":                         {7, `"x" belongs to no source`, "a.x"},
		"SELECT a.x FROM one a JOIN one a ON TRUE":                            {27, `two sources are called "a"`, "AS"},
		"SELECT x FROM one WHERE max(x) > 1":                                  {24, "WHERE cannot use the aggregate max()", ""},
		"SELECT max(x) AS m FROM one WHERE m > 1":                             {34, `which stands for an aggregate`, ""},
		"SELECT max(min(x)) FROM one":                                         {11, "max() cannot use the aggregate min()", ""},
		"SELECT x AS y, y FROM one":                                           {15, `the alias "y" of another column`, ""},
		"SELECT x AS y, x AS Y FROM one":                                      {20, `two columns have the alias "Y"`, ""},
		"SELECT x FROM one ORDER BY 2":                                        {27, "no column 2", "there are 1"},
		"SELECT x FROM one LIMIT x":                                           {24, "LIMIT cannot depend on a document", ""},
		"SELECT x FROM one LIMIT 1.5":                                         {24, "LIMIT takes an integer", ""},
		"SELECT META().nothing FROM one":                                      {13, "META() has no such field", "expiration"},
		"SELECT META(b).id FROM one a":                                        {7, `no source "b"`, ""},
		"SELECT u FROM one o UNNEST arr AS u":                                 {27, "UNNEST takes a property that begins with the name of a source", ""},
		"SELECT airlines.x FROM travel.airlines JOIN other.airlines ON TRUE":  {7, "one of several sources", "AS"},
		"SELECT abs(*) FROM one":                                              {7, "neither * nor DISTINCT", ""},
		"SELECT sum(*) FROM one":                                              {7, "takes 1 argument", ""},
		"SELECT x FROM one WHERE MATCH(i, 'x')":                               {30, `no full-text index "i" in _default.one`, "create one"},
		"SELECT x FROM odd WHERE MATCH(textIds, 'x')":                         {30, `no full-text index "textIds"`, "textIdx?"},
		"SELECT x FROM odd WHERE MATCH('textIdx', 'x')":                       {30, "the name of a full-text index", ""},
		"SELECT x FROM odd WHERE MATCH(textIdx)":                              {24, "MATCH() takes 2 arguments", ""},
		"SELECT x FROM odd WHERE MATCH(textIdx, body)":                        {39, "cannot depend on a document", "parameter"},
		"SELECT x FROM odd WHERE NOT MATCH(textIdx, 'x')":                     {28, "alone or between ANDs", ""},
		"SELECT x FROM odd WHERE x OR MATCH(textIdx, 'x')":                    {29, "alone or between ANDs", ""},
		"SELECT MATCH(textIdx, 'x') FROM odd":                                 {7, "alone or between ANDs", ""},
		"SELECT x FROM odd WHERE MATCH(textIdx, 'x') AND MATCH(textIdx, 'y')": {48, "searches the index \"textIdx\" already", "AND"},
		"SELECT RANK(textIdx) FROM odd":                                       {7, "needs a MATCH()", ""},
		"SELECT x FROM odd WHERE MATCH(textIdx, 'x') LIMIT RANK(textIdx)":     {50, "LIMIT cannot use RANK()", ""},
		"SELECT x FROM odd ORDER BY RANK(textIdx, 1)":                         {27, "RANK() takes 1 argument", ""},
	} {
		_, err := of(query)
		querytest.Refused(t, query, err, want.pos, want.message, want.hint)
	}
}

func TestAParameterThatTheQueryLacksIsRefused(t *testing.T) {
	t.Parallel()
	q, err := of("SELECT $country FROM one")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]value.Value{"contry": value.NullValue}
	err = q.CheckParams(given)
	if !errors.Is(err, fault.InvalidParam) || !strings.Contains(fault.HintOf(err), "$country") {
		t.Errorf("$contry: got %v (%s), want fault.InvalidParam with a hint at $country", err, fault.HintOf(err))
	}
	if err := q.CheckParams(nil); err != nil {
		t.Errorf("no parameter: got %v, want none", err)
	}
}

func TestWhatAnIndexCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"n +": "expected an expression", "": "expected an expression", "nosuch(n)": "no function", "count(n)": "aggregate",
		"$p": "parameter", "SELECT n FROM one": "expected an expression", "str_to_millis(n)": "time zone",
		"match(i, 'x')": "MATCH()", "rank(i)": "RANK()",
	} {
		list, err := syntax.ParseExpressions(text)
		if err == nil {
			_, err = plan.Expressions(list)
		}
		if !errors.Is(err, fault.InvalidQuery) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an invalid query with %q", text, err, want)
		}
	}
	list, err := syntax.ParseExpressions("name, upper(a.b[0]), META().id, s COLLATE NOCASE, _id")
	if err != nil {
		t.Fatal(err)
	}
	if bound, err := plan.Expressions(list); err != nil || len(bound) != 5 {
		t.Errorf("got %d expressions and %v, want 5", len(bound), err)
	}
}
