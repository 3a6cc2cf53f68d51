package page

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// queryView is what the view of queries shows.
type queryView struct {
	Keyspaces  []string
	KS         string
	Text       string
	Parameters string
	Ran        bool
	Columns    []string
	Rows       [][]string
	Total      int
	JSON       string
	Plan       string
	Scanned    uint64 // rows that were read without an index
	Took       time.Duration
	Problem    *Problem
}

// The bounds of a result.
const (
	resultMost = 4 << 20
	rowsShown  = 500
)

func showQuery(l *look) (any, error) {
	v := &queryView{KS: l.form.Get("ks"), Text: l.form.Get("text")}
	if v.Text == "" {
		v.Text = "SELECT META().id, * FROM _ LIMIT 20"
	}
	return v, v.addKeyspaces(l)
}

func (v *queryView) addKeyspaces(l *look) error {
	all, err := l.databases()
	if err != nil {
		return err
	}
	for _, d := range all {
		for full := range d.Collections {
			v.Keyspaces = append(v.Keyspaces, keyspaceOf(d.Name, full))
		}
	}
	return nil
}

// runQuery shows the rows of a query: it has no view to lead to.
func runQuery(l *look) (string, error) {
	v := &queryView{
		KS: l.form.Get("ks"), Text: l.form.Get("text"), Parameters: l.form.Get("parameters"), Ran: true,
	}
	if err := v.addKeyspaces(l); err != nil {
		return "", err
	}
	if err := v.run(l); err != nil {
		v.Problem = problemOf(err)
	}
	return "", &redo{v, v.Problem}
}

func (v *queryView) run(l *look) error {
	wanted := map[string]any{"query": v.Text}
	if strings.TrimSpace(v.Parameters) != "" {
		if !json.Valid([]byte(v.Parameters)) {
			return &Problem{Status: http.StatusBadRequest, Reason: "the parameters are no JSON object", Hint: `write {"name": value}, for $name in the query`}
		}
		wanted["parameters"] = json.RawMessage(v.Parameters)
	}
	body, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	path := "/" + v.KS + "/_query?explain=rows"
	began := time.Now()
	answer := l.Ask(Request{Method: http.MethodPost, Path: path, Body: body, Most: resultMost})
	v.Took = time.Since(began).Round(10 * time.Microsecond)
	if p := answer.Problem(); p != nil {
		if answer.Cut && answer.Status < http.StatusBadRequest {
			p = &Problem{Status: p.Status, Reason: "the result has more than 4 MB", Hint: "add a LIMIT, or name fewer columns"}
		}
		return p
	}
	return v.fill(answer.Body)
}

// fill makes a table of rows, whose columns are the members of all that are shown.
func (v *queryView) fill(text []byte) error {
	var got struct {
		Plan    string            `json:"plan"`
		Scanned uint64            `json:"rows_scanned"`
		Rows    []json.RawMessage `json:"rows"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return err
	}
	rows := got.Rows
	v.Plan, v.Scanned, v.Total = got.Plan, got.Scanned, len(rows)
	rows = rows[:min(len(rows), rowsShown)]
	at := map[string]int{}
	for _, row := range rows {
		for _, m := range membersOf(row) {
			if _, known := at[m.Key]; !known {
				at[m.Key] = len(v.Columns)
				v.Columns = append(v.Columns, m.Key)
			}
		}
	}
	var all strings.Builder
	for _, row := range rows {
		cells := make([]string, len(v.Columns))
		for _, m := range membersOf(row) {
			cells[at[m.Key]] = valueText(m.Value)
		}
		v.Rows = append(v.Rows, cells)
		all.WriteString(pretty(row) + "\n")
	}
	v.JSON = all.String()
	return nil
}

// Named shows the query as the configuration of a server names it.
func (v *queryView) Named() string {
	text, _ := json.MarshalIndent(map[string]any{"queries": map[string]string{"NAME": v.Text}}, "", "  ") // texts
	return string(text)
}
