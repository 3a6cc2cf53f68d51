package tandem

import (
	"log/slog"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// defaultSlowQuery is the duration from which on a query counts as slow.
const defaultSlowQuery = time.Second

// maxLoggedText bounds the bytes of a query's text in the log.
const maxLoggedText = 1000

// warnIfSlow logs that a run took long, and says what would make it faster.
func (r *reading) warnIfSlow(tx *store.Tx) {
	took := time.Since(r.began) - r.waited
	if limit := r.q.db.slowQuery; limit < 0 || took < limit {
		return
	}
	attributes := []any{slog.String("query", r.q.logged()), slog.Duration("took", took), slog.Int("rows", r.rows)}
	if _, steps, err := tx.ExplainQuery(r.q.plan, r.params); err == nil {
		if hint := hintAbout(steps, r.q.plan.Compared()); hint != "" {
			attributes = append(attributes, slog.String("hint", hint))
		}
	}
	r.q.db.logger.Warn("slow query", attributes...)
}

// logged returns the text of the query for the log. The values of its parameters are not in it.
func (q *Query) logged() string {
	if len(q.text) <= maxLoggedText {
		return q.text
	}
	return strings.ToValidUTF8(q.text[:maxLoggedText], "") + "…"
}

// hintAbout says what index is missing, from the steps of a plan and the properties that conditions and order
// depend on. It is "" if none is.
func hintAbout(steps, properties []string) string {
	scans, sorts := false, false
	for _, step := range steps {
		scans = scans || strings.HasPrefix(step, "SCAN d") && !strings.Contains(step, "INDEX") && !strings.Contains(step, "VIRTUAL TABLE")
		sorts = sorts || strings.Contains(step, "TEMP B-TREE") || strings.Contains(step, "AUTOMATIC")
	}
	if !scans && !sorts || len(properties) == 0 {
		return ""
	}
	of := strings.Join(properties, ", ")
	if scans {
		return "no index is used, and each document is read: create an index over properties that the conditions compare, among " + of
	}
	return "no index has the order, and rows are sorted: create an index over the properties in it, among " + of
}
