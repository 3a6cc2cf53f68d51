package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/store/row"
)

// TakeLetters reads the oldest edits that SQL asks for. Those that somebody changes just now come later.
func (w *writer) TakeLetters(limit int) (all []row.Letter, err error) {
	err = w.each(`SELECT id, collection, doc_id, coalesce(body::text, ''), deleted, expected_rev FROM @inbox
		ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`, func(rows pgx.Rows) error {
		var l row.Letter
		var body string
		err := rows.Scan(&l.Number, &l.Collection, &l.ID, &body, &l.Deleted, &l.Expected)
		l.Body = []byte(body)
		all = append(all, l)
		return err
	}, limit)
	return all, err
}

// AnswerLetters removes edits from the inbox, and keeps those with a reason among the failed ones.
func (w *writer) AnswerLetters(all []row.Letter) error {
	numbers, failed, reasons := make([]int64, 0, len(all)), []int64{}, []string{}
	for _, l := range all {
		numbers = append(numbers, l.Number)
		if l.Reason != "" {
			failed, reasons = append(failed, l.Number), append(reasons, l.Reason)
		}
	}
	if len(failed) > 0 {
		err := w.exec(`INSERT INTO @inbox_failed SELECT id, collection, doc_id, body, deleted, expected_rev, reason
			FROM @inbox JOIN unnest($1::bigint[], $2::text[]) AS why (number, reason) ON number = id`, failed, reasons)
		if err != nil {
			return err
		}
	}
	return w.exec(`DELETE FROM @inbox WHERE id = ANY($1)`, numbers)
}
