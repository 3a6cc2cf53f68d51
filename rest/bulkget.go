package rest

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/tandemdb/tandem/internal/couch"
)

// wantedRevision is a document that a bulk request asks for; without rev it is the latest revision.
type wantedRevision struct {
	ID  string `json:"id"`
	Rev string `json:"rev"`
}

// postBulkGet reads many documents.
func postBulkGet(c *call) error {
	details, err := c.details()
	if err != nil {
		return err
	}
	text, err := c.readJSON(c.h.cfg.Limits.DocumentBytes)
	if err != nil {
		return err
	}
	var given struct {
		Docs []wantedRevision `json:"docs"`
	}
	if err := unmarshal(text, &given); err != nil || given.Docs == nil {
		return refuse(http.StatusBadRequest, `the body does not fit: want {"docs": [{"id": …}, …]}`)
	}
	var out bulkWriter
	if c.acceptsMultipart() {
		out = mixedBulk{newMultipart(c, http.StatusOK)}
	} else {
		out = &bulkList{stream: c.stream(http.StatusOK, jsonType, false), before: `{"results":[`}
	}
	if c.asTrees(details) {
		err = c.bulkTrees(out, given.Docs, details)
	} else {
		err = c.bulkPlain(out, given.Docs, details)
	}
	if err != nil {
		return err
	}
	return out.close()
}

func (c *call) bulkPlain(out bulkWriter, all []wantedRevision, details detail) error {
	for _, wanted := range all {
		if err := c.bulkGet(out, wanted, details); err != nil {
			return err
		}
	}
	return nil
}

// bulkTrees writes revisions for a client with revision trees of its own.
func (c *call) bulkTrees(out bulkWriter, all []wantedRevision, details detail) error {
	wanted := make([]couch.Wanted, len(all))
	for i, w := range all {
		wanted[i] = couch.Wanted{ID: w.ID, Rev: w.Rev}
	}
	return c.eachRevision(wanted, details, func(i int, v shown, more [][]byte, err error) error {
		switch {
		case err == nil:
			return out.found(v, more)
		case isOfServer(err):
			return err
		}
		return out.failed(all[i], refusalOf(err))
	})
}

// bulkGet writes one revision, or why there is none.
func (c *call) bulkGet(out bulkWriter, wanted wantedRevision, details detail) error {
	_, err := docID(wanted.ID)
	var v shown
	var more [][]byte
	if err == nil {
		v, err = c.read(wanted.ID, wanted.Rev)
	}
	if err == nil {
		more, err = c.more(v, details)
	}
	switch {
	case err == nil:
		return out.found(v, more)
	case isOfServer(err):
		return err
	}
	return out.failed(wanted, refusalOf(err))
}

// bulkWriter writes the results of a bulk request.
type bulkWriter interface {
	found(v shown, more [][]byte) error
	failed(wanted wantedRevision, no *refusal) error
	close() error
}

// bulkList writes JSON.
type bulkList struct {
	*stream
	before string
	any    bool
}

func (l *bulkList) found(v shown, more [][]byte) error {
	return l.item(v.id, slices.Concat([]byte(`{"ok":`), v.append(nil, more...), []byte("}")))
}

func (l *bulkList) failed(wanted wantedRevision, no *refusal) error {
	text, err := wanted.failure(no)
	if err != nil {
		return err
	}
	return l.item(wanted.ID, slices.Concat([]byte(`{"error":`), text, []byte("}")))
}

func (l *bulkList) item(id string, text []byte) error {
	line := append([]byte(l.before), `{"id":`...)
	line = append(appendString(line, id), `,"docs":[`...)
	line = append(append(line, text...), "]}"...)
	l.before, l.any = ",", true
	_, err := l.Write(line)
	return err
}

func (l *bulkList) close() error {
	end := "]}\n"
	if !l.any {
		end = l.before + end
	}
	if _, err := l.Write([]byte(end)); err != nil {
		return err
	}
	return l.Close()
}

// failure returns the JSON of why a revision is not there.
func (w wantedRevision) failure(no *refusal) ([]byte, error) {
	f := no.failure()
	return json.Marshal(struct {
		wantedRevision
		Error  string `json:"error"`
		Reason string `json:"reason"`
		Status int    `json:"status"`
	}{w, f.Error, f.Reason, no.status})
}

// mixedBulk writes multipart/mixed.
type mixedBulk struct{ *mixed }

func (m mixedBulk) failed(wanted wantedRevision, no *refusal) error {
	text, err := wanted.failure(no)
	if err != nil {
		return err
	}
	return m.part(wanted.ID, wanted.Rev, jsonType+`; error="true"`, text)
}
