package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/cmd/tandem/prompt"
)

// queryFlags are the flags of query.
type queryFlags struct {
	params  []string
	asJSON  bool
	asCSV   bool
	asTable bool
	explain bool
	live    bool
}

func newQuery(a *app) *cobra.Command {
	var f queryFlags
	c := &cobra.Command{
		Use:   "query DB [QUERY]",
		Short: "Run a query in SQL++, or ask for queries at a prompt",
		Long: "query runs a query in SQL++ and prints its rows. A query names a collection scope.collection; _\n" +
			"is the default collection. docs/queries.md describes the language.\n\n" +
			"Without a QUERY, query asks for queries at a prompt, each of which ends with a semicolon; .help\n" +
			"lists what else there is. The prompt keeps a history in the user's folder for such files. If\n" +
			"standard input is no terminal, query reads the queries from there, and ends at the first that fails.",
		Example: "  tandem query travel 'SELECT name, city FROM travel.hotels WHERE country = \"France\" ORDER BY name'\n" +
			"  tandem query travel 'SELECT count(*) AS n FROM travel.hotels WHERE city = $city' --param 'city=\"London\"' --json\n" +
			"  tandem query travel\n" +
			"  tandem query travel --csv < report.sql",
		Args: cobra.RangeArgs(1, 2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			if len(args) == 1 {
				return a.queries(ctx, args[0], &f)
			}
			return a.query(ctx, args[0], args[1], &f)
		}),
	}
	c.Flags().StringArrayVar(&f.params, "param", nil, "`NAME=JSON`: the value of the parameter $NAME; may be repeated")
	c.Flags().BoolVar(&f.asJSON, "json", false, "one JSON object per line, without columns that are missing")
	c.Flags().BoolVar(&f.asCSV, "csv", false, "comma-separated values with a line of names; texts as they are, other values as JSON")
	c.Flags().BoolVar(&f.asTable, "table", false, "a table for people (the default)")
	c.Flags().BoolVar(&f.explain, "explain", false, "print how the query would be run, and do not run it")
	c.Flags().BoolVar(&f.live, "live", false, "go on until interrupted, and print each result that differs, after an empty line")
	exclusive(c, "json", "csv", "table", "explain")
	exclusive(c, "live", "explain")
	return c
}

func (a *app) query(ctx context.Context, path, text string, f *queryFlags) error {
	params, err := parseParams(f.params)
	if err != nil {
		return err
	}
	return a.with(ctx, path, func(db *tandem.Database) error {
		s := &querySession{a: a, db: db, f: f, params: params}
		return marked(text, s.run(ctx, text, f.mode()))
	})
}

// queryMode is what to do with a query.
type queryMode uint8

const (
	toPrint queryMode = iota
	toExplain
	toFollow
)

func (f *queryFlags) mode() queryMode {
	switch {
	case f.explain:
		return toExplain
	case f.live:
		return toFollow
	}
	return toPrint
}

// querySession runs queries of one database.
type querySession struct {
	a      *app
	db     *tandem.Database
	f      *queryFlags
	params tandem.Parameters

	several bool   // there may be several queries: each uses some of the parameters
	last    string // the last query at the prompt
}

// only returns the parameters with some names.
func only(params tandem.Parameters, names []string) tandem.Parameters {
	some := tandem.Parameters{}
	for _, name := range names {
		if value, ok := params[name]; ok {
			some[name] = value
		}
	}
	return some
}

// run runs a query. An error about the text is a [*tandem.QueryError].
func (s *querySession) run(ctx context.Context, text string, mode queryMode) error {
	q, err := s.db.CreateQuery(text)
	if err != nil {
		return err
	}
	params := s.params
	if s.several {
		params = only(params, prompt.Params(text))
	}
	switch mode {
	case toExplain:
		plan, err := q.Explain(ctx, params)
		fmt.Fprint(s.a.out, plan)
		return err
	case toFollow:
		return s.a.follow(ctx, q, params, s.f)
	case toPrint:
	}
	rows, err := q.Execute(ctx, params)
	if err != nil {
		return err
	}
	defer rows.Close()
	return s.a.printRows(rows, s.f)
}

// follow prints the results of a live query until ctx ends.
func (a *app) follow(ctx context.Context, q *tandem.Query, params tandem.Parameters, f *queryFlags) error {
	first := true
	for change := range q.Changes(ctx, params) {
		if change.Err != nil {
			return change.Err
		}
		if !first {
			fmt.Fprintln(a.out)
		}
		first = false
		if err := errors.Join(a.printRows(change.Results, f), a.out.Flush()); err != nil {
			return err
		}
	}
	return nil
}

// parseParams reads NAME=JSON.
func parseParams(list []string) (tandem.Parameters, error) {
	params := tandem.Parameters{}
	for _, p := range list {
		name, text, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, usage("--param %s: want NAME=JSON", p)
		}
		if !json.Valid([]byte(text)) {
			return nil, usageError{text: fmt.Sprintf("--param %s: %s is no JSON", p, text), hint: "write texts in double quotes: " + name + `='"text"'`}
		}
		params[name] = json.RawMessage(text)
	}
	return params, nil
}

func (a *app) printRows(rows *tandem.ResultSet, f *queryFlags) error {
	switch {
	case f.asJSON:
		for row, err := range rows.All() {
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s\n", row.JSON())
		}
		return nil
	case f.asCSV:
		return a.printCSV(rows)
	}
	return a.printTable(rows)
}

func (a *app) printCSV(rows *tandem.ResultSet) error {
	w := csv.NewWriter(a.out)
	if err := w.Write(rows.Columns()); err != nil {
		return err
	}
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		if err := w.Write(cells(row)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// breaks replaces characters that would end a line or a cell of a table.
var breaks = strings.NewReplacer("\n", " ", "\t", " ")

// tablePart is how many rows of a table have their columns below each other. More of them would have to be kept in memory.
const tablePart = 1000

func (a *app) printTable(rows *tandem.ResultSet) error {
	table := prompt.Table{Names: printableAll(rows.Columns()), Width: a.width()}
	named := true
	part := [][]string{}
	write := func() error {
		err := table.Write(a.out, part, named)
		part, named = part[:0], false
		return err
	}
	for row, err := range rows.All() {
		if err != nil {
			if len(part) > 0 || named {
				_ = write() // what comes before the error
			}
			return err
		}
		if part = append(part, printableAll(cells(row))); len(part) == tablePart-1 {
			if err := write(); err != nil {
				return err
			}
		}
	}
	if len(part) > 0 || named {
		return write()
	}
	return nil
}

// printableAll makes cells of a table printable, in place.
func printableAll(line []string) []string {
	for i, cell := range line {
		line[i] = breaks.Replace(printable(cell))
	}
	return line
}

// width returns how many places a line of the terminal has, 0 if the output is no terminal.
func (a *app) width() int {
	if a.display == nil {
		return 0
	}
	width, _, err := term.GetSize(int(a.display.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// cells returns the columns of a row as text: strings unchanged, "" for missing values, and JSON
// for others.
func cells(row *tandem.Result) []string {
	all := make([]string, len(row.Keys()))
	for i := range all {
		if s, ok := row.ValueAt(i).(string); ok {
			all[i] = s
			continue
		}
		all[i] = string(row.JSONAt(i))
	}
	return all
}
