package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// deletion is a selection of documents to delete.
type deletion struct {
	Picked []pickedDocument
	Typed  string // as the number of documents
}

// pickedDocument is a document as the list has shown it.
type pickedDocument struct{ ID, Revision string }

// Pick is the value of its box in the form: a revision has no spaces.
func (d documentRow) Pick() string { return d.Revision + " " + d.ID }

// Pick is the value that keeps it picked.
func (d pickedDocument) Pick() string { return d.Revision + " " + d.ID }

// deleteSelected deletes the documents that were picked, once somebody has typed how many they are.
func deleteSelected(l *look) (string, error) {
	list := &documentList{KS: l.vars["ks"], Name: l.vars["ks"], Deletion: &deletion{Typed: l.form.Get("count")}}
	for _, pick := range l.form["pick"] {
		if rev, id, ok := strings.Cut(pick, " "); ok {
			list.Deletion.Picked = append(list.Deletion.Picked, pickedDocument{id, rev})
		}
	}
	picked := list.Deletion.Picked
	switch {
	case len(picked) == 0:
		return "/_tandem/docs/" + list.KS, nil
	case list.Deletion.Typed == "":
		return "", &redo{list, nil}
	case list.Deletion.Typed != strconv.Itoa(len(picked)):
		list.Problem = &Problem{
			Status: http.StatusBadRequest, Reason: "the number is another: nothing was deleted",
			Hint: fmt.Sprintf("type %d to delete %s", len(picked), plural(len(picked), "document", "documents")),
		}
		return "", &redo{list, list.Problem}
	}
	left, err := l.deleteAll(list.KS, picked)
	if err != nil {
		return "", err
	}
	if left != nil {
		list.Deletion, list.Problem = nil, left
		return "", &redo{list, left}
	}
	return "/_tandem/docs/" + list.KS + "?deleted=" + strconv.Itoa(len(picked)), nil
}

// deleteAll deletes documents of given revisions. left says which ones were not deleted, and why.
func (l *look) deleteAll(ks string, picked []pickedDocument) (left *Problem, err error) {
	type tombstone struct {
		ID       string `json:"_id"`
		Revision string `json:"_rev"`
		Deleted  bool   `json:"_deleted"`
	}
	docs := make([]tombstone, len(picked))
	for i, d := range picked {
		docs[i] = tombstone{d.ID, d.Revision, true}
	}
	body, err := json.Marshal(map[string]any{"docs": docs})
	if err != nil {
		return nil, err
	}
	var rows []struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
		Error  string `json:"error"`
	}
	if err := l.send(&rows, Request{Method: http.MethodPost, Path: "/" + ks + "/_bulk_docs", Body: body}); err != nil {
		return nil, err
	}
	var failed []string
	for _, row := range rows {
		if row.Error == "conflict" {
			row.Reason = "somebody has changed it meanwhile"
		}
		if row.Error != "" {
			failed = append(failed, row.ID+": "+row.Reason)
		}
	}
	if len(failed) == 0 {
		return nil, nil //nolint:nilnil // all are deleted
	}
	return &Problem{
		Status: http.StatusConflict,
		Reason: fmt.Sprintf("%d of %s were not deleted: %s", len(failed), plural(len(picked), "document", "documents"), strings.Join(failed, "; ")),
		Hint:   "look at these again, and select those that should go",
	}, nil
}
