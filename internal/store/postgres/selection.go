package postgres

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/store/row"
)

const unexpired = `(expiry IS NULL OR expiry > $1) AND `

// bound compares IDs with any text. The server takes no zero byte, so bound leaves out the text from its first one on. IDs
// have no zero byte: a text with one is greater than the ID that it begins with.
func bound(operator, text string, arg func(any) string) string {
	if before, _, has := strings.Cut(text, "\x00"); has {
		text = before
		operator = map[string]string{`>=`: `>`, `>`: `>`, `<`: `<=`}[operator]
	}
	if utf8.ValidString(text) {
		return `id ` + operator + ` ` + arg(text)
	}
	return `convert_to(id, 'UTF8') ` + operator + ` ` + arg([]byte(text))
}

// selection returns the condition, the order and the arguments of a listing.
func selection(l row.Listing) (sql string, args []any) {
	args = []any{l.Now}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	switch l.Order {
	case row.BySequence:
		sql = unexpired + `seq > ` + arg(l.Since) + ` ORDER BY seq`
	case row.Backwards:
		sql = unexpired + `seq > ` + arg(l.Since) + ` AND seq < ` + arg(l.Before) + ` ORDER BY seq DESC`
	case row.ByID, row.ByIDBackwards:
		sql = unexpired + bound(`>=`, l.From, arg)
		if l.To != "" {
			sql += ` AND ` + bound(`<`, l.To, arg)
		}
		if l.Live {
			sql += ` AND flags & 1 = 0`
		}
		sql += ` ORDER BY id`
		if l.Order == row.ByIDBackwards {
			sql += ` DESC`
		}
	case row.ConflictsByID:
		sql = unexpired + `flags & 2 <> 0 AND ` + bound(`>`, l.From, arg) + ` ORDER BY id`
	case row.CandidatesOf:
		sql = unexpired + `flags & 12 <> 0 AND flags & 1 = 0 AND seq > ` + arg(l.Since) +
			` AND (strpos(body, ` + arg(l.Digest) + `) > 0 OR strpos(body, '\') > 0) ORDER BY seq`
	case row.Expired:
		sql = `expiry IS NOT NULL AND expiry <= $1 ORDER BY expiry`
	case row.KnownTo:
		sql = `$1::bigint IS NOT NULL AND flags & 2 = 0 AND seq > ` + arg(l.Since) +
			` AND strpos(' ' || replace(known, '=', ' ') || ' ', ` + arg(" "+strconv.FormatInt(l.Remote, 10)+" ") + `) > 0 ORDER BY seq`
	case row.Everything:
		sql = `$1::bigint IS NOT NULL`
	case row.WithBlobs:
		sql = `$1::bigint IS NOT NULL AND flags & 12 <> 0 AND seq > ` + arg(l.Since) + ` ORDER BY seq`
	}
	if l.Limit > 0 {
		sql += ` LIMIT ` + arg(int64(l.Limit))
	}
	return sql, args
}
