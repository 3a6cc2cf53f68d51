package rest

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// logRecords is how many records a [Log] keeps.
const logRecords = 2000

// Log is a [slog.Handler] that keeps the last 2,000 records from level Info, for GET /_log, and passes
// all of them on. PUT /_log/level has it keep those of level Debug, too, for a while. Make it with
// [NewLog]; its methods are safe for concurrent use.
type Log struct {
	next slog.Handler // nil for none
	ring *logRing

	attrs  []slog.Attr // of WithAttrs, in the groups that were open then
	groups []string
}

// NewLog returns a log that passes records on to next, unless that is nil.
func NewLog(next slog.Handler) *Log {
	return &Log{next: next, ring: &logRing{added: make(chan struct{})}}
}

// To returns a handler that keeps its records in the same log, and passes them on to next.
func (l *Log) To(next slog.Handler) *Log { return &Log{next: next, ring: l.ring} }

// Enabled implements [slog.Handler].
func (l *Log) Enabled(ctx context.Context, level slog.Level) bool {
	return l.keeps(level) || l.next != nil && l.next.Enabled(ctx, level)
}

// keeps reports whether records of a level are kept.
func (l *Log) keeps(level slog.Level) bool {
	return level >= slog.LevelInfo || level >= slog.LevelDebug && !l.ring.debugging().IsZero()
}

// Handle implements [slog.Handler].
func (l *Log) Handle(ctx context.Context, r slog.Record) error {
	if l.keeps(r.Level) {
		l.ring.add(l.record(r))
	}
	if l.next == nil || !l.next.Enabled(ctx, r.Level) {
		return nil
	}
	return l.next.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (l *Log) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *l
	with.attrs = append(append([]slog.Attr{}, l.attrs...), grouped(l.groups, attrs)...)
	if l.next != nil {
		with.next = l.next.WithAttrs(attrs)
	}
	return &with
}

// WithGroup implements [slog.Handler].
func (l *Log) WithGroup(name string) slog.Handler {
	if name == "" {
		return l
	}
	with := *l
	with.groups = append(append([]string{}, l.groups...), name)
	if l.next != nil {
		with.next = l.next.WithGroup(name)
	}
	return &with
}

// grouped puts attributes into groups, the first outermost.
func grouped(groups []string, attrs []slog.Attr) []slog.Attr {
	for i := len(groups) - 1; i >= 0 && len(attrs) > 0; i-- {
		attrs = []slog.Attr{{Key: groups[i], Value: slog.GroupValue(attrs...)}}
	}
	return attrs
}

// logRecord is a record as GET /_log shows it.
type logRecord struct {
	Time  time.Time      `json:"time"`
	Level string         `json:"level"`
	Text  string         `json:"msg"`
	Attrs map[string]any `json:"attrs,omitempty"`

	level slog.Level
}

// maxLogText bounds a text in a record, in bytes.
const maxLogText = 4 << 10

func (l *Log) record(r slog.Record) logRecord {
	kept := logRecord{Time: r.Time.UTC(), Level: r.Level.String(), Text: shortened(r.Message), level: r.Level}
	var own []slog.Attr
	r.Attrs(func(a slog.Attr) bool { own = append(own, a); return true })
	all := append(append([]slog.Attr{}, l.attrs...), grouped(l.groups, own)...)
	if len(all) > 0 {
		kept.Attrs = attributes(all)
	}
	return kept
}

// attributes resolves values at once: a record must not keep what may change, and a secret says itself
// how it is shown.
func attributes(attrs []slog.Attr) map[string]any {
	shown := make(map[string]any, len(attrs))
	for _, a := range attrs {
		switch v := a.Value.Resolve(); v.Kind() {
		case slog.KindGroup:
			shown[a.Key] = attributes(v.Group())
		case slog.KindInt64, slog.KindUint64, slog.KindBool:
			shown[a.Key] = v.Any()
		default:
			shown[a.Key] = shortened(v.String())
		}
	}
	return shown
}

func shortened(text string) string {
	if len(text) > maxLogText {
		return text[:maxLogText] + "…"
	}
	return text
}

// logRing keeps the last records.
type logRing struct {
	debug atomic.Int64 // until when those of level Debug are kept, in Unix nanoseconds; 0 for not at all

	mu      sync.Mutex // guards the following
	records [logRecords]logRecord
	next    uint64        // the number of the next record; they count up from 0
	added   chan struct{} // closed and replaced when a record is added
}

func (l *logRing) add(r logRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[l.next%logRecords] = r
	l.next++
	close(l.added)
	l.added = make(chan struct{})
}

// since returns the records from a number on that are kept, the number of the next one, and a channel
// that is closed when it comes.
func (l *logRing) since(number uint64) (records []logRecord, next uint64, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next > logRecords {
		number = max(number, l.next-logRecords)
	}
	for ; number < l.next; number++ {
		records = append(records, l.records[number%logRecords])
	}
	return records, l.next, l.added
}

// debugging returns until when debug records are kept; the zero time if they are not.
func (l *logRing) debugging() time.Time {
	until := l.debug.Load()
	if until == 0 || time.Now().UnixNano() >= until {
		return time.Time{}
	}
	return time.Unix(0, until).UTC()
}

// debugFor keeps debug records from now on.
func (l *logRing) debugFor(d time.Duration) { l.debug.Store(time.Now().Add(d).UnixNano()) }
