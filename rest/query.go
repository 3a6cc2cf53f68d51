package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
)

func queryRoutes() []route {
	return []route{
		{method: "POST", pattern: "/{ks}/_query", needs: decides, do: postQuery},
		{method: "GET", pattern: "/{ks}/_query/{name}", needs: decides, do: getNamedQuery},
		{method: "POST", pattern: "/{ks}/_query/{name}", needs: decides, do: postNamedQuery},
	}
}

// The bounds of a query by HTTP.
const (
	queryTime    = 10 * time.Second
	queryRows    = 100_000
	adHocQueries = 2 // at once

	queriesPerProcessor = 2 // named ones at once
)

// NamedQuery is a query of [Database].Queries.
type NamedQuery struct {
	// Text is the query. In it, _ is the collection of the path.
	Text string

	// Grants are the full names of collections that the query may read for a user who may not. The
	// user still needs to read the collection of the path. Empty widens nothing.
	Grants []string
}

// queryRequest is the body of an ad hoc query.
type queryRequest struct {
	Query      string                     `json:"query"`
	Parameters map[string]json.RawMessage `json:"parameters"`
}

// postQuery runs the query of the body, where such are allowed.
func postQuery(c *call) error {
	if !c.db.options.AdHocQueries && !isAdmin(c.who.user) {
		return refuse(http.StatusForbidden, "this database runs no queries but those of its configuration")
	}
	if err := c.mayQuery(); err != nil {
		return err
	}
	var wanted queryRequest
	if err := c.decodeExactly(&wanted, maxRequest, "the body is no query"); err != nil {
		return err
	}
	if strings.TrimSpace(wanted.Query) == "" {
		return refuse(http.StatusBadRequest, "query is missing")
	}
	select {
	case c.h.adHoc <- struct{}{}:
		defer func() { <-c.h.adHoc }()
	default:
		no := refuse(http.StatusTooManyRequests, "%d queries are running, which is the most at once", adHocQueries)
		no.header = http.Header{"Retry-After": {"1"}}
		return no
	}
	return c.runQuery(NamedQuery{Text: wanted.Query}, wanted.Query, wanted.Parameters)
}

// mayQuery checks that the caller may read the collection of the path.
func (c *call) mayQuery() error {
	if c.coll == nil || !c.mayRead(c.db, c.ks.scope, c.ks.collection) {
		return c.noAccess(c.ks.String())
	}
	return nil
}

// getNamedQuery runs a query of the configuration with the parameters of the URL.
func getNamedQuery(c *call) error {
	params := map[string]json.RawMessage{}
	for name, values := range c.r.URL.Query() {
		if name == "explain" {
			continue
		}
		value := json.RawMessage(values[0])
		if !json.Valid(value) { // a text without quotes
			value, _ = marshal(values[0])
		}
		params[name] = value
	}
	return c.runNamed(params)
}

// postNamedQuery runs a query of the configuration with the parameters of the body.
func postNamedQuery(c *call) error {
	params := map[string]json.RawMessage{}
	if err := c.decode(&params); err != nil {
		return err
	}
	return c.runNamed(params)
}

func (c *call) runNamed(params map[string]json.RawMessage) error {
	if err := c.mayQuery(); err != nil {
		return err
	}
	known := c.db.options.Queries
	if len(known) == 0 {
		return refuse(http.StatusForbidden, "this database has no queries in its configuration")
	}
	wanted, ok := known[c.vars[0]]
	if !ok {
		return refuse(http.StatusNotFound, "there is no query %.100q", c.vars[0])
	}
	who := c.account()
	wait, cancel := context.WithTimeout(c.r.Context(), c.h.cfg.Limits.QueryWait)
	defer cancel()
	if !c.h.queries.await(wait, who) {
		return tooMany("you have too many queries running, or all have")
	}
	defer c.h.queries.leave(who)
	if !c.mayGoOn() { // rights may be gone after the wait
		return c.noAccess(c.ks.String())
	}
	return c.runQuery(wanted, c.vars[0], params)
}

// runQuery compiles a query, checks the access to each collection that it reads, and answers its rows,
// or its plan with explain=true, or both with explain=rows.
func (c *call) runQuery(wanted NamedQuery, shown string, given map[string]json.RawMessage) error {
	with := c.param("explain") == "rows"
	explain := false
	if !with {
		var err error
		if explain, err = c.flag("explain"); err != nil {
			return err
		}
	}
	q, err := c.coll.CreateQuery(wanted.Text)
	if err != nil {
		return err
	}
	if err := c.mayReadAll(q, wanted.Grants); err != nil {
		return err
	}
	params := tandem.Parameters{}
	for name, value := range given {
		params[name] = value
	}
	if explain {
		return c.explainQuery(q, params)
	}
	c.audit(auditQuery, "query", shown)
	defer c.begin(activity{Type: "query", KS: c.ks.String(), Query: shown})()
	ctx, cancel := c.queryContext()
	defer cancel()
	if with {
		return c.sendExplained(ctx, q, params)
	}
	return c.sendRows(ctx, q, params)
}

// queryContext bounds a query, which also ends with the handler.
func (c *call) queryContext() (context.Context, context.CancelFunc) {
	ctx, cancel := c.h.life.context(c.r.Context())
	return tandem.WithQueryOptions(ctx, tandem.QueryOptions{MaxRows: queryRows, Timeout: queryTime}), cancel
}

// sendExplained answers the rows with the plan, and with how many rows the query has read without an index:
// all of one run.
func (c *call) sendExplained(ctx context.Context, q *tandem.Query, params tandem.Parameters) error {
	plan, err := q.Explain(ctx, params)
	if err != nil {
		return err
	}
	rows, err := q.Execute(ctx, params)
	if err != nil {
		return queryFailure(err)
	}
	defer rows.Close()
	text := append(appendString([]byte(`{"plan":`), plan), `,"rows":[`...)
	begun := len(text)
	for row, err := range rows.All() {
		if err != nil {
			return queryFailure(err)
		}
		if len(text) > begun {
			text = append(text, ',', '\n')
		}
		if text = append(text, row.JSON()...); len(text) >= rowsWritten {
			if c.w.status == 0 {
				c.beginRows(false)
			}
			if err := c.push(text); err != nil {
				return err
			}
			text, begun = text[:0], -1 // a comma goes before the next row
		}
	}
	if c.w.status == 0 {
		c.beginRows(false)
	}
	return c.push(fmt.Appendf(text, `],"rows_scanned":%d}`+"\n", rows.Scanned()))
}

// explainQuery answers how a query is run, and how many rows it reads without an index. Only a run tells that.
func (c *call) explainQuery(q *tandem.Query, params tandem.Parameters) error {
	ctx, cancel := c.queryContext()
	defer cancel()
	plan, err := q.Explain(ctx, params)
	if err != nil {
		return err
	}
	scanned, err := q.Scanned(ctx, params)
	if err != nil {
		return queryFailure(err)
	}
	return c.answer(http.StatusOK, struct {
		Plan    string `json:"plan"`
		Scanned int64  `json:"rows_scanned"`
	}{plan, scanned})
}

// mayReadAll checks the access to every collection that a query reads.
func (c *call) mayReadAll(q *tandem.Query, granted []string) error {
	for _, full := range q.Collections() {
		scope, name, _ := strings.Cut(full, ".")
		if !slices.Contains(granted, full) && !c.mayRead(c.db, scope, name) {
			return c.noAccess(c.db.name + "." + full)
		}
	}
	return nil
}

// rowsWritten is how many bytes of rows are written at a time.
const rowsWritten = 64 << 10

// sendRows answers the rows as they are read. An error after the first bytes ends the connection, so
// that the client cannot take a part for the whole.
func (c *call) sendRows(ctx context.Context, q *tandem.Query, params tandem.Parameters) error {
	rows, err := q.Execute(ctx, params)
	if err != nil {
		return queryFailure(err)
	}
	defer rows.Close()
	lines := c.wantsLines()
	text, begun := []byte{}, false
	flush := func() error {
		if !begun {
			begun = true
			c.beginRows(lines)
		}
		err := c.push(text)
		text = text[:0]
		return err
	}
	if !lines {
		text = append(text, '[')
	}
	first := true
	for row, err := range rows.All() {
		if err != nil {
			return queryFailure(err)
		}
		switch {
		case lines:
			text = append(append(text, row.JSON()...), '\n')
		case first:
			text = append(text, row.JSON()...)
		default:
			text = append(append(text, ",\n"...), row.JSON()...)
		}
		if first = false; len(text) >= rowsWritten {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if !lines {
		text = append(text, "]\n"...)
	}
	return flush()
}

func (c *call) beginRows(lines bool) {
	kind := jsonType
	if lines {
		kind = linesType
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.WriteHeader(http.StatusOK)
}

const linesType = "application/x-ndjson"

// wantsLines reports whether the client accepts lines of JSON, and asks for them by name.
func (c *call) wantsLines() bool {
	for _, line := range c.r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			if kind, _, err := mime.ParseMediaType(part); err == nil && kind == linesType {
				return true
			}
		}
	}
	return false
}

// queryFailure answers a query that failed while it ran, as by a bound: its hint is for programs that
// set the bounds.
func queryFailure(err error) error {
	if failed := new(tandem.QueryError); errors.As(err, &failed) && failed.Pos < 0 {
		return refuse(http.StatusBadRequest, "%s", failed.Error()).
			try("add a LIMIT or conditions; explain=true shows whether an index is missing")
	}
	return err
}
