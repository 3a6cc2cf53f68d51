package store

import (
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store/row"
)

// lettersAtOnce is how many edits of the inbox one transaction takes.
const lettersAtOnce = 200

// takeMail makes the edits that SQL asks for in the inbox, on one node at a time, until the database closes.
func takeMail(db *DB) {
	for {
		select {
		case <-db.hub.watching.Done():
			return
		case <-db.hub.mail:
		}
		for more := db.hasDuty(db.hub.watching, "inbox"); more; {
			err := db.Update(db.hub.watching, func(tx *Tx) (err error) {
				more, err = tx.takeLetters()
				return err
			})
			more = more && err == nil // a failure leaves the letters to the next look
		}
	}
}

// takeLetters makes the oldest edits of the inbox, each as an operation of its own, and removes them in the same
// transaction. more reports whether there may be others.
func (tx *Tx) takeLetters() (more bool, err error) {
	rows := tx.rows.(*hubRows)
	if err := rows.written(false); err != nil {
		return false, err
	}
	all, err := rows.w.TakeLetters(lettersAtOnce)
	if err != nil || len(all) == 0 {
		return false, err
	}
	for i := range all {
		if err := tx.obey(&all[i]); err != nil {
			all[i].Reason = fault.About(err, "save document", all[i].ID).Error()
		}
		if tx.spoiled != nil {
			return false, tx.spoiled
		}
		if err := tx.ctx.Err(); err != nil {
			return false, err
		}
	}
	if err := rows.settle(); err != nil {
		return false, err
	}
	return len(all) == lettersAtOnce, rows.w.AnswerLetters(all)
}

// obey makes one edit.
func (tx *Tx) obey(l *row.Letter) error {
	scope, name, _ := strings.Cut(l.Collection, ".")
	c, err := tx.Collection(scope, name)
	if err != nil {
		return err
	}
	e := Edit{ID: l.ID, Body: l.Body, Deleted: l.Deleted}
	if l.Expected != nil {
		e.FailOnConflict, e.Parent = true, revision.ID(*l.Expected)
	}
	if !l.Deleted && len(l.Body) == 0 {
		return fault.Invalid.Says("the body is missing").Try("give a body, or set deleted")
	}
	_, err = tx.Save(c, e)
	return err
}
