package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
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
		Use:   "query DB QUERY",
		Short: "Run a query in SQL++",
		Long: "query runs a query in SQL++ and prints its rows. A query names a collection scope.collection; _\n" +
			"is the default collection. docs/queries.md describes the language.",
		Example: "  tandem query travel 'SELECT name, city FROM travel.hotels WHERE country = \"France\" ORDER BY name'\n" +
			"  tandem query travel 'SELECT count(*) AS n FROM travel.hotels WHERE city = $city' --param 'city=\"London\"' --json",
		Args: cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error { return a.query(ctx, args[0], args[1], &f) }),
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
		q, err := db.CreateQuery(text) //nolint:contextcheck // compiling is quick
		if err != nil {
			return marked(text, err)
		}
		if f.explain {
			plan, err := q.Explain(ctx, params)
			fmt.Fprint(a.out, plan)
			return marked(text, err)
		}
		if f.live {
			return marked(text, a.follow(ctx, q, params, f))
		}
		rows, err := q.Execute(ctx, params)
		if err != nil {
			return marked(text, err)
		}
		return a.printRows(rows, f)
	})
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
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, printable(strings.Join(rows.Columns(), "\t")))
	n := 0
	for row, err := range rows.All() {
		if err != nil {
			_ = w.Flush() // what comes before the error
			return err
		}
		if n++; n%tablePart == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
		line := cells(row)
		for i, cell := range line {
			line[i] = breaks.Replace(printable(cell))
		}
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	return w.Flush()
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
