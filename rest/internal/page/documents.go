package page

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// databaseList is what the list of databases shows.
type databaseList struct {
	Databases []databaseKeyspaces
}

type databaseKeyspaces struct {
	databaseCard
	Keyspaces []keyspaceRow
}

type keyspaceRow struct {
	KS, Name  string // as a segment of a path, and for people
	Documents uint64
	Sequence  uint64
}

func showDatabases(l *look) (any, error) {
	all, err := l.databases()
	if err != nil {
		return nil, err
	}
	list := databaseList{}
	for _, d := range all {
		entry := databaseKeyspaces{databaseCard: d}
		for full, state := range d.Collections {
			entry.Keyspaces = append(entry.Keyspaces, keyspaceRow{keyspaceOf(d.Name, full), full, state.Documents, state.Sequence})
		}
		slices.SortFunc(entry.Keyspaces, func(a, b keyspaceRow) int { return strings.Compare(a.Name, b.Name) })
		list.Databases = append(list.Databases, entry)
	}
	return list, nil
}

// keyspaceOf writes a collection as a segment of a path. A dot in the name of a database is escaped;
// collections have none.
func keyspaceOf(database, full string) string {
	return segment(database) + "." + full
}

// documentList is a page of a collection's documents.
type documentList struct {
	KS, Name string
	Prefix   string
	Total    int
	Columns  []string // the members shown besides the ID
	Rows     []documentRow
	Before   string    // the ID to list before; "" at the beginning
	After    string    // the ID to list from; "" at the end
	Deletion *deletion // of the selected documents, to confirm
	Deleted  int       // documents that the visitor has just deleted
	Problem  *Problem
}

type documentRow struct {
	ID       string
	Revision string
	Values   []string
}

// The bounds of a page of documents.
const (
	documentsShown = 40
	columnsShown   = 4
	bodiesMost     = 2 << 20 // larger pages show the IDs alone
	valueShown     = 80      // characters
)

// listedRow is a row of _all_docs.
type listedRow struct {
	ID    string          `json:"id"`
	Doc   json.RawMessage `json:"doc"`
	Value struct {
		Revision string `json:"rev"`
	} `json:"value"`
}

func showDocuments(l *look) (any, error) {
	ks := l.vars["ks"]
	list := &documentList{KS: ks, Name: ks, Prefix: l.form.Get("prefix")}
	rows, err := l.listDocuments(list, l.form.Get("from"), l.form.Get("before"))
	if err != nil {
		return nil, err
	}
	list.fill(rows)
	list.Deleted, _ = strconv.Atoi(l.form.Get("deleted")) // 0 for none
	return list, nil
}

// listDocuments reads the documents from an ID on, or those before one.
func (l *look) listDocuments(list *documentList, from, before string) ([]listedRow, error) {
	if before != "" {
		rows, more, err := l.scan(list, url.Values{"descending": {"true"}, "startkey": {before}, "skip": {"1"}, "endkey": {list.Prefix}})
		slices.Reverse(rows)
		list.After = before
		if more {
			rows = rows[1:]
			list.Before = rows[0].ID
		}
		return rows, err
	}
	params := url.Values{"startkey": {max(from, list.Prefix)}}
	if list.Prefix != "" {
		params.Set("endkey", list.Prefix+"\U0010FFFF")
	}
	rows, more, err := l.scan(list, params)
	if more {
		list.After = rows[len(rows)-1].ID
		rows = rows[:len(rows)-1]
	}
	if from > list.Prefix && len(rows) > 0 {
		list.Before = rows[0].ID
	}
	return rows, err
}

// scan lists one document more than are shown, if there are more.
func (l *look) scan(list *documentList, params url.Values) (rows []listedRow, more bool, err error) {
	for name := range params {
		if params.Get(name) == "" {
			params.Del(name)
		} else if name != "descending" && name != "skip" {
			text, _ := json.Marshal(params.Get(name)) // a string
			params.Set(name, string(text))
		}
	}
	params.Set("limit", strconv.Itoa(documentsShown+1))
	params.Set("include_docs", "true")
	path := "/" + list.KS + "/_all_docs?"
	var got struct {
		Total int         `json:"total_rows"`
		Rows  []listedRow `json:"rows"`
	}
	err = l.send(&got, Request{Path: path + params.Encode(), Most: bodiesMost})
	if isStatus(err, http.StatusRequestEntityTooLarge) {
		params.Del("include_docs")
		err = l.send(&got, Request{Path: path + params.Encode()})
	}
	list.Total = got.Total
	return got.Rows, len(got.Rows) > documentsShown, err
}

// fill picks the columns: the members that most rows have, in the order of the first ones.
func (list *documentList) fill(rows []listedRow) {
	seen := map[string]int{}
	var order []string
	bodies := make([]map[string]json.RawMessage, len(rows))
	for i, row := range rows {
		_ = json.Unmarshal(row.Doc, &bodies[i]) // a list without bodies has no columns
		for _, m := range membersOf(row.Doc) {
			if strings.HasPrefix(m.Key, "_") {
				continue
			}
			if seen[m.Key]++; seen[m.Key] == 1 {
				order = append(order, m.Key)
			}
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return seen[b] - seen[a] })
	list.Columns = order[:min(len(order), columnsShown)]
	for i, row := range rows {
		shown := documentRow{ID: row.ID, Revision: row.Value.Revision}
		for _, name := range list.Columns {
			shown.Values = append(shown.Values, valueText(bodies[i][name]))
		}
		list.Rows = append(list.Rows, shown)
	}
}

// valueText shows a value in a cell.
func valueText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil || len(value) == 0 || value[0] != '"' {
		var compact bytes.Buffer
		if json.Compact(&compact, value) != nil {
			return ""
		}
		text = compact.String()
	}
	if runes := []rune(text); len(runes) > valueShown {
		return string(runes[:valueShown]) + "…"
	}
	return text
}
